import { afterAll, beforeAll, expect, test } from 'vitest';
import { at, type Fields, until } from './client.ts';
import { type SeedWorld, startSeedWorld } from './seedWorld.ts';

let world: SeedWorld;
beforeAll(async () => {
  world = await startSeedWorld();
  await world.admin.call('POST', '/api/v1/namespaces', { metadata: { name: 'life' } });
});
afterAll(() => world.close());

const API = '/api/v1/namespaces/life';
const APPS = '/apis/apps/v1/namespaces/life';
const podsOf = async (app: string): Promise<Fields[]> =>
  (await world.limited.call('GET', `${API}/pods?labelSelector=app%3D${app}`)).body.items as Fields[];
const isReady = (pod: Fields): boolean =>
  (at(pod, 'status', 'conditions') as Fields[] | undefined)?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
const template = (app: string, extra: object = {}, image = 'registry.k8s.io/pause:3.10') => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'c', image, ...extra }] },
});
const deployment = (name: string, spec: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: { replicas: 2, selector: { matchLabels: { app: name } }, ...spec },
});

test('a Deployment gets ready pods, rolls without falling below its replicas, and takes its pods along when deleted', async () => {
  await world.limited.apply(
    `${APPS}/deployments/roll`,
    deployment('roll', { template: template('roll'), strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } }),
  );
  await until('two ready pods', async () => (await podsOf('roll')).filter(isReady).length === 2);
  const watch = await world.limited.watch(`${APPS}/deployments?fieldSelector=metadata.name%3Droll`);
  await world.limited.apply(
    `${APPS}/deployments/roll`,
    deployment('roll', {
      template: template('roll', {}, 'registry.k8s.io/pause:3.11'),
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    }),
  );
  const done = await watch.until(
    (e) =>
      at(e.object, 'status', 'observedGeneration') === 2 &&
      at(e.object, 'status', 'updatedReplicas') === 2 &&
      at(e.object, 'status', 'replicas') === 2 &&
      at(e.object, 'status', 'readyReplicas') === 2,
  );
  expect(at(done.object, 'metadata', 'annotations', 'deployment.kubernetes.io/revision')).toBe('2');
  for (const event of watch.events) expect(Number(at(event.object, 'status', 'readyReplicas'))).toBeGreaterThanOrEqual(2);
  watch.stop();
  await world.limited.call('DELETE', `${APPS}/deployments/roll?propagationPolicy=Foreground`);
  await until('no pods', async () => (await podsOf('roll')).length === 0);
  await until('no Deployment', async () => (await world.limited.call('GET', `${APPS}/deployments/roll`)).status === 404);
});

test('a StatefulSet gives each pod its claim, and the claims go with it when it says so', async () => {
  const claims = [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }];
  const spec = {
    replicas: 2,
    serviceName: 'x',
    selector: { matchLabels: { app: 'db' } },
    volumeClaimTemplates: claims,
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' },
    template: template('db', { volumeMounts: [{ name: 'data', mountPath: '/d' }] }),
  };
  await world.limited.apply(`${APPS}/statefulsets/db`, { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db' }, spec });
  await until('two ready members', async () => (await podsOf('db')).filter(isReady).length === 2);
  const claim = await world.limited.call('GET', `${API}/persistentvolumeclaims/data-db-1`);
  expect([at(claim.body, 'status', 'phase'), at(claim.body, 'spec', 'storageClassName')]).toEqual(['Bound', 'sandbox']);
  await world.limited.call('DELETE', `${APPS}/statefulsets/db`);
  await until(
    'no claims',
    async () => ((await world.limited.call('GET', `${API}/persistentvolumeclaims`)).body.items as object[]).length === 0,
  );
  await until(
    'no volumes',
    async () => ((await world.limited.call('GET', '/api/v1/persistentvolumes')).body.items as object[]).length === 0,
  );
});

test('a pod waits for the Secret it mounts and starts when it comes', async () => {
  const pod = {
    metadata: { name: 'waits', labels: { app: 'waits' } },
    spec: {
      containers: [{ name: 'c', image: 'a:1', volumeMounts: [{ name: 's', mountPath: '/s' }] }],
      volumes: [{ name: 's', secret: { secretName: 'late', items: [{ key: 'k', path: 'k' }] } }],
    },
  };
  await world.limited.call('POST', `${API}/pods`, pod);
  await until('an event', async () =>
    ((await world.limited.call('GET', `${API}/events?fieldSelector=involvedObject.name%3Dwaits`)).body.items as Fields[]).some(
      (e) => e.reason === 'FailedMount' && String(e.message).includes('secret "late" not found'),
    ),
  );
  expect(at((await world.limited.call('GET', `${API}/pods/waits`)).body, 'status', 'phase')).toBe('Pending');
  await world.limited.call('POST', `${API}/secrets`, { metadata: { name: 'late' }, stringData: { k: 'v' } });
  await until('it runs', async () => (await podsOf('waits')).some(isReady));
});

test('the restricted level refuses pods that a real seed would refuse, and says what is wrong', async () => {
  await world.admin.call('POST', '/api/v1/namespaces', {
    metadata: { name: 'strict', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  });
  await until(
    'a service account',
    async () => (await world.admin.call('GET', '/api/v1/namespaces/strict/serviceaccounts/default')).status === 200,
  );
  const pod = (securityContext: object) => ({
    metadata: { generateName: 'p-' },
    spec: {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ name: 'c', image: 'a:1', securityContext }],
    },
  });
  const refused = await world.limited.call('POST', '/api/v1/namespaces/strict/pods', pod({ allowPrivilegeEscalation: true }));
  expect(refused.status).toBe(403);
  expect(String(refused.body.message)).toMatch(
    /violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false .*unrestricted capabilities/,
  );
  const fine = await world.limited.call(
    'POST',
    '/api/v1/namespaces/strict/pods',
    pod({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }),
  );
  expect(fine.status).toBe(201);
});

test('capacity runs out, and a pod that does not fit says so and waits', async () => {
  const big = { metadata: { name: 'big' }, spec: { containers: [{ name: 'c', image: 'a:1', resources: { requests: { cpu: '399' } } }] } };
  for (const name of ['big-1', 'big-2', 'big-3', 'big-4']) await world.limited.call('POST', `${API}/pods`, { ...big, metadata: { name } });
  const event = await until('the event', async () =>
    ((await world.limited.call('GET', `${API}/events?fieldSelector=reason%3DFailedScheduling`)).body.items as Fields[]).find((e) =>
      String(at(e, 'involvedObject', 'name')).startsWith('big'),
    ),
  );
  expect(event.message).toBe('0/3 nodes are available: 3 Insufficient cpu.');
  const waiting = String(at(event, 'involvedObject', 'name'));
  const other = ['big-1', 'big-2', 'big-3'].find((n) => n !== waiting) ?? '';
  await world.limited.call('DELETE', `${API}/pods/${other}?gracePeriodSeconds=0`);
  await until(
    'the freed place is used',
    async () => at((await world.limited.call('GET', `${API}/pods/${waiting}`)).body, 'spec', 'nodeName') !== undefined,
  );
});

test('a load balancer address is given, kept over a restart, and a Service keeps its cluster IP', async () => {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'lb' },
    spec: { type: 'LoadBalancer', selector: { app: 'x' }, ports: [{ port: 6443 }] },
  };
  await world.limited.apply(`${API}/services/lb`, service);
  const before = await until('an address', async () => {
    const { body } = await world.limited.call('GET', `${API}/services/lb`);
    return at(body, 'status', 'loadBalancer', 'ingress', 0, 'ip') ? body : undefined;
  });
  expect(String(at(before, 'status', 'loadBalancer', 'ingress', 0, 'ip'))).toMatch(/^127\.\d+\.\d+\.\d+$/);
  await world.restart();
  const after = (await world.limited.apply(`${API}/services/lb`, service)).body;
  expect([at(after, 'status'), at(after, 'spec', 'clusterIP'), at(after, 'metadata', 'resourceVersion')]).toEqual([
    at(before, 'status'),
    at(before, 'spec', 'clusterIP'),
    at(before, 'metadata', 'resourceVersion'),
  ]);
});

test('a namespace terminates: nothing new gets in, its content goes, finalizers hold it', async () => {
  await world.limited.call(
    'PATCH',
    `${API}/secrets/late`,
    { metadata: { finalizers: ['test/hold'] } },
    { 'Content-Type': 'application/merge-patch+json' },
  );
  const deleted = await world.limited.call('DELETE', '/api/v1/namespaces/life');
  expect(at(deleted.body, 'status', 'phase')).toBe('Terminating');
  const refused = await world.limited.call('POST', `${API}/configmaps`, { metadata: { name: 'late' } });
  expect([refused.status, String(refused.body.message)]).toEqual([403, expect.stringContaining('because it is being terminated')]);
  await until(
    'only the held Secret is left',
    async () =>
      ((await world.limited.call('GET', `${API}/pods`)).body.items as object[]).length === 0 &&
      ((await world.limited.call('GET', `${API}/configmaps`)).body.items as object[]).length === 0,
  );
  expect((await world.limited.call('GET', `${API}/secrets/late`)).body.metadata).toMatchObject({ deletionTimestamp: expect.any(String) });
  await world.limited.call(
    'PATCH',
    `${API}/secrets/late`,
    { metadata: { finalizers: null } },
    { 'Content-Type': 'application/merge-patch+json' },
  );
  await until('it is gone', async () => (await world.limited.call('GET', '/api/v1/namespaces/life')).status === 404);
});
