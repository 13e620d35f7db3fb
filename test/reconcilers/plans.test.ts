/** What a plan says is what the mutation then does: counted in the cloud, in the seed, and in the inventory. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface Counted {
  service: string | null;
  kind: string;
  of: string | null;
  count: number;
  names: string[];
}
interface Plan {
  problems: { code: string; field: string[] | null; message: string }[];
  creates: Counted[];
  changes: { field: string; from: string; to: string; possible: boolean }[];
  restarts: Counted[];
  deletes: Counted[];
  quota: { resource: string; source: string; needed: number; inUse: number | null; temporary: boolean }[];
  expectedDuration: { basis: string; samples: number; medianSeconds: number | null; reason: string | null };
  warnings: string[];
}
interface Pod {
  metadata: { uid: string; namespace: string; name: string; labels?: Record<string, string>; deletionTimestamp?: string };
}
interface Cloud {
  compute: { servers: { id: string; name: string }[]; serverGroups: { id: string }[] };
  network: Record<'ports' | 'networks' | 'subnets' | 'routers' | 'floatingIps', { id: string; name?: string; device_owner?: string }[]>;
  volume: { volumes: { id: string; name: string }[] };
}

let world: Living;
let clusterId: string;
let groupId: string;

beforeAll(async () => {
  world = await openLiving({}, { image: 'debian-12' });
  await world.control('PUT', `quotas/${world.sandbox.users.member.projectId}`, { instances: 50, cores: 100, ram: 500_000 });
});
afterAll(() => world?.close());

const OBJECT = '{ service kind of count names }';
const plan = async (mutation: string, input: object, token = world.member): Promise<Plan> => {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}`;
  const query = `query($input: ${type}Input!) { plan${type}(input: $input) { problems { code field message } creates ${OBJECT} restarts ${OBJECT} deletes ${OBJECT}
    changes { field from to possible } quota { resource source needed inUse temporary } expectedDuration { basis samples medianSeconds reason } warnings } }`;
  const answer = await world.ask<Record<string, Plan>>(token, query, { input });
  return answer[`plan${type}`] as Plan;
};

/** By service and kind, how many in all; what is in the seed and the cluster apart. */
const inCloud = (planned: readonly Counted[]): Record<string, number> => {
  const sums: Record<string, number> = {};
  for (const { service, kind, count } of planned)
    if (service !== null && service !== 'SEED' && service !== 'CLUSTER')
      sums[`${service} ${kind}`] = (sums[`${service} ${kind}`] ?? 0) + count;
  return sums;
};
/** What the inventory says is there. */
const present = (): Record<string, number> =>
  Object.fromEntries(
    world
      .rows<{ key: string; n: number }>(
        `select service || ' ' || kind as key, count(*) as n from inventory where cluster_id = '${clusterId}' and state = 'PRESENT'
           and service not in ('SEED', 'CLUSTER') group by 1`,
      )
      .map(({ key, n }) => [key, n]),
  );
const minus = (after: Record<string, number>, before: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(after).flatMap(([key, n]) => (n === (before[key] ?? 0) ? [] : [[key, n - (before[key] ?? 0)]])));

/** What there is in the cloud itself, by ids. */
const cloudIds = async () => {
  const { openstack } = await world.control<{ openstack: Cloud }>('GET', 'world');
  const ids = (things: readonly { id: string }[]) => things.map(({ id }) => id);
  return {
    server: ids(openstack.compute.servers),
    // Those of a router and of DHCP are Neutron's own.
    port: ids(openstack.network.ports.filter(({ device_owner: owner = '' }) => !owner.startsWith('network:'))),
    volume: ids(openstack.volume.volumes),
    network: ids(openstack.network.networks),
    subnet: ids(openstack.network.subnets),
    router: ids(openstack.network.routers),
  };
};
type CloudIds = Awaited<ReturnType<typeof cloudIds>>;
const between = (one: CloudIds, other: CloudIds) =>
  Object.fromEntries(
    Object.entries(other).flatMap(([kind, ids]) => {
      const more = ids.filter((id) => !one[kind as keyof CloudIds].includes(id)).length;
      return more === 0 ? [] : [[kind, more]];
    }),
  );
/** The plan's own figures for the kinds that the cloud is asked for. */
const asCloud = (planned: readonly Counted[]) =>
  Object.fromEntries(
    Object.entries(inCloud(planned))
      .map(([key, n]): [string, number] => [key.split(' ')[1] ?? '', n])
      .filter(([kind]) => ['server', 'port', 'volume', 'network', 'subnet', 'router'].includes(kind)),
  );

/** Pods of the control plane by component, and their uids. */
const controlPlane = async (): Promise<Map<string, string[]>> => {
  const { items } = (await world.seed.list({ apiVersion: 'v1', kind: 'Pod' })) as unknown as { items: Pod[] };
  const found = new Map<string, string[]>();
  for (const { metadata } of items) {
    const component = metadata.labels?.['app.kubernetes.io/component'];
    if (component === undefined || metadata.deletionTimestamp !== undefined || metadata.labels?.['seedbed.io/cluster'] !== clusterId)
      continue;
    // What is done once and ends is no part of it.
    if (['etcd-task', 'etcd-backup'].includes(component)) continue;
    found.set(component, [...(found.get(component) ?? []), metadata.uid]);
  }
  return found;
};
const sizes = (pods: Map<string, string[]>) => Object.fromEntries([...pods].map(([name, uids]) => [name, uids.length]));
/** Components whose pods are others, with how many of the old are gone. */
const replaced = (before: Map<string, string[]>, after: Map<string, string[]>) =>
  Object.fromEntries(
    [...before].flatMap(([name, uids]) => {
      const gone = uids.filter((uid) => !(after.get(name) ?? []).includes(uid)).length;
      return gone === 0 ? [] : [[name, gone]];
    }),
  );
const podsIn = (planned: readonly Counted[]) =>
  Object.fromEntries(
    planned.flatMap(({ service, kind, of, count }) =>
      service === 'SEED' && ['Deployment', 'StatefulSet'].includes(kind) ? [[of ?? '', count]] : [],
    ),
  );
const claims = async () => (await world.seed.list({ apiVersion: 'v1', kind: 'PersistentVolumeClaim' })).items.length;
const claimsIn = (planned: readonly Counted[]) =>
  planned.filter(({ kind }) => kind === 'PersistentVolumeClaim').reduce((sum, { count }) => sum + count, 0);

/** Names of the group's servers. */
const serversOf = () =>
  world.rows<{ name: string }>(`select name from nodes where node_group_id = '${groupId}' and deleted_at is null`).map(({ name }) => name);

interface Workload {
  metadata: { generation?: number };
  spec: { replicas?: number };
  status?: { observedGeneration?: number; replicas?: number; updatedReplicas?: number };
}
const isSteady = ({ metadata, spec: { replicas = 1 }, status }: Workload): boolean =>
  status?.observedGeneration === metadata.generation && (status?.replicas ?? 0) === replicas && (status?.updatedReplicas ?? 0) === replicas;

/** Looks, 25 ms apart, at which nothing may have changed: one thing is noticed after the other. */
const LOOKS = 20;

/** All is carried out, each workload has its pods and no others, and no old one is on its way out. */
const quiet = async () => {
  const list = async (apiVersion: string, kind: string) => (await world.seed.list({ apiVersion, kind })).items;
  let seen = '';
  let same = 0;
  await until(async () => {
    const workloads = [...(await list('apps/v1', 'Deployment')), ...(await list('apps/v1', 'StatefulSet'))] as unknown as Workload[];
    const pods = (await list('v1', 'Pod')) as unknown as Pod[];
    const now = JSON.stringify(pods.map(({ metadata }) => metadata.uid).sort());
    const isOver =
      world.rows("select 1 from operations where state in ('PENDING', 'RUNNING')").length === 0 &&
      workloads.every(isSteady) &&
      pods.every(({ metadata }) => metadata.deletionTimestamp === undefined);
    same = isOver && now === seen ? same + 1 : 0;
    seen = now;
    return same >= LOOKS;
  });
  await world.settled(clusterId);
  await world.idle();
};

test('a cluster is made of what its plan says, and nothing is written by the plan', async () => {
  const nodeGroups = [
    { name: 'plain', count: 2 },
    { name: 'rich', count: 1, rootVolume: { sizeGiB: 20 }, floatingIpEnabled: true, serverGroupPolicy: 'NONE' },
  ];
  const input = {
    name: 'planned',
    clusterTemplate: 'small',
    nodeGroups,
    overrides: { kubernetesVersion: 'v1.35.4', volumeDriver: 'CINDER', maintenance: { autoUpgrade: 'NONE' } },
  };
  const written = () =>
    ['clusters', 'operations', 'events', 'audit', 'work_items', 'secrets'].map((table) => world.rows(`select * from ${table}`).length);
  await world.idle();
  const before = written();
  // What is not known of the cloud is told, and looked up.
  const early = await plan('createCluster', input);
  expect(early.warnings.length).toBeGreaterThan(0);
  const told = await until(async () => {
    const again = await plan('createCluster', input);
    return again.warnings.length === 0 ? again : undefined;
  });
  expect(told.problems).toEqual([]);
  expect(written()).toEqual(before);
  expect(told.expectedDuration).toMatchObject({ basis: 'NONE', samples: 0, medianSeconds: null, reason: expect.any(String) });
  const [cloud, claimed] = [await cloudIds(), await claims()];
  clusterId = await world.makeCluster('planned', { ...input, nodeCount: undefined });
  await quiet();
  groupId = world.rows<{ id: string }>("select id from node_groups where name = 'plain'")[0]?.id ?? '';
  expect(inCloud(told.creates)).toEqual(present());
  expect(asCloud(told.creates)).toEqual(between(cloud, await cloudIds()));
  expect(podsIn(told.creates)).toEqual(sizes(await controlPlane()));
  expect(claimsIn(told.creates)).toBe((await claims()) - claimed);
  const { items } = await world.seed.list({ apiVersion: 'v1', kind: 'Service' });
  const balanced = items.filter(({ spec }) => (spec as { type?: string }).type === 'LoadBalancer');
  expect(told.creates.filter(({ kind }) => kind === 'Service').map(({ count }) => count)).toEqual([balanced.length]);
  expect(told.quota).toContainEqual(expect.objectContaining({ resource: 'instances', source: 'OPENSTACK', needed: 3, temporary: false }));
  expect(told.quota).toContainEqual({ resource: 'clusters', source: 'SEEDBED', needed: 1, inUse: 0, temporary: false });
  expect(told.changes).toEqual([]);
}, 240_000);

test.each([
  ['what API servers are told', { controlPlane: { audit: { level: 'REQUEST', stdout: true } } }, { 'kube-apiserver': 1 }],
  [
    'what one component asks of its node',
    { controlPlane: { resources: { scheduler: { cpuMillicores: 7, memoryMiB: 50 } } } },
    { 'kube-scheduler': 1 },
  ],
  ['what nobody is restarted for', { healing: { nodeLimitSeconds: 900 } }, {}],
  ['logins with Keystone tokens', { keystoneAuthEnabled: true }, { 'kube-apiserver': 1 }],
])(
  'an update restarts just what its plan says: %s',
  async (_what, overrides, restarts) => {
    const told = await plan('updateCluster', { clusterId, overrides });
    expect(told.problems).toEqual([]);
    expect(told.changes.length).toBeGreaterThan(0);
    expect(podsIn(told.restarts)).toEqual(restarts);
    const [before, there] = [await controlPlane(), present()];
    await world.change(world.member, 'updateCluster', { clusterId, overrides }, 'operation { id }');
    await quiet();
    const after = await controlPlane();
    expect(podsIn(told.restarts)).toEqual(replaced(before, after));
    const grown = minus(sizes(after), sizes(before));
    expect(podsIn(told.creates)).toEqual(grown);
    expect(inCloud(told.creates)).toEqual(minus(present(), there));
    expect(told.deletes).toEqual([]);
  },
  240_000,
);

test('three members of etcd in the place of one: what comes, and what restarts', async () => {
  const overrides = { controlPlane: { replicas: 3 } };
  const told = await plan('updateCluster', { clusterId, overrides });
  expect(told.changes).toEqual([{ field: 'controlPlane.replicas', from: '1', to: '3', possible: true }]);
  expect(told.quota).toEqual([{ resource: 'controlPlaneReplicas', source: 'SEEDBED', needed: 2, inUse: 1, temporary: false }]);
  const [before, claimed] = [await controlPlane(), await claims()];
  await world.change(world.member, 'updateCluster', { clusterId, overrides }, 'operation { id }');
  await quiet();
  const after = await controlPlane();
  expect(podsIn(told.creates)).toEqual(minus(sizes(after), sizes(before)));
  expect(podsIn(told.restarts)).toEqual(replaced(before, after));
  expect(claimsIn(told.creates)).toBe((await claims()) - claimed);
}, 240_000);

test('a group grows by what its plan says, and gives up those that it names', async () => {
  const up = await plan('resizeNodeGroup', { nodeGroupId: groupId, count: 3 });
  expect(up).toMatchObject({ problems: [], restarts: [], deletes: [], changes: [{ field: 'count', from: '2', to: '3' }] });
  const there = present();
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: groupId, count: 3 }, 'operation { id }');
  await quiet();
  expect(inCloud(up.creates)).toEqual(minus(present(), there));
  const down = await plan('resizeNodeGroup', { nodeGroupId: groupId, count: 1 });
  const before = present();
  const servers = serversOf();
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: groupId, count: 1 }, 'operation { id }');
  await quiet();
  expect(inCloud(down.deletes)).toEqual(minus(before, present()));
  const gone = servers.filter((name) => !serversOf().includes(name));
  expect(down.deletes.find(({ kind }) => kind === 'server')?.names).toEqual(gone.toSorted());
}, 240_000);

const bigger = { resource: 'cores', source: 'OPENSTACK', needed: 2, temporary: false };
const surge = { resource: 'instances', source: 'OPENSTACK', needed: 1, temporary: true };
test.each<[string, object, string[], object[]]>([
  ['the same image once more', { image: 'debian-12' }, [], []],
  ['how they are healed, and a bound that they keep', { healingProblems: ['GpuLost'], maxCount: 5 }, ['maxCount', 'healingProblems'], []],
  ['labels, which need others in their places', { labels: [{ key: 'tier', value: 'web' }] }, ['labels'], [surge]],
  [
    'more of them by a bound',
    { minCount: 2 },
    ['count', 'minCount'],
    [{ resource: 'instances', source: 'OPENSTACK', needed: 1, temporary: false }],
  ],
  [
    'fewer of another size',
    { flavor: 'm1.large', minCount: 1, maxCount: 1, cloudInit: 'packages: [nfs-common]\n' },
    ['count', 'minCount', 'maxCount', 'flavor', 'cloudInit'],
    [bigger, surge],
  ],
])(
  'a change of a group makes and takes away what its plan says: %s',
  async (_what, change, fields, quotas) => {
    const input = { nodeGroupId: groupId, ...change };
    // A change of names is planned by what is known of the cloud, which is looked up.
    const told = await until(async () => {
      const one = await plan('updateNodeGroup', input);
      return one.warnings.length === 0 ? one : undefined;
    });
    expect(told).toMatchObject({ problems: [], restarts: [] });
    expect(told.changes.map(({ field }) => field).sort()).toEqual(fields.toSorted());
    expect(JSON.stringify(told)).not.toContain('nfs-common');
    for (const quota of quotas) expect(told.quota).toContainEqual(expect.objectContaining(quota));
    if (quotas.length === 0) expect(told.quota).toEqual([]);
    const [cloud, servers] = [await cloudIds(), serversOf()];
    await world.change(world.member, 'updateNodeGroup', input, 'operation { id }');
    await quiet();
    const after = await cloudIds();
    expect(asCloud(told.creates)).toEqual(between(cloud, after));
    expect(asCloud(told.deletes)).toEqual(between(after, cloud));
    const gone = servers.filter((name) => !serversOf().includes(name));
    expect(told.deletes.find(({ kind }) => kind === 'server')?.names ?? []).toEqual(gone.toSorted());
  },
  240_000,
);

test('an upgrade replaces the nodes and restarts the pods that its plan says', async () => {
  const input = { clusterId, version: 'v1.36.3' };
  const told = await plan('upgradeCluster', input);
  expect(told.problems).toEqual([]);
  expect(told.quota).toContainEqual(expect.objectContaining({ resource: 'instances', temporary: true }));
  const [before, cloud] = [await controlPlane(), await cloudIds()];
  await world.change(world.member, 'upgradeCluster', input, 'operation { id }');
  await quiet();
  expect(podsIn(told.restarts)).toEqual(replaced(before, await controlPlane()));
  const after = await cloudIds();
  expect(asCloud(told.creates)).toEqual(between(cloud, after));
  expect(asCloud(told.deletes)).toEqual(between(after, cloud));
}, 240_000);

test('a deletion takes away what its plan says, and history tells how long the next one takes', async () => {
  const told = await plan('deleteCluster', { clusterId });
  expect(told.problems).toEqual([]);
  const [pods, cloud, there, claimed] = [await controlPlane(), await cloudIds(), present(), await claims()];
  await world.change(world.member, 'deleteCluster', { clusterId }, 'operation { id }');
  await until(() => world.rows<{ state: string }>('select state from clusters')[0]?.state === 'DELETED');
  expect(inCloud(told.deletes)).toEqual(there);
  expect(asCloud(told.deletes)).toEqual(between(await cloudIds(), cloud));
  expect(podsIn(told.deletes)).toEqual(sizes(pods));
  expect(claimsIn(told.deletes)).toBe(claimed - (await claims()));
  const { expectedDuration } = await plan('createCluster', { name: 'next', clusterTemplate: 'small' });
  const [made] = world.rows<{ ms: number }>("select finished_at - requested_at as ms from operations where kind = 'CREATE_CLUSTER'");
  expect(expectedDuration).toMatchObject({ basis: 'PROJECT', samples: 1, medianSeconds: (made?.ms ?? 0) / 1000, reason: null });
}, 240_000);
