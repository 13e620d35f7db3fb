/** A seed's queue of starts: never more than its measure, first come first served, and nobody stuck behind one that is. */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadCluster, patchCluster } from '../../src/store/reconcile.ts';
import { insertSeed } from '../../src/store/seeds.ts';
import { endSeedTurn, listSeedQueues, takeSeedTurn } from '../../src/store/seedTurns.ts';
import { workItems } from '../../src/store/tables.ts';
import { ANNA, call, type House, openHouse, TEMPLATE } from '../commands/house.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const AT_ONCE = 2;
let house: House;
let ids: Map<string, string>;

beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
  ids = new Map();
  await house.store.transaction((tx) => insertSeed(tx, seed('s')));
  for (const name of NAMES) {
    const { cluster } = await house.commands.createCluster(call(ANNA), { name, clusterTemplate: 'standard' });
    ids.set(name, cluster.id);
    await house.store.transaction((tx) => patchCluster(tx, cluster.id, { seedId: 's' }));
  }
  await house.store.transaction(async (tx) => void (await tx.db.delete(workItems)));
});
afterEach(() => house.close());

const seed = (id: string) => ({
  id,
  name: id,
  labels: {},
  exposure: 'NODE_PORT' as const,
  apiServerUrl: 'https://192.0.2.1:6443',
  state: 'READY' as const,
  region: null,
  maxClusters: null,
  weight: 100,
  cordoned: false,
  storageClass: null,
  priorityClass: null,
  podCidr: null,
  serviceCidr: null,
  facts: null,
  drain: null,
  made: null,
  place: null,
  clusterUid: null,
  silentSince: null,
  lostAt: null,
  eventNumber: 0,
  generation: 1,
  observedGeneration: 1,
  deleteRequestedAt: null,
  deletedAt: null,
  createdAt: 1,
  updatedAt: 1,
});

const rowOf = async (name: string) => {
  const row = await loadCluster(house.store.db, ids.get(name) ?? '');
  if (row === undefined) throw new Error(name);
  return row;
};
const ask = async (name: string) => {
  const row = await rowOf(name);
  house.time.now += 1;
  return house.store.transaction((tx) => takeSeedTurn(tx, row, AT_ONCE, house.time.now));
};
const end = async (name: string) => {
  const row = await rowOf(name);
  await house.store.transaction((tx) => endSeedTurn(tx, row, house.time.now));
};
const queue = async () => ((await listSeedQueues(house.store.db, ['s'])).get('s') ?? []).map((row) => `${row.name} ${row.seedTurn}`);
const woken = async () => (await house.store.db.select().from(workItems)).map((item) => item.id);

test('so many start at once; who comes later waits, in order, and is woken when one is done', async () => {
  expect(await ask('a')).toEqual({ granted: true, starting: 0, before: 0 });
  expect(await ask('b')).toEqual({ granted: true, starting: 1, before: 0 });
  expect(await ask('c')).toEqual({ granted: false, starting: 2, before: 0 });
  expect(await ask('d')).toEqual({ granted: false, starting: 2, before: 1 });
  expect(await queue()).toEqual(['a STARTING', 'b STARTING', 'c WAITING', 'd WAITING']);
  expect(await woken()).toEqual([]);
  await end('a');
  expect(await woken()).toContain(ids.get('c'));
  // The place is for who asked first, whoever looks first.
  expect((await ask('d')).granted).toBe(false);
  expect((await ask('c')).granted).toBe(true);
  await end('b');
  expect((await ask('d')).granted).toBe(true);
});

test('one that does not come up, one that is being deleted and one on another seed hold up nobody', async () => {
  await ask('a');
  await ask('b');
  house.time.now += 5 * 60_000;
  expect((await ask('c')).granted).toBe(true);
  expect((await ask('d')).granted).toBe(true);
  expect((await ask('e')).granted).toBe(false);
  await house.store.transaction((tx) => patchCluster(tx, ids.get('c') ?? '', { deleteRequestedAt: house.time.now }));
  expect((await ask('e')).granted).toBe(true);
  await house.store.transaction(async (tx) => {
    await insertSeed(tx, seed('t'));
    await patchCluster(tx, ids.get('f') ?? '', { seedId: 't' });
  });
  expect((await ask('f')).granted).toBe(true);
});

test('in whatever order they ask and end, no more than the measure start, and all do', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...NAMES), { maxLength: 30 }), async (order) => {
      for (const name of NAMES)
        await house.store.transaction((tx) => patchCluster(tx, ids.get(name) ?? '', { seedTurn: null, seedTurnAt: null }));
      const look = async (name: string) => {
        const { seedTurn } = await rowOf(name);
        if (seedTurn === 'STARTING') await end(name);
        else if (seedTurn !== 'DONE') await ask(name);
      };
      for (const name of order) {
        await look(name);
        expect((await queue()).filter((entry) => entry.endsWith('STARTING')).length).toBeLessThanOrEqual(AT_ONCE);
      }
      // Each look at all of them brings at least one on by one.
      for (let rounds = 0; rounds < 2 * NAMES.length; rounds += 1) for (const name of NAMES) await look(name);
      for (const name of NAMES) expect((await rowOf(name)).seedTurn).toBe('DONE');
      expect(await queue()).toEqual([]);
    }),
    { numRuns: 10 },
  );
});
