/** hibernateCluster and wakeCluster: what they write, what they refuse, and that nobody but people changes a count meanwhile. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createScaling } from '../../src/commands/scaleNodeGroup.ts';
import { loadOperations } from '../../src/store/operations.ts';
import { listLiveNodeGroups, loadCluster, patchCluster } from '../../src/store/reconcile.ts';
import { ANNA, call, type House, OTTO, openHouse, RITA, TEMPLATE } from './house.ts';

let house: House;
let clusterId: string;
beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
  const nodeGroups = [{ name: 'pool', count: 2, minCount: 0, maxCount: 5 }];
  clusterId = (await house.commands.createCluster(call(ANNA), { name: 'web', clusterTemplate: 'standard', nodeGroups })).cluster.id;
});
afterEach(() => house.close());

const made = () =>
  house.store.transaction((tx) => patchCluster(tx, clusterId, { observedGeneration: 1, state: 'READY', seedTurn: 'DONE' }));
const hibernate = (more: object = {}) => house.commands.hibernateCluster(call(ANNA), { clusterId, ...more });
const wake = () => house.commands.wakeCluster(call(ANNA), { clusterId });
const group = async () => (await listLiveNodeGroups(house.store.db, clusterId))[0];

test('one that is being made has nothing to hibernate, and one that is awake has nothing to wake', async () => {
  await expect(hibernate()).rejects.toThrow(/still being made.*READY, or delete it/);
  await expect(wake()).rejects.toThrow(/not hibernated/);
  await made();
  await expect(hibernate({ until: house.time.now })).rejects.toMatchObject({ code: 'INVALID_INPUT', detail: { field: ['until'] } });
  await expect(house.commands.hibernateCluster(call(RITA), { clusterId })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  await expect(house.commands.hibernateCluster(call(OTTO), { clusterId })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('each is another wish for the cluster and its groups, in the place of the other; a newer end keeps what it has come to', async () => {
  await made();
  const before = await group();
  const first = await hibernate({ until: house.time.now + 60_000 });
  expect(first.cluster).toMatchObject({
    state: 'HIBERNATING',
    generation: 2,
    hibernation: { phase: 'GOING', until: house.time.now + 60_000 },
  });
  expect(await group()).toMatchObject({ generation: (before?.generation ?? 0) + 1, spec: { count: 2 } });
  const asleep = { since: 1, until: null, requestedBy: 'ben', phase: 'ASLEEP' as const };
  await house.store.transaction((tx) => patchCluster(tx, clusterId, { hibernation: asleep, state: 'HIBERNATED' }));
  const again = await hibernate();
  expect(again.cluster.hibernation).toEqual({ ...asleep, requestedBy: 'anna' });
  const { cluster, operation } = await wake();
  expect(cluster).toMatchObject({ state: 'WAKING', hibernation: { phase: 'WAKING' } });
  expect(operation).toMatchObject({ kind: 'WAKE_CLUSTER', state: 'PENDING', generation: 4 });
  const ids = [first.operation.id, again.operation.id];
  const states = (await loadOperations(house.store.db, ids)).map(({ state }) => state);
  expect(states).toEqual(['SUPERSEDED', 'SUPERSEDED']);
  await expect(wake()).rejects.toThrow(/not hibernated/);
  expect((await hibernate()).cluster.hibernation).toMatchObject({ phase: 'GOING', until: null });
});

test('the autoscaler changes no count meanwhile; people do', async () => {
  await made();
  await hibernate();
  const id = (await group())?.id ?? '';
  await expect(createScaling(house.deps).increase(clusterId, id, 1)).rejects.toThrow(/hibernated/);
  await house.commands.resizeNodeGroup(call(ANNA), { nodeGroupId: id, count: 3 });
  expect((await group())?.spec.count).toBe(3);
  expect(await loadCluster(house.store.db, clusterId)).toMatchObject({ state: 'HIBERNATING' });
});
