/** Workers that were named to go are those that go, whatever else is asked for and whenever. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openNodeGroupScope } from '../../src/reconcilers/nodeGroup/scope.ts';
import { nodes } from '../../src/reconcilers/nodeGroup/steps/nodes.ts';
import type { World } from '../../src/reconcilers/world.ts';
import { type ClusterRow, insertNodes, listLiveNodes, loadCluster, loadNodeGroup, type NodeGroupRow } from '../../src/store/reconcile.ts';
import { nodeGroups } from '../../src/store/tables.ts';
import { ANNA, call, type House, openHouse, TEMPLATE } from '../commands/house.ts';

let house: House;
let nodeGroupId: string;

beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
  const { cluster } = await house.commands.createCluster(call(ANNA), { name: 'web', clusterTemplate: TEMPLATE.name, nodeCount: 3 });
  const [group] = await house.store.db.select().from(nodeGroups);
  nodeGroupId = group?.id ?? '';
  const made = (id: string, createdAt: number) => ({
    id,
    name: `web-${id}`,
    clusterId: cluster.id,
    nodeGroupId,
    state: 'READY' as const,
    createdAt,
  });
  const rows = ['oldest', 'middle', 'youngest'].map((id, at) => ({ ...made(id, at), kubeletVersion: 'v1.36.3', updatedAt: at }));
  await house.store.transaction((tx) => insertNodes(tx, rows));
});
afterEach(() => house.close());

/** A pass over the group as it is now; the function does what the pass does of its nodes. */
const open = async () => {
  const row = (await loadNodeGroup(house.store.db, nodeGroupId)) as NodeGroupRow;
  const cluster = (await loadCluster(house.store.db, row.clusterId)) as ClusterRow;
  const world = { store: house.store, clock: house.deps.clock, settings: { cutOffMs: 0 } } as unknown as World;
  const scope = openNodeGroupScope(world, row, cluster, await listLiveNodes(house.store.db, nodeGroupId), house.store.transaction);
  return () => nodes.ensure(scope);
};
const pass = async () => (await open())();
const resize = (count: number, nodesToRemove: string[] = []) =>
  house.commands.resizeNodeGroup(call(ANNA), { nodeGroupId, count, nodesToRemove });
const going = async () =>
  (await listLiveNodes(house.store.db, nodeGroupId)).filter((node) => node.deleteRequestedAt !== null).map(({ id }) => id);

test('one that is named while a pass comes to rest', async () => {
  await resize(3, []);
  await house.store.transaction(async (tx) => void (await tx.db.update(nodeGroups).set({ nodesToRemove: ['gone'] })));
  const rest = await open();
  await resize(2, ['youngest']);
  await rest();
  await pass();
  expect(await going()).toEqual(['youngest']);
});

test('one that was named before another is', async () => {
  await resize(2, ['youngest']);
  await resize(2);
  await resize(1, ['middle']);
  await pass();
  expect(await going()).toEqual(['middle', 'youngest']);
});

test('not one whose going was taken back', async () => {
  await resize(2, ['youngest']);
  await resize(3);
  await resize(2, ['middle']);
  await pass();
  expect(await going()).toEqual(['middle']);
});
