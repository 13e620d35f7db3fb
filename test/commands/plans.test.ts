/** Plans over rows alone: what a mutation is refused for, and what of it is told all the same. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { insertNodes, listLiveNodeGroups, patchCluster, patchNodeGroup } from '../../src/store/reconcile.ts';
import { ADA, ANNA, call, catalogue, errorOf, type House, OTTO, openHouse, TEMPLATE } from './house.ts';

let house: House;
beforeEach(async () => {
  house = openHouse();
  house.cloud.catalogue = catalogue();
  await house.commands.createClusterTemplate(call(ANNA), { ...TEMPLATE, externalNetwork: 'public' });
});
afterEach(() => house.close());

const INPUT = { name: 'web', clusterTemplate: 'standard', nodeCount: 3 };
const planOf = (mutation: keyof House['commands']['plans'], input: object, who = ANNA) =>
  house.commands.plans[mutation](call(who), () => input);
const count = (objects: readonly { kind: string; count: number }[], kind: string) =>
  objects.filter((object) => object.kind === kind).reduce((sum, object) => sum + object.count, 0);

test('all that stands in the way is told at once, with the plan; the mutation is refused for the first of it', async () => {
  await house.commands.createCluster(call(ANNA), { ...INPUT, nodeCount: 1 });
  await house.commands.setQuota(call(ADA), { projectId: 'blue', nodes: 2, workerVcpus: 100 });
  const plan = await planOf('createCluster', { ...INPUT, overrides: { image: 'nowhere' } });
  expect(plan.problems.map(({ code, field }) => [code, field])).toEqual([
    ['INVALID_INPUT', ['overrides', 'image']],
    ['QUOTA_EXCEEDED', null],
    ['NAME_TAKEN', ['name']],
  ]);
  expect(count(plan.creates, 'server')).toBe(3);
  expect(plan.quota).toContainEqual({ resource: 'nodes', source: 'SEEDBED', needed: 3, inUse: 1, limit: 2, temporary: false });
  expect(plan.quota).toContainEqual(expect.objectContaining({ resource: 'cores', source: 'OPENSTACK', needed: 6 }));
  expect(await errorOf(house.commands.createCluster(call(ANNA), { ...INPUT, overrides: { image: 'nowhere' } }))).toMatchObject({
    message: plan.problems[0]?.message,
  });
});

test('what is not input at all is one problem and no plan', async () => {
  const plan = await planOf('createCluster', { ...INPUT, nodeCount: -1 });
  expect(plan).toMatchObject({ problems: [{ code: 'INVALID_INPUT', field: ['nodeCount'] }], creates: [], quota: [] });
});

test('a load balancer of the ingress controller, a second family of addresses and a network of one’s own are counted', async () => {
  const addons = { ingressController: { enabled: true, serviceType: 'LOAD_BALANCER' }, cloudController: { enabled: true } };
  const own = await planOf('createCluster', { ...INPUT, overrides: { addons, ipFamilies: ['IPV4', 'IPV6'] } });
  expect(own.problems).toEqual([]);
  expect(
    ['network', 'subnet', 'router-interface', 'load-balancer', 'floating-ip', 'application-credential'].map((kind) =>
      count(own.creates, kind),
    ),
  ).toEqual([1, 2, 2, 1, 1, 1]);
  const given = await planOf('createCluster', { ...INPUT, overrides: { fixedNetwork: 'lone', podCidr: '10.128.0.0/16' } });
  expect(given.problems).toEqual([]);
  expect(['network', 'router', 'security-group', 'load-balancer'].map((kind) => count(given.creates, kind))).toEqual([0, 0, 1, 0]);
});

test('settings that a living cluster cannot change are told as such; what waits for a pause or a hibernation says so', async () => {
  const { cluster } = await house.commands.createCluster(call(ANNA), INPUT);
  const fixed = await planOf('updateCluster', {
    clusterId: cluster.id,
    overrides: { podCidr: '10.99.0.0/16', healing: { nodeLimitSeconds: 600 } },
  });
  expect(fixed.problems).toMatchObject([{ code: 'INVALID_INPUT', field: ['overrides', 'podCidr'] }]);
  expect(fixed.changes.map(({ path, possible }) => [path, possible])).toEqual(
    expect.arrayContaining([
      ['podCidr', false],
      ['healing.nodeLimitSeconds', true],
    ]),
  );
  const until = house.time.now + 3_600_000;
  const pause = { since: house.time.now, until, reason: null, requestedBy: 'anna' };
  const hibernation = { since: house.time.now, until: null, phase: 'ASLEEP', requestedBy: 'anna' } as never;
  await house.store.transaction((tx) => patchCluster(tx, cluster.id, { pause, hibernation }));
  const held = await planOf('updateCluster', { clusterId: cluster.id, overrides: { controlPlane: { replicas: 3 } } });
  expect(held.warnings).toHaveLength(2);
  expect([held.restarts, held.creates]).toEqual([[], []]);
  const [group] = await listLiveNodeGroups(house.store.db, cluster.id);
  const grown = await planOf('resizeNodeGroup', { nodeGroupId: group?.id, count: 5 });
  expect(count(grown.creates, 'server')).toBe(2);
});

test('a deletion under protection is told so, with what would go; keeping backups keeps them', async () => {
  const { cluster } = await house.commands.createCluster(call(ANNA), { ...INPUT, deletionProtection: true });
  const plan = await planOf('deleteCluster', { clusterId: cluster.id });
  expect(plan.problems).toMatchObject([{ code: 'DELETION_PROTECTED', field: ['disableDeletionProtection'] }]);
  expect((await planOf('deleteCluster', { clusterId: cluster.id, disableDeletionProtection: true })).problems).toEqual([]);
  expect((await planOf('deleteCluster', { clusterId: cluster.id }, OTTO)).problems).toMatchObject([
    { code: 'NOT_FOUND', field: ['clusterId'] },
  ]);
  await house.commands.deleteCluster(call(ANNA), { clusterId: cluster.id, disableDeletionProtection: true });
  const again = await planOf('deleteCluster', { clusterId: cluster.id });
  expect([again.problems, again.warnings.length]).toEqual([[], 1]);
});

/** A cluster whose group has three workers, as its reconciler would have made them. */
const withWorkers = async (): Promise<{ nodeGroupId: string }> => {
  const { cluster } = await house.commands.createCluster(call(ANNA), INPUT);
  const [group] = await listLiveNodeGroups(house.store.db, cluster.id);
  if (group === undefined) throw new Error('There is no group.');
  const now = house.time.now;
  const machine = { flavor: 'small', vcpus: 2, ramMiB: 4096, diskGiB: 20 };
  await house.store.transaction(async (tx) => {
    await patchNodeGroup(tx, group.id, { resolved: { flavorId: 'f0', imageId: 'i0', machine } });
    const made = { kubernetesVersion: 'v1.36.3', imageId: 'i0', flavorId: 'f0', state: 'READY' as const, createdAt: now, updatedAt: now };
    const rows = ['a', 'b', 'c'].map((name) => ({ id: `node-${name}`, name, serverId: `s-${name}` }));
    await insertNodes(
      tx,
      rows.map((row) => ({ ...row, ...made, clusterId: cluster.id, nodeGroupId: group.id })),
    );
  });
  return { nodeGroupId: group.id };
};

test('all that a change of a group is refused for is told at once; the mutation is refused for the first of it', async () => {
  const { nodeGroupId } = await withWorkers();
  const input = { nodeGroupId, minCount: 5, maxCount: 4, labels: { 'kubernetes.io/role': 'x' }, kubernetesVersion: 'v1.36.99' };
  const { problems } = await planOf('updateNodeGroup', input);
  expect(problems.map(({ code, field }) => [code, field])).toEqual([
    ['INVALID_INPUT', ['minCount']],
    ['INVALID_INPUT', ['labels', 'kubernetes.io/role']],
    ['UNSUPPORTED_VERSION', ['kubernetesVersion']],
  ]);
  expect(await errorOf(house.commands.updateNodeGroup(call(ANNA), input))).toMatchObject({ message: problems[0]?.message });
  expect((await planOf('updateNodeGroup', { nodeGroupId })).problems).toMatchObject([{ code: 'INVALID_INPUT', field: [] }]);
  expect((await planOf('updateNodeGroup', { nodeGroupId, maxCount: 9 }, OTTO)).problems).toMatchObject([{ code: 'NOT_FOUND' }]);
});

test('workers of another size are counted with what they take more, and a small one is warned of', async () => {
  const { nodeGroupId } = await withWorkers();
  const known = catalogue();
  const sizes = [
    [8, 16_384],
    [1, 1024],
  ].map(([vcpus = 0, ramMiB = 0], i) => ({ ...known.flavors[0], id: `f-${i}`, name: `size-${i}`, vcpus, ramMiB }));
  house.cloud.catalogue = { ...known, flavors: [...known.flavors, ...(sizes as typeof known.flavors)] };
  const larger = await planOf('updateNodeGroup', { nodeGroupId, flavor: 'size-0' });
  expect(larger.problems).toEqual([]);
  expect([count(larger.creates, 'server'), larger.warnings.filter((text) => text.startsWith('Flavor'))]).toEqual([3, []]);
  const needs = larger.quota.map(({ resource, source, needed, temporary }) => [source, resource, needed, temporary]);
  expect(needs).toEqual(
    expect.arrayContaining([
      ['SEEDBED', 'workerVcpus', 18, false],
      ['OPENSTACK', 'cores', 18, false],
      ['OPENSTACK', 'ram', 3 * 12_288, false],
      ['OPENSTACK', 'cores', 8, true],
      ['OPENSTACK', 'instances', 1, true],
    ]),
  );
  expect(needs.filter(([, resource, , temporary]) => resource === 'instances' && temporary === false)).toEqual([]);
  const smaller = await planOf('updateNodeGroup', { nodeGroupId, flavor: 'size-1' });
  expect(smaller.warnings).toContainEqual(expect.stringMatching(/^Flavor size-1 has 1 vCPU/));
  expect(smaller.quota.filter(({ temporary }) => !temporary)).toEqual([]);
});

test('while the cloud is not known another name is another thing, and the same one the same; that is warned of', async () => {
  const { nodeGroupId } = await withWorkers();
  house.cloud.catalogue = null;
  const servers = async (change: object) => {
    const plan = await planOf('updateNodeGroup', { nodeGroupId, ...change });
    return [count(plan.creates, 'server'), plan.warnings.some((text) => text.includes('names in it'))];
  };
  expect(await servers({ image: 'other' })).toEqual([3, true]);
  expect(await servers({ image: 'debian', flavor: 'small' })).toEqual([0, true]);
  expect(await servers({ metadata: { team: 'web' } })).toEqual([3, false]);
  house.cloud.catalogue = catalogue();
  // Another image has the name by now.
  house.cloud.catalogue.images = house.cloud.catalogue.images.map((image) => ({ ...image, id: `${image.id}-anew` }));
  expect(await servers({ keypair: 'anna-key' })).toEqual([3, false]);
  expect(await servers({ maxCount: 9 })).toEqual([0, false]);
});

test('those that others take the places of already are no work of a change; fewer take the old ones first', async () => {
  const { nodeGroupId } = await withWorkers();
  const names = (plan: Awaited<ReturnType<typeof planOf>>) => [count(plan.creates, 'server'), count(plan.deletes, 'server')];
  await house.commands.updateNodeGroup(call(ANNA), { nodeGroupId, labels: { tier: 'web' } });
  expect(names(await planOf('updateNodeGroup', { nodeGroupId, taints: [{ key: 'gpu', effect: 'NoSchedule' }] }))[0]).toBe(0);
  const shrunk = await planOf('updateNodeGroup', { nodeGroupId, maxCount: 2 });
  expect(shrunk.changes.map(({ path, from, to }) => [path, from, to])).toEqual([
    ['count', 3, 2],
    ['maxCount', null, 2],
  ]);
  expect(names(shrunk)[0]).toBe(0);
});
