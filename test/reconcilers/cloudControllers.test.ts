/** The cloud's controllers beside the control plane: whose credential they have, what is of them in the cluster, and what a removal leaves of their work. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessOf, at, type Client, createClient, type Fields } from '../sandbox/kubernetes/client.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

const CLASSES = '/apis/storage.k8s.io/v1/storageclasses';
const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';

let world: Living;
const tenants: Client[] = [];

beforeAll(async () => {
  world = await openLiving();
});

afterAll(async () => {
  for (const tenant of tenants) tenant.close();
  await world?.close();
});

const cloudy = async (name: string) => {
  const overrides = { volumeDriver: 'CINDER', addons: { cloudController: { enabled: true } } };
  const clusterId = await world.makeCluster(name, { overrides });
  const issued = await world.change<{ kubeconfig: string }>(world.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  const tenant = createClient(accessOf(issued.kubeconfig));
  tenants.push(tenant);
  await until(async () => (await tenant.call('GET', '/api/v1/secrets')).status === 200);
  const [row] = world.rows<{ shortId: string }>(`select short_id as shortId from clusters where id = '${clusterId}'`);
  return { clusterId, tenant, shortId: row?.shortId ?? '' };
};

/** A call of the member's to a service of the cloud's. */
const cloud = async (method: string, service: string, path: string, body?: object, token = world.member): Promise<Fields> => {
  const headers = { 'x-auth-token': token, 'content-type': 'application/json' };
  const answer = await fetch(`${world.sandbox.authUrl.replace(/\/identity.*$|\/v3$/, '')}/${service}${path}`, {
    method,
    headers,
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${service}${path}: ${answer.status} ${await answer.text()}`);
  const text = await answer.text();
  return text === '' ? {} : (JSON.parse(text) as Fields);
};

/** A token by an application credential. */
const logInAs = async (id: string, secret: string): Promise<string> => {
  const identity = { methods: ['application_credential'], application_credential: { id, secret } };
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ auth: { identity } });
  return (await fetch(`${world.sandbox.authUrl}/auth/tokens`, { method: 'POST', headers, body })).headers.get('x-subject-token') ?? '';
};

/** The credential in the cloud controller's cloud.conf. */
const credentialOf = async (shortId: string) => {
  const name = `${shortId}-cloud-controller-manager-files`;
  const secret = await world.seed.get({ apiVersion: 'v1', kind: 'Secret', namespace: `kc-${shortId}`, name });
  const conf = Buffer.from(String(at(secret, 'data', 'cloud.conf')), 'base64').toString();
  const [, secretText = ''] = /application-credential-secret = "(\w{64})"/.exec(conf) ?? [];
  const [, id = ''] = /application-credential-id = "(\w{32})"/.exec(conf) ?? [];
  return { id, secretText };
};

/** Secrets and ConfigMaps of a cluster as text, decoded. */
const textsOf = async (kube: Client): Promise<string> => {
  const lists = await Promise.all(['secrets', 'configmaps'].map((plural) => kube.call('GET', `/api/v1/${plural}`)));
  const data = lists.flatMap(({ body }) => (body.items as Fields[]).map((item) => (item.data ?? {}) as Record<string, string>));
  return data.flatMap((files) => Object.values(files).flatMap((text) => [text, Buffer.from(text, 'base64').toString()])).join('\n');
};

const addonOf = async (clusterId: string, name: string) => {
  const query = 'query($id: ID!) { cluster(id: $id) { addons { name state message } } }';
  const { cluster } = await world.ask<{ cluster: { addons: { name: string; state: string; message: string }[] } }>(world.member, query, {
    id: clusterId,
  });
  return cluster.addons.find((addon) => addon.name === name);
};
const saidBy = (clusterId: string, step: string): string =>
  world.rows<{ message: string }>(`select message from conditions where object_id = '${clusterId}' and name = '${step}'`)[0]?.message ?? '';
const change = (clusterId: string, overrides: object) =>
  world.change(world.member, 'updateCluster', { clusterId, overrides }, 'cluster { id }');
const remove = (clusterId: string) => world.change(world.member, 'deleteCluster', { clusterId }, 'cluster { id }');
const isDeleted = (clusterId: string) => world.rows(`select 1 from clusters where id = '${clusterId}' and state = 'DELETED'`).length === 1;
const volumeOf = (name: string, handle: string, persistentVolumeReclaimPolicy = 'Delete') => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    persistentVolumeReclaimPolicy,
    csi: { driver: 'cinder.csi.openstack.org', volumeHandle: handle },
  },
});
const makeVolume = async (name: string, shortId: string): Promise<string> => {
  const volume = { name, size: 1, metadata: { 'cinder.csi.openstack.org/cluster': shortId } };
  const { id } = (await cloud('POST', 'volume/v3', '/volumes', { volume })).volume as { id: string };
  await until(async () => at(await cloud('GET', 'volume/v3', `/volumes/${id}`), 'volume', 'status') === 'available');
  return id;
};
const idsOf = async (service: string, path: string, key: string): Promise<unknown[]> =>
  ((await cloud('GET', service, path))[key] as Fields[]).map(({ id }) => id);

test('they run in the seed with a credential that never enters the cluster; node halves, rights and classes do', async () => {
  const { clusterId, tenant, shortId } = await cloudy('cloudy');
  const { id, secretText } = await credentialOf(shortId);
  expect([secretText.length, id.length]).toEqual([64, 32]);
  const inside = await textsOf(tenant);
  expect(inside.length).toBeGreaterThan(1000);
  for (const hidden of [id, secretText]) expect(inside).not.toContain(hidden);
  // It may do what the controllers need and nothing with credentials.
  const token = await logInAs(id, secretText);
  expect(await cloud('GET', 'volume/v3', '/volumes', undefined, token)).toEqual({ volumes: [] });
  await expect(cloud('GET', 'identity/v3', '/users', undefined, token)).rejects.toThrow(/403/);

  const nodes = (await tenant.call('GET', '/api/v1/nodes')).body.items as Fields[];
  expect(nodes.map((node) => at(node, 'spec', 'providerID'))).toEqual([expect.stringMatching(/^openstack:\/\/\//)]);
  expect(JSON.stringify(nodes)).not.toContain('uninitialized');
  const classes = (await tenant.call('GET', CLASSES)).body.items as Fields[];
  expect(classes.map((item) => at(item, 'metadata', 'name'))).toContain('cinder');
  expect(classes.length).toBeGreaterThan(1);

  // Nothing of a class can be changed, so it is made anew.
  await change(clusterId, { addons: { cinderCsi: { reclaim: 'RETAIN' } } });
  await world.settled(clusterId);
  expect((await tenant.call('GET', `${CLASSES}/cinder`)).body.reclaimPolicy).toBe('Retain');

  expect((await tenant.call('POST', '/api/v1/persistentvolumes', volumeOf('kept', 'x'))).status).toBe(201);
  await change(clusterId, { volumeDriver: 'NONE' });
  await until(async () => (await addonOf(clusterId, 'cinderCsi'))?.message.includes('1 volumes to be deleted'));
  await tenant.call('DELETE', '/api/v1/persistentvolumes/kept');
  world.wake(clusterId);
  await until(async () => (await addonOf(clusterId, 'cinderCsi'))?.state === 'DISABLED');
  expect((await tenant.call('GET', CLASSES)).body.items).toEqual([]);
});

test('a credential that somebody deleted is told of, and the next request of a member brings another', async () => {
  const { clusterId, shortId } = await cloudy('robbed');
  const first = await credentialOf(shortId);
  const owner = String(at(await whoAmI(), 'token', 'user', 'id'));
  await cloud('DELETE', 'identity/v3', `/users/${owner}/application_credentials/${first.id}`);
  world.wake(clusterId);
  // The first pass says that it holds no longer, and those after it that there is none.
  await until(async () => /holds no longer|credential of their own/.test((await addonOf(clusterId, 'cloudController'))?.message ?? ''));
  expect(world.rows("select 1 from events where message like '%holds no longer%'").length).toBeGreaterThan(0);
  await change(clusterId, { addons: { cloudController: { loadBalancerMonitors: false } } });
  await world.settled(clusterId);
  const second = await credentialOf(shortId);
  expect(second.id).toMatch(/^\w{32}$/);
  expect(second.id).not.toBe(first.id);
});

const whoAmI = async (): Promise<Fields> => {
  const headers = { 'x-auth-token': world.member, 'x-subject-token': world.member };
  return (await (await fetch(`${world.sandbox.authUrl}/auth/tokens`, { headers })).json()) as Fields;
};

test('Keystone that denies roles which it names a moment later is asked again', async () => {
  const fault = { service: 'identity', method: 'POST', path: '/application_credentials$', kind: 'status', status: 400, times: 2 };
  await world.control('POST', 'faults', fault);
  const { shortId } = await cloudy('patient');
  expect((await credentialOf(shortId)).id).toMatch(/^\w{32}$/);
});

test('a login that may make no credential is told of, and anything asked with another login goes on from there', async () => {
  await world.control('POST', 'faults', {
    service: 'identity',
    method: 'POST',
    path: '/application_credentials$',
    kind: 'status',
    status: 403,
  });
  const { cluster } = await world.change<{ cluster: { uuid: string } }>(
    world.member,
    'createCluster',
    { name: 'unlent', clusterTemplate: 'small', nodeCount: 0, overrides: { addons: { cloudController: { enabled: true } } } },
    'cluster { uuid }',
  );
  await until(async () =>
    (await addonOf(cluster.uuid, 'cloudController'))?.message.includes('not logged in with an application credential'),
  );
  await world.control('DELETE', 'faults');
  await change(cluster.uuid, { addons: { cloudController: { loadBalancerMonitors: false } } });
  await world.settled(cluster.uuid);
});

test("the ingress controller's load balancer needs the cloud controller, which stays until it has taken the load balancer away", async () => {
  const { clusterId, tenant } = await cloudy('entry');
  const path = '/api/v1/namespaces/ingress-controller/services/traefik';
  const typeNow = async () => at((await tenant.call('GET', path)).body, 'spec', 'type');
  await change(clusterId, { addons: { ingressController: { enabled: true, serviceType: 'LOAD_BALANCER' } } });
  await until(async () => (await addonOf(clusterId, 'ingressController'))?.state === 'READY');
  expect(await typeNow()).toBe('LoadBalancer');
  // As the real one writes it before it makes anything.
  const merge = { 'content-type': 'application/merge-patch+json' };
  expect((await tenant.call('PATCH', path, { metadata: { finalizers: [FINALIZER] } }, merge)).status).toBe(200);

  await expect(change(clusterId, { addons: { cloudController: { enabled: false } } })).rejects.toThrow(
    /INVALID_INPUT.*"field":\["overrides","addons","cloudController","enabled"\]/,
  );
  await change(clusterId, { addons: { ingressController: { serviceType: 'NODE_PORT' } } });
  await world.settled(clusterId);
  expect(await typeNow()).toBe('NodePort');
  await change(clusterId, { addons: { cloudController: { enabled: false } } });
  await until(async () => (await addonOf(clusterId, 'cloudController'))?.message.includes('1 Services'));
  await tenant.call('PATCH', path, { metadata: { finalizers: null } }, merge);
  world.wake(clusterId);
  await until(async () => (await addonOf(clusterId, 'cloudController'))?.state === 'DISABLED');
  await world.settled(clusterId);
  expect((await addonOf(clusterId, 'ingressController'))?.state).toBe('READY');
});

test('the ingress controller and the cloud controller may be switched off at once: neither waits for the other for long', async () => {
  const { clusterId, tenant } = await cloudy('exit');
  await change(clusterId, { addons: { ingressController: { enabled: true, serviceType: 'LOAD_BALANCER' } } });
  await until(async () => (await addonOf(clusterId, 'ingressController'))?.state === 'READY');
  await change(clusterId, { addons: { cloudController: { enabled: false }, ingressController: { enabled: false } } });
  await until(async () => (await addonOf(clusterId, 'cloudController'))?.state === 'DISABLED', 20);
  expect((await addonOf(clusterId, 'ingressController'))?.state).toBe('DISABLED');
  expect((await tenant.call('GET', '/api/v1/namespaces/ingress-controller/services/traefik')).status).toBe(404);
});

test('with its cluster go its load balancers, their addresses and groups, and the volumes that are not to be kept; the credential last', async () => {
  const { clusterId, tenant, shortId } = await cloudy('leaving');
  const { id: credentialId } = await credentialOf(shortId);
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', finalizers: [FINALIZER] } };
  const spec = { type: 'LoadBalancer', ports: [{ port: 80 }], selector: { app: 'web' } };
  expect((await tenant.call('POST', '/api/v1/namespaces/default/services', { ...service, spec })).status).toBe(201);

  const [resolved] = world.rows<{ json: string }>(`select resolved as json from clusters where id = '${clusterId}'`);
  const { fixedSubnetId, externalNetworkId } = JSON.parse(resolved?.json ?? '{}');
  const balancer = async (name: string) =>
    (await cloud('POST', 'load-balancer/v2', '/lbaas/loadbalancers', { loadbalancer: { name, vip_subnet_id: fixedSubnetId } }))
      .loadbalancer as { id: string; vip_port_id: string };
  const ours = await balancer(`kube_service_${shortId}_default_web`);
  const foreign = await balancer('kube_service_another_default_web');
  const address = {
    floating_network_id: externalNetworkId,
    port_id: ours.vip_port_id,
    description: `Floating IP for Kubernetes external service default/web from cluster ${shortId}`,
  };
  const ip = (await cloud('POST', 'network', '/v2.0/floatingips', { floatingip: address })).floatingip as { id: string };
  const group = { name: 'lb-sg-x', description: `Security Group for default/web Service LoadBalancer in cluster ${shortId}` };
  const { id: groupId } = (await cloud('POST', 'network', '/v2.0/security-groups', { security_group: group })).security_group as {
    id: string;
  };
  const [going, staying] = [await makeVolume('going', shortId), await makeVolume('staying', shortId)];
  await tenant.call('POST', '/api/v1/persistentvolumes', volumeOf('going', going));
  await tenant.call('POST', '/api/v1/persistentvolumes', volumeOf('staying', staying, 'Retain'));

  await remove(clusterId);
  await until(() => saidBy(clusterId, 'AddonCloudControllerInstalled').includes('load balancers of 1 Services'));
  // The controller has done it, so it seems.
  await tenant.call(
    'PATCH',
    '/api/v1/namespaces/default/services/web',
    { metadata: { finalizers: null } },
    {
      'content-type': 'application/merge-patch+json',
    },
  );
  // What is not ours keeps the network.
  await until(async () => !(await idsOf('load-balancer/v2', '/lbaas/loadbalancers', 'loadbalancers')).includes(ours.id));
  await cloud('DELETE', 'load-balancer/v2', `/lbaas/loadbalancers/${foreign.id}`);
  await until(async () => !(await idsOf('load-balancer/v2', '/lbaas/loadbalancers', 'loadbalancers')).includes(foreign.id));
  world.wake(clusterId);
  await until(() => isDeleted(clusterId));

  expect(await idsOf('network', '/v2.0/floatingips', 'floatingips')).not.toContain(ip.id);
  expect(await idsOf('network', '/v2.0/security-groups', 'security_groups')).not.toContain(groupId);
  const volumes = await idsOf('volume/v3', '/volumes', 'volumes');
  expect([volumes.includes(going), volumes.includes(staying)]).toEqual([false, true]);
  const kept = `Volumes are kept, as the cluster said: ${staying}.`;
  expect(world.rows(`select 1 from events where stream_id = '${clusterId}' and message = '${kept}'`)).toHaveLength(1);
  expect(await (await fetch(`${world.sandbox.controlUrl}/world`)).text()).not.toContain(credentialId);
  expect(world.rows(`select 1 from secrets where owner_id = '${clusterId}'`)).toEqual([]);
  // Told in the report, and what the controllers made is among what was made for it.
  const query = `query($id: ID!) { cluster(id: $id) { leakReport { clean leftovers { kind externalId name madeBy fate reason } }
    resources(filter: { states: [GONE], services: [VOLUME, LOAD_BALANCER] }) { nodes { externalId madeBy } } } }`;
  const { cluster } = await world.ask<{ cluster: { leakReport: object; resources: { nodes: object[] } } }>(world.member, query, {
    id: clusterId,
  });
  expect(cluster.leakReport).toEqual({
    clean: true,
    leftovers: [
      { kind: 'volume', externalId: staying, name: 'staying', madeBy: 'CSI', fate: 'KEPT', reason: expect.stringContaining('Retain') },
    ],
  });
  expect(cluster.resources.nodes).toContainEqual({ externalId: ours.id, madeBy: 'CLOUD_CONTROLLER' });
  expect(cluster.resources.nodes).toContainEqual({ externalId: going, madeBy: 'CSI' });
});

test('without the word of its API no volume goes, and the removal says what it waits for', async () => {
  const { clusterId, tenant, shortId } = await cloudy('silent');
  const volume = await makeVolume('data', shortId);
  await tenant.call('POST', '/api/v1/persistentvolumes', volumeOf('data', volume));
  world.write(`update clusters set endpoint_host = '127.0.0.254' where id = '${clusterId}'`);
  await remove(clusterId);
  await until(() => saidBy(clusterId, 'AddonCinderCsiInstalled').includes(volume));
  expect(await idsOf('volume/v3', '/volumes', 'volumes')).toContain(volume);
  // The customer decides.
  await world.change(world.member, 'deleteCluster', { clusterId, policy: { volumes: 'KEEP' } }, 'cluster { id }');
  await until(() => isDeleted(clusterId));
  expect(await idsOf('volume/v3', '/volumes', 'volumes')).toContain(volume);
  expect(await leftoversOf(clusterId)).toEqual([
    { kind: 'volume', externalId: volume, fate: 'KEPT', reason: 'It was to be kept, as deleteCluster was asked.' },
  ]);
});

test('what is asked with the deletion wins over what volumes and Services say for themselves', async () => {
  const { clusterId, tenant, shortId } = await cloudy('asked');
  const metadata = { name: 'web', finalizers: [FINALIZER], annotations: { 'loadbalancer.openstack.org/keep-floatingip': 'false' } };
  const spec = { type: 'LoadBalancer', ports: [{ port: 80 }], selector: { app: 'web' } };
  const path = '/api/v1/namespaces/default/services';
  expect((await tenant.call('POST', path, { apiVersion: 'v1', kind: 'Service', metadata, spec })).status).toBe(201);
  const [resolved] = world.rows<{ json: string }>(`select resolved as json from clusters where id = '${clusterId}'`);
  const { fixedSubnetId, externalNetworkId } = JSON.parse(resolved?.json ?? '{}');
  const wanted = { loadbalancer: { name: `kube_service_${shortId}_default_web`, vip_subnet_id: fixedSubnetId } };
  const balancer = (await cloud('POST', 'load-balancer/v2', '/lbaas/loadbalancers', wanted)).loadbalancer as { vip_port_id: string };
  const description = `Floating IP for Kubernetes external service default/web from cluster ${shortId}`;
  const floatingip = { floating_network_id: externalNetworkId, port_id: balancer.vip_port_id, description };
  const ip = (await cloud('POST', 'network', '/v2.0/floatingips', { floatingip })).floatingip as { id: string };
  const retained = await makeVolume('retained', shortId);
  await tenant.call('POST', '/api/v1/persistentvolumes', volumeOf('retained', retained, 'Retain'));

  const policy = { volumes: 'DELETE', floatingIps: 'KEEP' };
  await world.change(world.member, 'deleteCluster', { clusterId, policy }, 'cluster { id }');
  const kept = 'loadbalancer.openstack.org/keep-floatingip';
  await until(async () => at((await tenant.call('GET', `${path}/web`)).body, 'metadata', 'annotations', kept) === 'true');
  await until(async () => at((await tenant.call('GET', `${path}/web`)).body, 'metadata', 'deletionTimestamp') !== undefined);
  const type = { 'content-type': 'application/merge-patch+json' };
  await tenant.call('PATCH', `${path}/web`, { metadata: { finalizers: null } }, type);
  await until(() => isDeleted(clusterId));
  expect(await idsOf('volume/v3', '/volumes', 'volumes')).not.toContain(retained);
  expect(await idsOf('network', '/v2.0/floatingips', 'floatingips')).toContain(ip.id);
  expect(await leftoversOf(clusterId)).toEqual([
    { kind: 'floating-ip', externalId: ip.id, fate: 'KEPT', reason: 'It was to be kept, as deleteCluster was asked.' },
  ]);
});

test('a volume that has a snapshot is asked about, and goes or stays with it as its customer says', async () => {
  for (const [name, snapshots] of [
    ['copies', 'DELETE'],
    ['kept', 'KEEP'],
  ] as const) {
    const { clusterId, tenant, shortId } = await cloudy(name);
    const [plain, copied] = [await makeVolume('plain', shortId), await makeVolume('copied', shortId)];
    for (const id of [plain, copied]) await tenant.call('POST', '/api/v1/persistentvolumes', volumeOf(id, id));
    const taken = (await cloud('POST', 'volume/v3', '/snapshots', { snapshot: { volume_id: copied, name: 'by hand' } })).snapshot;
    const { id } = taken as { id: string };
    await remove(clusterId);
    await until(() => saidBy(clusterId, 'AddonCinderCsiInstalled').includes(id));
    expect(saidBy(clusterId, 'AddonCinderCsiInstalled')).toContain('policy.snapshots');
    await until(async () => !(await idsOf('volume/v3', '/volumes', 'volumes')).includes(plain));
    await world.change(world.member, 'deleteCluster', { clusterId, policy: { snapshots } }, 'cluster { id }');
    await until(() => isDeleted(clusterId));
    const stays = snapshots === 'KEEP';
    expect((await idsOf('volume/v3', '/volumes', 'volumes')).includes(copied)).toBe(stays);
    expect((await idsOf('volume/v3', '/snapshots', 'snapshots')).includes(id)).toBe(stays);
    const reason = expect.stringContaining('snapshot');
    expect(await leftoversOf(clusterId)).toEqual(stays ? [{ kind: 'volume', externalId: copied, fate: 'KEPT', reason }] : []);
  }
});

const leftoversOf = async (clusterId: string): Promise<object[] | undefined> => {
  const query = 'query($id: ID!) { cluster(id: $id) { leakReport { leftovers { kind externalId fate reason } } } }';
  type Answer = { cluster: { leakReport: { leftovers: object[] } | null } };
  return (await world.ask<Answer>(world.member, query, { id: clusterId })).cluster.leakReport?.leftovers;
};
