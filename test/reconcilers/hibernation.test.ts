/** Hibernation: workers gone, control plane at zero, nobody asks the sleeping API; then the same cluster again, with new workers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
let clusterId: string;
let namespace: string;
let kubeconfig: string;
beforeAll(async () => {
  world = await openLiving({ drainSeconds: '5' });
  clusterId = await world.makeCluster('bear', { nodeCount: 2, overrides: { addons: { cloudController: { enabled: true } } } });
  namespace = `kc-${world.rows<{ shortId: string }>(`select short_id as shortId from clusters where id = '${clusterId}'`)[0]?.shortId}`;
  const issued = await world.change<{ kubeconfig: string }>(world.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  kubeconfig = issued.kubeconfig;
  const honey = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'honey', namespace: 'default' }, data: {} };
  await until(() => world.tenant(kubeconfig).apply(honey));
});
afterAll(() => world?.close());

interface Shown {
  state: string;
  endpoint: string;
  caCertificate: string;
  generation: number;
  observedGeneration: number;
  hibernation: { until: string | null; requestedBy: string } | null;
  nodeGroups: { nodes: { uuid: string; count: number }[] };
  conditions: { name: string; status: string; reason: string }[];
}
const show = async (): Promise<Shown> =>
  (
    await world.ask<{ cluster: Shown }>(
      world.member,
      `{ cluster(id: "${clusterId}") { state endpoint caCertificate generation observedGeneration hibernation { until requestedBy }
        nodeGroups { nodes { uuid count } } conditions { name status reason } } }`,
    )
  ).cluster;
const begin = async (mutation: string, more: object = {}): Promise<string> =>
  (await world.change<{ operation: { uuid: string } }>(world.member, mutation, { clusterId, ...more }, 'operation { uuid }')).operation
    .uuid;
interface Told {
  state: string;
  requestedBy: string;
  steps: { name: string; state: string; waitingFor: { what: string; whoMustAct: string } | null }[];
}
const operation = async (id: string): Promise<Told> =>
  (
    await world.ask<{ operation: Told }>(
      world.member,
      `{ operation(id: "${id}") { state requestedBy steps { name state waitingFor { what whoMustAct } } } }`,
    )
  ).operation;
const succeeded = (id: string) => until(async () => (await operation(id)).state === 'SUCCEEDED');
const stateIs = (state: string) =>
  until(() => world.rows(`select 1 from clusters where id = '${clusterId}' and state = '${state}'`).length === 1);
const nodeNames = () =>
  world
    .rows<{ name: string }>(`select name from nodes where cluster_id = '${clusterId}' and deleted_at is null`)
    .map(({ name }) => name)
    .sort();
const claims = async () =>
  (await world.seed.list({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace })).items.map(({ metadata }) => metadata.name);
const running = async () =>
  (await world.seed.list({ apiVersion: 'v1', kind: 'Pod', namespace })).items
    .filter(({ status }) => (status as { phase?: string } | undefined)?.phase === 'Running')
    .map(({ metadata }) => metadata.name);
const inUse = () =>
  world
    .rows<{ kind: string }>(`select kind from usage where cluster_id = '${clusterId}' and ended_at is null`)
    .map(({ kind }) => kind)
    .sort();

test('workers go, then the control plane; volumes, address and counts stay, and nobody calls the API', async () => {
  const before = await show();
  expect(inUse()).toEqual(expect.arrayContaining(['CONTROL_PLANE_CPU', 'VOLUME', 'WORKER_CPU']));
  const claimed = await claims();
  const id = await begin('hibernateCluster');
  expect(['HIBERNATING', 'HIBERNATED']).toContain((await show()).state);
  await succeeded(id);
  const shown = await show();
  expect(shown).toMatchObject({ state: 'HIBERNATED', endpoint: before.endpoint, hibernation: { until: null } });
  expect(shown.observedGeneration).toBe(shown.generation);
  expect(shown.nodeGroups.nodes.map(({ count }) => count)).toEqual([2]);
  expect(shown.conditions.find(({ name }) => name === 'ApiServerReady')).toMatchObject({ status: 'FALSE', reason: 'Hibernated' });
  expect((await operation(id)).steps.map(({ name, state }) => `${name} ${state}`)).toEqual([
    'CloudCredentialReady DONE',
    'WorkersAway DONE',
    'ControlPlaneStopped DONE',
  ]);
  expect(nodeNames()).toEqual([]);
  expect(await running()).toEqual([]);
  expect(await claims()).toEqual(claimed);
  expect(inUse()).toEqual(['ADDRESS', 'VOLUME']);
  await world.restart();
  await world.idle();
  await world.control('DELETE', 'counters');
  world.wake(clusterId);
  await world.idle();
  const { byService } = await world.control<{ byService: Record<string, { total: number; writes: number }> }>('GET', 'counters');
  expect([byService['hosted']?.total ?? 0, byService['compute']?.total ?? 0, byService['kubernetes']?.writes ?? 0]).toEqual([0, 0, 0]);
});

test('what is asked for meanwhile waits and says so, and is done when the cluster wakes as it was', async () => {
  const before = await show();
  const resize = async (count: number) => {
    const input = { nodeGroupId: before.nodeGroups.nodes[0]?.uuid, count };
    return (await world.change<{ operation: { uuid: string } }>(world.member, 'resizeNodeGroup', input, 'operation { uuid }')).operation
      .uuid;
  };
  const [resized, protectedBy] = [await resize(1), await begin('updateCluster', { deletionProtection: true })];
  for (const id of [resized, protectedBy]) {
    const step = await until(async () => (await operation(id)).steps.find(({ name }) => name === 'HibernationOver'));
    expect(step).toMatchObject({
      state: 'WAITING',
      waitingFor: { what: 'somebody to wake the cluster (wakeCluster)', whoMustAct: 'CUSTOMER' },
    });
  }
  await world.idle();
  expect([(await show()).state, nodeNames()]).toEqual(['HIBERNATED', []]);
  const id = await begin('wakeCluster');
  await until(
    () => world.rows(`select 1 from conditions where object_id = '${clusterId}' and name = 'EtcdReady' and state = 'DONE'`).length === 1,
  );
  await world.restart();
  await succeeded(id);
  for (const other of [resized, protectedBy]) await succeeded(other);
  const { endpoint, caCertificate, state, hibernation } = await show();
  expect({ endpoint, caCertificate, state, hibernation }).toEqual({
    endpoint: before.endpoint,
    caCertificate: before.caCertificate,
    state: 'READY',
    hibernation: null,
  });
  expect(nodeNames()).toHaveLength(1);
  expect(await world.tenant(kubeconfig).get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'honey' })).toBeDefined();
  expect((await world.tenant(kubeconfig).list({ apiVersion: 'v1', kind: 'Node' })).items.map(({ metadata }) => metadata.name)).toEqual(
    nodeNames(),
  );
  expect(inUse()).toEqual(expect.arrayContaining(['CONTROL_PLANE_CPU', 'WORKER_CPU']));
  await expect(begin('wakeCluster')).rejects.toThrow(/CONFLICT.*not hibernated/);
});

test('it can be turned round on the way, and ends by itself at its time', async () => {
  await expect(begin('hibernateCluster', { until: new Date(0).toISOString() })).rejects.toThrow(/INVALID_INPUT.*until/);
  const first = await begin('hibernateCluster');
  await until(() => world.rows(`select 1 from nodes where cluster_id = '${clusterId}' and delete_requested_at is not null`).length > 0);
  await world.restart();
  const woken = await begin('wakeCluster');
  await succeeded(woken);
  expect((await operation(first)).state).toBe('SUPERSEDED');
  expect(nodeNames()).toHaveLength(1);

  const asleep = await begin('hibernateCluster', { until: new Date(Date.now() + 3_600_000).toISOString() });
  await succeeded(asleep);
  await begin('hibernateCluster', { until: new Date(Date.now() + 1_500).toISOString() });
  await stateIs('READY');
  const [last] = world.rows<{ id: string }>(`select id from operations where kind = 'WAKE_CLUSTER' order by requested_at desc limit 1`);
  expect(await operation(last?.id ?? '')).toMatchObject({ state: 'SUCCEEDED', requestedBy: 'hibernation' });
});

test('a hibernated cluster can be deleted: its control plane wakes to say which load balancers go with it', async () => {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'shop', namespace: 'default', finalizers: ['service.kubernetes.io/load-balancer-cleanup'] },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
  };
  await world.tenant(kubeconfig).apply(service);
  await succeeded(await begin('hibernateCluster'));
  await begin('deleteCluster', { disableDeletionProtection: true });
  const tenant = world.tenant(kubeconfig);
  const going = await until(async () => {
    const live = await tenant.get({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'shop' });
    return live?.metadata.deletionTimestamp === undefined ? undefined : live;
  });
  // As the cloud controller does once the load balancer is gone.
  await tenant.rewrite({ ...going, metadata: { ...going.metadata, finalizers: [] } });
  await stateIs('DELETED');
  expect(inUse()).toEqual([]);
  const query = `{ usage(clusterId: "${clusterId}", from: "2000-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z") { clusterCount clusters { name deletedAt used { addressHours } } } }`;
  const { usage } = await world.ask<{ usage: { clusters: object[] } }>(world.member, query);
  expect(usage.clusters).toEqual([{ name: 'bear', deletedAt: expect.any(String), used: { addressHours: expect.any(Number) } }]);
});
