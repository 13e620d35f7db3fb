/** Addons on the sandbox: health, drift, changed options, and what is refused. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessOf, at, type Client, createClient, type Fields } from '../sandbox/kubernetes/client.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface AddonView {
  name: string;
  version: string | null;
  enabled: boolean;
  state: string;
  message: string;
}

interface OperationView {
  uuid: string;
  requestedAt: string;
  steps: { name: string; startedAt: string | null; finishedAt: string | null }[];
}

const COREDNS = '/apis/apps/v1/namespaces/kube-system/deployments/coredns';
const COREFILE = '/api/v1/namespaces/kube-system/configmaps/coredns';
const MERGE = { 'content-type': 'application/merge-patch+json' };

let world: Living;
let tenant: Client;
let clusterId: string;

const read = async (path: string): Promise<Fields | undefined> => {
  const answer = await tenant.call('GET', path);
  return answer.status === 200 ? answer.body : undefined;
};
const clusterOf = async () =>
  (
    await world.ask<{ cluster: { state: string; addons: AddonView[] } }>(
      world.member,
      'query($id: ID!) { cluster(id: $id) { state addons { name version enabled state message } } }',
      { id: clusterId },
    )
  ).cluster;
const addonOf = async (name: string): Promise<AddonView | undefined> => (await clusterOf()).addons.find((addon) => addon.name === name);
const update = (overrides: object) => world.change(world.member, 'updateCluster', { clusterId, overrides }, 'cluster { id }');

beforeAll(async () => {
  world = await openLiving();
  clusterId = await world.makeCluster('addons');
  const issued = await world.change<{ kubeconfig: string }>(world.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  tenant = createClient(accessOf(issued.kubeconfig));
  // What was issued a moment ago is bound by a pass to come.
  await until(async () => (await read(COREDNS)) !== undefined);
});

afterAll(async () => {
  tenant?.close();
  await world?.close();
});

test('a ready cluster has its addons ready, by the status of their pods', async () => {
  const { addons } = await clusterOf();
  const ready = addons.filter((addon) => addon.enabled);
  expect(ready.map(({ name, state, message }) => ({ name, state, message }))).toEqual(
    ['kubeProxy', 'flannel', 'coreDns'].map((name) => ({ name, state: 'READY', message: '' })),
  );
  for (const addon of ready) expect(addon.version).toMatch(/^v\d+\.\d+/);
  expect(await tenant.call('GET', COREDNS)).toMatchObject({ status: 200, body: { status: { readyReplicas: 2 } } });
});

test('what somebody changes or deletes in the cluster is as it was a moment later, by a watch and not by a timer', async () => {
  const before = await read(COREFILE);
  await tenant.call('PATCH', COREFILE, { data: { Corefile: 'spoilt' } }, MERGE);
  await until(async () => at(await read(COREFILE), 'data', 'Corefile') === at(before, 'data', 'Corefile'));
  const { uid } = at(await read(COREDNS), 'metadata') as { uid: string };
  await tenant.call('DELETE', COREDNS);
  await until(async () => (at(await read(COREDNS), 'metadata', 'uid') ?? uid) !== uid);
  await world.settled(clusterId);
});

test('an addon whose pods are not ready is told so, and the cluster is not READY meanwhile', async () => {
  const node = at(await read('/api/v1/nodes'), 'items', 0, 'metadata', 'name');
  await tenant.call('PATCH', `/api/v1/nodes/${node}`, { spec: { unschedulable: true } }, MERGE);
  try {
    const pods = at(await read('/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns'), 'items') as Fields[];
    for (const pod of pods) await tenant.call('DELETE', `/api/v1/namespaces/kube-system/pods/${at(pod, 'metadata', 'name')}`);
    // The addon is written by its step, the cluster's state at the end of the pass.
    const addon = await until(async () => {
      const { state, addons } = await clusterOf();
      const seen = addons.find(({ name }) => name === 'coreDns');
      return state === 'DEGRADED' && seen?.state === 'INSTALLING' ? seen : null;
    });
    expect(addon.message).toMatch(/^2 pods of coredns to be ready/);
  } finally {
    await tenant.call('PATCH', `/api/v1/nodes/${node}`, { spec: { unschedulable: null } }, MERGE);
  }
  await world.settled(clusterId);
  expect((await addonOf('coreDns'))?.state).toBe('READY');
});

test('options of a living cluster are carried out', async () => {
  await update({ addons: { coreDns: { replicas: 3, cacheSeconds: 0 } } });
  await until(async () => at(await read(COREDNS), 'status', 'readyReplicas') === 3);
  expect(at(await read(COREFILE), 'data', 'Corefile')).not.toContain('cache');
  await world.settled(clusterId);
});

test("what the customer made is not taken over by an addon: it is waited for, and the customer's until then", async () => {
  const CLASSES = '/apis/networking.k8s.io/v1/ingressclasses';
  const mine = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name: 'traefik' },
    spec: { controller: 'example.org/mine' },
  };
  expect(await tenant.call('POST', CLASSES, mine)).toMatchObject({ status: 201 });
  await update({ addons: { ingressController: { enabled: true } } });
  const waits = await until(async () => {
    const seen = await addonOf('ingressController');
    return seen?.message.includes("it is not Seedbed's") ? seen : null;
  });
  expect(waits.message).toBe("IngressClass traefik to be deleted, or ingressController switched off: it is not Seedbed's");
  expect(await read(`${CLASSES}/traefik`)).toMatchObject({ spec: mine.spec });
  // Nothing of it was made beside.
  expect(await read('/api/v1/namespaces/ingress-controller')).toBeUndefined();
  await update({ addons: { ingressController: { enabled: false } } });
  await world.settled(clusterId);
  expect(await read(`${CLASSES}/traefik`)).toMatchObject({ spec: mine.spec });
  await tenant.call('DELETE', `${CLASSES}/traefik`);
  await update({ addons: { ingressController: { enabled: true } } });
  await world.settled(clusterId);
  expect(await read(`${CLASSES}/traefik`)).toMatchObject({ spec: { controller: 'traefik.io/ingress-controller' } });
  await update({ addons: { ingressController: { enabled: false } } });
  await world.settled(clusterId);
  expect(await read(`${CLASSES}/traefik`)).toBeUndefined();
});

const APPS = '/apis/apps/v1/namespaces/kube-system/deployments';
const METRICS = '/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io';

test('an operation has steps of addons that are wanted, from its first turn on, and times them by its own beginning', async () => {
  // What nobody has wanted so far has no condition: not PENDING, so that no percent counts it, and no row for its absence either.
  const known = world.rows<{ name: string }>(`select name from conditions where object_id = '${clusterId}'`).map(({ name }) => name);
  expect(known).toContain('AddonCoreDnsInstalled');
  expect(known).not.toContain('AddonMetricsServerInstalled');
  const fields = 'uuid requestedAt steps { name startedAt finishedAt }';
  const { operation } = await world.change<{ operation: OperationView }>(
    world.member,
    'updateCluster',
    { clusterId, overrides: { addons: { metricsServer: { enabled: true } } } },
    `operation { ${fields} }`,
  );
  const after = await until(async () => {
    const query = `query($id: ID!) { operation(id: $id) { state ${fields} } }`;
    const { operation: now } = await world.ask<{ operation: OperationView & { state: string } }>(world.member, query, {
      id: operation.uuid,
    });
    return now.state === 'SUCCEEDED' ? now : null;
  });
  const changed = after.steps.filter(({ finishedAt }) => finishedAt !== null && finishedAt >= after.requestedAt);
  expect(changed.map(({ name }) => name)).toContain('AddonMetricsServerInstalled');
  for (const { name, startedAt } of changed) expect(startedAt !== null && startedAt >= after.requestedAt, name).toBe(true);
  expect(after.steps.map(({ name }) => name)).not.toContain('AddonDashboardInstalled');
  await update({ addons: { metricsServer: { enabled: false } } });
  await world.settled(clusterId);
});

test('metrics-server comes when it is asked for, is repaired, and goes with all that is its own and nothing else', async () => {
  expect(await addonOf('metricsServer')).toMatchObject({ enabled: false, state: 'DISABLED', message: '' });
  await update({ addons: { metricsServer: { enabled: true } } });
  await until(async () => at(await read(METRICS), 'status', 'conditions', 0, 'status') === 'True');
  await world.settled(clusterId);
  expect(await addonOf('metricsServer')).toMatchObject({ enabled: true, state: 'READY', message: '' });
  expect(at(await read(`${APPS}/metrics-server`), 'status', 'readyReplicas')).toBe(1);

  await tenant.call('DELETE', METRICS);
  await until(async () => at(await read(METRICS), 'status', 'conditions', 0, 'status') === 'True');

  // A customer's own, under the very label of ours.
  const foreign = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'mine', labels: { 'app.kubernetes.io/managed-by': 'seedbed' } },
  };
  await tenant.call('POST', '/api/v1/namespaces/kube-system/configmaps', foreign);
  await update({ addons: { metricsServer: { enabled: false } } });
  await until(async () => (await addonOf('metricsServer'))?.state === 'DISABLED');
  await world.settled(clusterId);
  const left = [METRICS, `${APPS}/metrics-server`, '/api/v1/namespaces/kube-system/services/metrics-server'];
  expect(await Promise.all(left.map(read))).toEqual([undefined, undefined, undefined]);
  expect(await read('/apis/rbac.authorization.k8s.io/v1/clusterroles/system:metrics-server')).toBeUndefined();
  expect(await read('/api/v1/namespaces/kube-system/configmaps/mine')).toBeDefined();
  expect(await read(COREDNS)).toBeDefined();
});

const ISSUERS = '/apis/cert-manager.io/v1/namespaces/default/issuers';

test('cert-manager brings its kinds, and does not go while there is something of them that would be lost', async () => {
  await update({ addons: { certManager: { enabled: true } } });
  await until(async () => (await addonOf('certManager'))?.state === 'READY');
  const issuer = { apiVersion: 'cert-manager.io/v1', kind: 'Issuer', metadata: { name: 'own' }, spec: { selfSigned: {} } };
  expect((await tenant.call('POST', ISSUERS, issuer)).status).toBe(201);

  const crd = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/certificates.cert-manager.io';
  await tenant.call('PATCH', crd, { spec: { scope: 'Namespaced', names: { shortNames: ['x'] } } }, MERGE);
  await until(async () => at(await read(crd), 'spec', 'names', 'shortNames', 0) === 'cert');

  await update({ addons: { certManager: { enabled: false } } });
  const waiting = await until(async () => {
    const seen = await addonOf('certManager');
    return seen?.message ? seen : null;
  });
  expect(waiting).toMatchObject({ enabled: false, state: 'REMOVING', message: expect.stringContaining('1 of the kind Issuer') });
  expect(await read(crd)).toBeDefined();
  expect((await tenant.call('DELETE', `${ISSUERS}/own`)).status).toBe(200);
  world.wake(clusterId);
  await until(async () => (await addonOf('certManager'))?.state === 'DISABLED');
  expect(await read(crd)).toBeUndefined();
  expect((await tenant.call('GET', ISSUERS)).status).toBe(404);
  expect(await read('/api/v1/namespaces/cert-manager')).toSatisfy(
    (namespace) => namespace === undefined || at(namespace, 'metadata', 'deletionTimestamp') !== undefined,
  );
  await world.settled(clusterId);
});

const INGRESS = '/apis/apps/v1/namespaces/ingress-controller/deployments/traefik';
const SERVICE = '/api/v1/namespaces/ingress-controller/services/traefik';
const CLASS = '/apis/networking.k8s.io/v1/ingressclasses/traefik';
const INGRESSES = '/apis/networking.k8s.io/v1/namespaces/default/ingresses';

test('the ingress controller serves where its options say, and does not go while Ingresses are its own', async () => {
  await update({ addons: { ingressController: { enabled: true } } });
  await until(async () => (await addonOf('ingressController'))?.state === 'READY');
  expect(at(await read(INGRESS), 'status', 'readyReplicas')).toBe(2);
  expect(await read(SERVICE)).toMatchObject({
    spec: { type: 'NodePort', ports: [{ nodePort: expect.any(Number) }, { nodePort: expect.any(Number) }] },
  });

  await tenant.call('DELETE', CLASS);
  await until(async () => (await read(CLASS)) !== undefined);
  await tenant.call('PATCH', SERVICE, { spec: { selector: { 'app.kubernetes.io/name': 'mine' } } }, MERGE);
  await until(async () => at(await read(SERVICE), 'spec', 'selector', 'app.kubernetes.io/name') === 'traefik');

  const backend = { service: { name: 'shop', port: { number: 80 } } };
  const ingress = (name: string, more: object) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name },
    spec: { defaultBackend: backend, ...more },
  });
  expect((await tenant.call('POST', INGRESSES, ingress('shop', {}))).body).toMatchObject({ spec: { ingressClassName: 'traefik' } });
  expect((await tenant.call('POST', INGRESSES, ingress('other', { ingressClassName: 'else' }))).status).toBe(201);

  await update({ addons: { ingressController: { enabled: false } } });
  const waiting = await until(async () => {
    const seen = await addonOf('ingressController');
    return seen?.message ? seen : null;
  });
  expect(waiting).toMatchObject({
    enabled: false,
    state: 'REMOVING',
    message: expect.stringContaining('1 Ingresses of the class traefik'),
  });
  expect(at(await read(INGRESS), 'status', 'readyReplicas')).toBe(2);
  await tenant.call('DELETE', `${INGRESSES}/shop`);
  world.wake(clusterId);
  await until(async () => (await addonOf('ingressController'))?.state === 'DISABLED');
  expect(await Promise.all([INGRESS, SERVICE, CLASS].map(read))).toEqual([undefined, undefined, undefined]);
  expect(await read(`${INGRESSES}/other`)).toBeDefined();
  await tenant.call('DELETE', `${INGRESSES}/other`);
  await world.settled(clusterId);
});

test.each([
  ['dashboard', '/apis/apps/v1/namespaces/headlamp/deployments/headlamp'],
  ['nodeProblemDetector', '/apis/apps/v1/namespaces/kube-system/daemonsets/node-problem-detector'],
])('%s comes, is repaired and goes', async (name, workload) => {
  await update({ addons: { [name]: { enabled: true } } });
  await until(async () => (await addonOf(name))?.state === 'READY');
  const { uid } = at(await read(workload), 'metadata') as { uid: string };
  await tenant.call('DELETE', workload);
  await until(async () => (at(await read(workload), 'metadata', 'uid') ?? uid) !== uid);
  await update({ addons: { [name]: { enabled: false } } });
  await until(async () => (await addonOf(name))?.state === 'DISABLED');
  expect(await read(workload)).toBeUndefined();
  await world.settled(clusterId);
});

test('what no addon knows or can be is refused by the name of the field', async () => {
  await expect(update({ addons: { coreDns: { replicas: 0 } } })).rejects.toThrow(
    /INVALID_INPUT.*"field":\["overrides","addons","coreDns","replicas"\]/,
  );
  await expect(update({ addons: { coreDns: { speed: 1 } } })).rejects.toThrow(/speed/);
  const two = { networkDriver: 'NONE', addons: { flannel: { backend: 'VXLAN' } } };
  await expect(world.makeCluster('two', { overrides: two })).rejects.toThrow(
    /INVALID_INPUT.*"field":\["overrides","addons","flannel","backend"\]/,
  );
});
