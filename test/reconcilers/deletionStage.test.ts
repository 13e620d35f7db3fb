/** What a deletion waits for, and how it goes on: load balancers that are to be kept, and a deadline for what neither answers nor goes. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { accessOf, at, type Client, createClient, type Fields } from '../sandbox/kubernetes/client.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface Left {
  kind: string;
  externalId: string;
  fate: string;
  reason: string;
}
interface Report {
  clean: boolean;
  leftovers: Left[];
  unverified: { service: string; kind: string; reason: string }[];
}

let world: Living;
const tenants: Client[] = [];

beforeAll(async () => {
  world = await openLiving();
});
afterEach(() => world.control('DELETE', 'faults'));
afterAll(async () => {
  for (const tenant of tenants) tenant.close();
  await world?.close();
});

const cloudy = async (name: string, overrides: object = {}) => {
  const clusterId = await world.makeCluster(name, {
    nodeCount: 0,
    overrides: { volumeDriver: 'CINDER', addons: { cloudController: { enabled: true } }, ...overrides },
  });
  const [row] = world.rows<{ shortId: string; resolved: string }>(
    `select short_id as shortId, resolved from clusters where id = '${clusterId}'`,
  );
  const resolved = JSON.parse(row?.resolved ?? '{}') as { fixedSubnetId: string; externalNetworkId: string };
  return { clusterId, shortId: row?.shortId ?? '', ...resolved };
};
const tenantOf = async (clusterId: string): Promise<Client> => {
  const issued = await world.change<{ kubeconfig: string }>(world.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  const tenant = createClient(accessOf(issued.kubeconfig));
  tenants.push(tenant);
  await until(async () => (await tenant.call('GET', '/api/v1/secrets')).status === 200);
  return tenant;
};

const SERVICES = '/api/v1/namespaces/default/services';
/** Held as its controller holds it until it has taken the load balancer away. */
const addService = async (tenant: Client): Promise<void> => {
  const spec = { type: 'LoadBalancer', ports: [{ port: 80 }], selector: { app: 'web' } };
  const metadata = { name: 'web', finalizers: ['service.kubernetes.io/load-balancer-cleanup'] };
  expect((await tenant.call('POST', SERVICES, { apiVersion: 'v1', kind: 'Service', metadata, spec })).status).toBe(201);
};

/** A call of the member's to a service of the cloud's. */
const cloud = async (method: string, path: string, body?: object): Promise<Fields> => {
  const answer = await fetch(`${world.sandbox.authUrl.replace(/\/identity.*$|\/v3$/, '')}/${path}`, {
    method,
    headers: { 'x-auth-token': world.member, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  const text = await answer.text();
  return text === '' ? {} : (JSON.parse(text) as Fields);
};
const make = async <T = { id: string }>(path: string, one: string, fields: object): Promise<T> =>
  (await cloud('POST', path, { [one]: fields }))[one] as T;
const ids = async (path: string, many: string): Promise<unknown[]> => ((await cloud('GET', path))[many] as Fields[]).map(({ id }) => id);
const makeBalancer = (shortId: string, subnetId: string) =>
  make<{ id: string; vip_port_id: string }>('load-balancer/v2/lbaas/loadbalancers', 'loadbalancer', {
    name: `kube_service_${shortId}_default_web`,
    vip_subnet_id: subnetId,
  });
const makeVolume = async (shortId: string): Promise<string> => {
  const metadata = { 'cinder.csi.openstack.org/cluster': shortId };
  const { id } = await make('volume/v3/volumes', 'volume', { name: 'data', size: 1, metadata });
  await until(async () => at(await cloud('GET', `volume/v3/volumes/${id}`), 'volume', 'status') === 'available');
  return id;
};

const remove = (clusterId: string, policy: object) => world.change(world.member, 'deleteCluster', { clusterId, policy }, 'cluster { id }');
const isDeleted = (clusterId: string) => world.rows(`select 1 from clusters where id = '${clusterId}' and state = 'DELETED'`).length === 1;
const conditionOf = (clusterId: string, step: string) =>
  world.rows<{ state: string; message: string }>(
    `select state, message from conditions where object_id = '${clusterId}' and name = '${step}'`,
  )[0] ?? { state: '', message: '' };
const reportOf = async (clusterId: string): Promise<Report | null> => {
  const query = `query($id: ID!) { cluster(id: $id) { leakReport { clean
    leftovers { kind externalId fate reason } unverified { service kind reason } } } }`;
  return (await world.ask<{ cluster: { leakReport: Report | null } }>(world.member, query, { id: clusterId })).cluster.leakReport;
};
const wentOn = (clusterId: string): boolean =>
  world.rows(`select 1 from events where stream_id = '${clusterId}' and message like '%the deadline of 600 s had passed%'`).length > 0;
/** Until its load balancers are waited for. */
const waits = (clusterId: string) =>
  until(() => world.rows(`select 1 from clusters where id = '${clusterId}' and deletion_stages like '%LOAD_BALANCERS%'`).length === 1);
/** As if it had begun long ago. */
const letPass = (clusterId: string, column: 'deletion_stages' | 'sweep', path: string, since = 0): void => {
  world.write(`update clusters set ${column} = json_set(${column}, '${path}', ${since}) where id = '${clusterId}'`);
  world.wake(clusterId);
};

test('load balancers that are to be kept stay with their addresses and groups, and no Service is ended', async () => {
  const network = await make('network/v2.0/networks', 'network', { name: 'own' });
  const subnet = await make('network/v2.0/subnets', 'subnet', { network_id: network.id, ip_version: 4, cidr: '10.77.0.0/24' });
  const [external] = await ids('network/v2.0/networks?router:external=True', 'networks');
  const router = await make('network/v2.0/routers', 'router', { name: 'own', external_gateway_info: { network_id: external } });
  await cloud('PUT', `network/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: subnet.id });
  const { clusterId, shortId, fixedSubnetId, externalNetworkId } = await cloudy('keeper', { fixedNetwork: 'own' });
  expect(fixedSubnetId).toBe(subnet.id);
  const tenant = await tenantOf(clusterId);
  await addService(tenant);
  const balancer = await makeBalancer(shortId, subnet.id);
  const ip = await make('network/v2.0/floatingips', 'floatingip', {
    floating_network_id: externalNetworkId,
    port_id: balancer.vip_port_id,
    description: `Floating IP for Kubernetes external service default/web from cluster ${shortId}`,
  });
  const group = await make('network/v2.0/security-groups', 'security_group', {
    name: 'lb-sg-x',
    description: `Security Group for default/web Service LoadBalancer in cluster ${shortId}`,
  });
  // Its snapshot holds the deletion, so that one can look at it.
  const volume = await makeVolume(shortId);
  const csi = { driver: 'cinder.csi.openstack.org', volumeHandle: volume };
  const claimed = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], persistentVolumeReclaimPolicy: 'Delete', csi };
  await tenant.call('POST', '/api/v1/persistentvolumes', {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'data' },
    spec: claimed,
  });
  await make('volume/v3/snapshots', 'snapshot', { volume_id: volume, name: 'by hand' });

  await remove(clusterId, { loadBalancers: 'KEEP' });
  await until(() => conditionOf(clusterId, 'AddonCinderCsiInstalled').message.includes('policy.snapshots'));
  await until(() => conditionOf(clusterId, 'AddonCloudControllerInstalled').state === 'REMOVED');
  expect(at((await tenant.call('GET', `${SERVICES}/web`)).body, 'metadata', 'deletionTimestamp')).toBeUndefined();
  const seen = await world.seed.list({ apiVersion: 'apps/v1', kind: 'Deployment', namespace: `kc-${shortId}` });
  expect(seen.items.filter(({ metadata: { name } }) => name.includes('cloud-controller'))).toEqual([]);
  await remove(clusterId, { snapshots: 'DELETE' });
  await until(() => isDeleted(clusterId));

  const reason = 'It was to be kept, as deleteCluster was asked.';
  expect(await reportOf(clusterId)).toEqual({
    clean: true,
    leftovers: [
      { kind: 'floating-ip', externalId: ip.id, fate: 'KEPT', reason },
      { kind: 'load-balancer', externalId: balancer.id, fate: 'KEPT', reason },
      { kind: 'security-group', externalId: group.id, fate: 'KEPT', reason },
    ],
    unverified: [],
  });
  expect(await ids('load-balancer/v2/lbaas/loadbalancers', 'loadbalancers')).toContain(balancer.id);
  expect(await ids('network/v2.0/floatingips', 'floatingips')).toContain(ip.id);
  expect(await ids('network/v2.0/security-groups', 'security_groups')).toContain(group.id);
});

test.each([
  ['slow', 'takes its time', null],
  [
    'unheard',
    'hears of no end, for a webhook refuses it',
    { service: 'hosted', method: 'DELETE', path: '/services/web', kind: 'status', status: 500 },
  ],
])("half of a deadline is the cloud controller's; %s: it %s, and its load balancers are removed without it", async (name, _how, fault) => {
  const { clusterId, shortId, fixedSubnetId } = await cloudy(name);
  await addService(await tenantOf(clusterId));
  const balancer = await makeBalancer(shortId, fixedSubnetId);
  if (fault !== null) await world.control('POST', 'faults', fault);
  await remove(clusterId, { deadlineSeconds: 600 });
  await waits(clusterId);
  letPass(clusterId, 'deletion_stages', '$.LOAD_BALANCERS.since', Date.now() - 310_000);
  await until(() => isDeleted(clusterId));
  expect(await reportOf(clusterId)).toEqual({ clean: true, leftovers: [], unverified: [] });
  expect(await ids('load-balancer/v2/lbaas/loadbalancers', 'loadbalancers')).not.toContain(balancer.id);
});

test('an API that is dead is waited for until the deadline; then no volume goes, and each is told', async () => {
  const { clusterId, shortId } = await cloudy('mute');
  const volume = await makeVolume(shortId);
  world.write(`update clusters set endpoint_host = '127.0.0.254' where id = '${clusterId}'`);
  await remove(clusterId, { deadlineSeconds: 600 });
  const said = () => conditionOf(clusterId, 'AddonCinderCsiInstalled');
  await until(() => said().message.includes(volume));
  expect(said().state).toBe('WAITING');
  letPass(clusterId, 'deletion_stages', '$.VOLUMES.since');
  await until(() => isDeleted(clusterId));
  expect(wentOn(clusterId)).toBe(true);
  const reason = expect.stringContaining('before the deadline that deleteCluster was given nobody said that it may go');
  expect(await reportOf(clusterId)).toEqual({
    clean: false,
    leftovers: [{ kind: 'volume', externalId: volume, fate: 'REMAINS', reason }],
    unverified: [],
  });
  expect(await ids('volume/v3/volumes', 'volumes')).toContain(volume);
});

test('an Octavia that is dead is waited for until the deadline; what it holds stays and is told by id', async () => {
  const { clusterId, shortId, fixedSubnetId } = await cloudy('stuck');
  const balancer = await makeBalancer(shortId, fixedSubnetId);
  await world.control('POST', 'faults', { service: 'load-balancer', kind: 'status', status: 503 });
  await remove(clusterId, { deadlineSeconds: 600 });
  await waits(clusterId);
  expect(conditionOf(clusterId, 'NetworkReady').state).not.toBe('REMOVED');
  letPass(clusterId, 'deletion_stages', '$.LOAD_BALANCERS.since');
  await until(() => world.rows(`select 1 from clusters where id = '${clusterId}' and sweep is not null`).length === 1);
  expect(wentOn(clusterId)).toBe(true);
  letPass(clusterId, 'sweep', '$.since');
  await until(() => isDeleted(clusterId));
  const report = await reportOf(clusterId);
  expect(report).toMatchObject({ clean: false, unverified: [{ service: 'LOAD_BALANCER', kind: 'load-balancer' }] });
  expect(report?.leftovers.map(({ kind, fate }) => [kind, fate]).sort()).toEqual([
    ['network', 'REMAINS'],
    ['subnet', 'REMAINS'],
  ]);
  expect(report?.leftovers.find(({ kind }) => kind === 'network')?.reason).toContain(
    `Ports in it: ${balancer.vip_port_id} (Octavia lb-${balancer.id}).`,
  );
});
