/** Plans over rows alone: what a mutation is refused for, and what of it is told all the same. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listLiveNodeGroups, patchCluster } from '../../src/store/reconcile.ts';
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
