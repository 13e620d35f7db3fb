/** What becomes of a move that is under way, and what other commands make of it. The move itself is a story: test/reconcilers/controlPlaneMove.test.ts. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ControlPlaneMove } from '../../src/domain/controlPlaneMove.ts';
import { loadCluster, patchCluster, patchSeed } from '../../src/store/reconcile.ts';
import { listSeedCandidates } from '../../src/store/seeds.ts';
import { ADA, call, errorOf, type House, openHouse, TEMPLATE } from './house.ts';

let house: House;
let clusterId: string;
let there: string;
let other: string;

beforeEach(async () => {
  house = openHouse();
  const register = async (name: string) =>
    (await house.commands.registerSeed(call(ADA), { name, kubeconfig: `server: https://${name}.example:6443` })).seed.id;
  [there, other] = [await register('there'), await register('other')];
  await house.commands.createClusterTemplate(call(ADA), TEMPLATE);
  clusterId = (await house.commands.createCluster(call(ADA), { name: 'van', clusterTemplate: 'standard' })).cluster.id;
});
afterEach(() => house.close());

/** On its way from the seed `there` to `other`, and changed by `more`; it is in `seedId`. */
const put = (seedId: string, more: Partial<ControlPlaneMove>) => {
  const move: ControlPlaneMove = {
    requestedAt: 1,
    number: 1,
    fromSeedId: there,
    toSeedId: other,
    phase: 'START',
    backupId: 'frozen',
    firstBackupId: 'first',
    back: false,
    frozenAt: 1,
    askedAt: 1,
    startedAt: null,
    backAt: null,
    leaves: null,
    refusal: null,
    ...more,
  };
  return house.store.transaction((tx) => patchCluster(tx, clusterId, { seedId, observedGeneration: 1, move }));
};
const move = (seedId: string) => house.commands.moveControlPlane(call(ADA), { clusterId, seedId });
const row = async () => {
  const found = await loadCluster(house.store.db, clusterId);
  if (found?.move == null) throw new Error('there is no move');
  return { seedId: found.seedId, ...found.move };
};

test('once an API server has started in the new seed nothing goes back behind what it may have taken', async () => {
  await put(other, { leaves: there });
  await move(there);
  expect(await row()).toMatchObject({ phase: 'HAND_OVER', back: true, fromSeedId: other, toSeedId: there, seedId: other });
  await put(other, { leaves: there, startedAt: 5 });
  expect(await errorOf(move(there))).toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('has begun to serve where it is now'),
  });
});

test('a way back is not turned round once its API may run, and before that goes on where it was', async () => {
  const back = { back: true, fromSeedId: other, toSeedId: there };
  await put(there, { ...back, leaves: other });
  expect(await errorOf(move(other))).toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('would be lost') });
  await put(other, { ...back, phase: 'HAND_OVER', leaves: there });
  await move(other);
  // The old seed's data goes only when the new one serves, as if there had been no way back.
  expect(await row()).toMatchObject({ phase: 'START', back: false, fromSeedId: there, toSeedId: other, leaves: there, seedId: other });
});

test('a place is kept in the seed that it goes to, until it is there', async () => {
  const used = async () => (await listSeedCandidates(house.store.db)).map(({ id, used }) => [id, used]);
  await put(there, { phase: 'BACK_UP' });
  expect(await used()).toEqual(
    expect.arrayContaining([
      [there, 1],
      [other, 1],
    ]),
  );
  expect(await listSeedCandidates(house.store.db, clusterId)).toEqual(
    expect.arrayContaining([expect.objectContaining({ id: other, used: 0 })]),
  );
  await put(other, { phase: 'CLEAN_UP', leaves: there });
  expect(await used()).toEqual(
    expect.arrayContaining([
      [there, 0],
      [other, 1],
    ]),
  );
});

test('a seed with leftovers of a move stays, unless it is lost', async () => {
  await put(other, { phase: 'CLEAN_UP', leaves: there });
  const unregister = () => house.commands.unregisterSeed(call(ADA), { seedId: there });
  expect(await errorOf(unregister())).toMatchObject({ code: 'IN_USE' });
  await house.store.transaction((tx) => patchSeed(tx, there, { lostAt: 5 }));
  expect((await unregister()).seed.deleteRequestedAt).not.toBeNull();
});
