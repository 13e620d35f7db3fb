/** A seed is not chosen by more clusters than it has room for, however many look at it at once. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openClusterScope } from '../../src/reconcilers/cluster/scope.ts';
import { placement } from '../../src/reconcilers/cluster/steps/placement.ts';
import type { World } from '../../src/reconcilers/world.ts';
import { type ClusterRow, loadCluster, patchSeed } from '../../src/store/reconcile.ts';
import { ADA, ANNA, call, type House, KUBECONFIG, openHouse, TEMPLATE } from '../commands/house.ts';

let house: House;
beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
});
afterEach(() => house.close());

const register = async (name: string, maxClusters: number): Promise<string> => {
  const { seed } = await house.commands.registerSeed(call(ADA), { name, kubeconfig: KUBECONFIG, maxClusters });
  await house.store.transaction((tx) => patchSeed(tx, seed.id, { state: 'READY' }));
  return seed.id;
};
/** Begins to place a cluster, as its pass does. */
const place = async (clusterId: string) => {
  const row = (await loadCluster(house.store.db, clusterId)) as ClusterRow;
  const world = { store: house.store, clock: house.deps.clock, settings: {} } as unknown as World;
  const outcome = await placement.ensure(openClusterScope(world, row, [], house.store.transaction));
  return outcome.kind === 'done' ? row.seedId : outcome.reason;
};

test('three clusters that are placed at once have one place each, and one of them waits', async () => {
  const seeds = [await register('east', 1), await register('west', 1)];
  const ids = [];
  for (const name of ['a', 'b', 'c'])
    ids.push((await house.commands.createCluster(call(ANNA), { name, clusterTemplate: TEMPLATE.name })).cluster.id);
  const placed = await Promise.all(ids.map(place));
  expect(placed.toSorted()).toEqual([...seeds, 'a seed with room for this cluster'].toSorted());
  const rows = await Promise.all(ids.map((id) => loadCluster(house.store.db, id)));
  expect(rows.map((row) => row?.seedId ?? '').toSorted()).toEqual(['', ...seeds].toSorted());
  const waits = rows.find((row) => row?.seedId === null);
  expect(waits?.placement?.map(({ reason }) => reason)).toEqual(['It is full: 1 of 1 clusters.', 'It is full: 1 of 1 clusters.']);
});
