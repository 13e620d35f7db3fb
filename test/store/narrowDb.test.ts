/** Questions that are asked again read what they looked at, and learn when they look at more. */
import type { Database } from 'better-sqlite3';
import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLookedAt, type LookedAt } from '../../src/store/narrowDb.ts';
import type { Db } from '../../src/store/open.ts';
import type { ClusterRow } from '../../src/store/reconcile.ts';
import { clusters, nodeGroups } from '../../src/store/tables.ts';
import { ANNA, call, type House, openHouse, TEMPLATE } from '../commands/house.ts';

let house: House;
let lookedAt: LookedAt;
beforeEach(async () => {
  house = openHouse();
  lookedAt = createLookedAt();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
  for (const name of ['a', 'b'])
    await house.commands.createCluster(call(ANNA), { name, clusterTemplate: 'standard', nodeGroups: [{ name: 'x' }] });
});
afterEach(() => house.close());

/** What `look` gives, whether it missed something, and the statements that were read by. */
const ask = async <T>(look: (db: Db) => Promise<T>) => {
  const { $client } = house.store.db as unknown as { $client: Database };
  const texts: string[] = [];
  const { prepare } = $client;
  $client.prepare = ((text: string) => {
    texts.push(text);
    return prepare.call($client, text);
  }) as Database['prepare'];
  const reading = lookedAt.open(house.store.db);
  try {
    const found = await look(reading.db).catch((error: unknown) => error);
    const missed = reading.hasMissed();
    if (!missed) reading.keep();
    return { found, missed, columns: texts.map((text) => / from /.exec(text) && text.slice(0, text.indexOf(' from '))) };
  } finally {
    $client.prepare = prepare;
  }
};

const rowsOf = (db: Db): Promise<ClusterRow[]> => db.select().from(clusters).orderBy(clusters.name);
const names = async (db: Db) => (await rowsOf(db)).map(({ name }) => name);
const ofTheFirst = (look: (row: ClusterRow) => unknown) => async (db: Db) => look((await rowsOf(db))[0] as ClusterRow);

test('the second time only what was looked at is read', async () => {
  const first = await ask(names);
  expect(first).toMatchObject({ found: ['a', 'b'], missed: false });
  expect(first.columns[0]).toContain('"spec"');
  expect(await ask(names)).toEqual({ found: ['a', 'b'], missed: false, columns: ['select "name"'] });
});

test('values are as in whole rows: texts, numbers, moments, flags, objects and nothing', async () => {
  const [row] = await rowsOf(house.store.db);
  const look = ofTheFirst(({ name, generation, createdAt, endpointFloatingIp, spec, overrides, resolved, deletedAt }) => [
    name,
    generation,
    createdAt,
    endpointFloatingIp,
    spec,
    overrides,
    resolved,
    deletedAt,
  ]);
  const whole = row && [
    row.name,
    row.generation,
    row.createdAt,
    row.endpointFloatingIp,
    row.spec,
    row.overrides,
    row.resolved,
    row.deletedAt,
  ];
  expect((await ask(look)).found).toEqual(whole);
  const again = await ask(look);
  expect([again.found, again.missed, again.columns[0]?.includes('"trust"')]).toEqual([whole, false, false]);
});

test('rows of which nothing is looked at are counted all the same', async () => {
  const count = async (db: Db) => (await rowsOf(db)).length;
  await ask(count);
  expect(await ask(count)).toEqual({ found: 2, missed: false, columns: ['select "id"'] });
});

test.each<[string, (row: ClusterRow) => unknown]>([
  ['another column', ({ shortId }) => shortId],
  ['whether there is one', (row) => 'shortId' in row],
  ['all there is', (row) => ({ ...row })],
  ['which there are', (row) => Object.keys(row)],
  ['whether it has one', (row) => Object.hasOwn(row, 'shortId')],
])('who looks at more is told nothing, and has it the next time: %s', async (_what, look) => {
  await ask(names);
  expect((await ask(ofTheFirst(look))).missed).toBe(true);
  const [row] = await rowsOf(house.store.db);
  const next = await ask(ofTheFirst(look));
  expect([next.missed, next.found]).toEqual([false, look(row as ClusterRow)]);
  // And what was known before is not forgotten.
  expect((await ask(ofTheFirst(look))).missed).toBe(false);
  expect(await ask(names)).toMatchObject({ found: ['a', 'b'], missed: false });
});

test('a name that is no column, as of a promise, is nothing that was missed', async () => {
  await ask(names);
  expect(await ask(ofTheFirst((row) => [(row as { then?: unknown }).then, Array.isArray(row), row instanceof Error]))).toMatchObject({
    found: [undefined, false, false],
    missed: false,
  });
});

test('nobody writes on a row that was read in part', async () => {
  await ask(names);
  const change = ofTheFirst((row) => {
    row.name = 'c';
  });
  expect(await ask(change)).toMatchObject({ found: expect.any(TypeError), missed: true });
});

test('fields that are named, and rows of two tables, are read as ever', async () => {
  const joined = (db: Db) => db.select().from(clusters).innerJoin(nodeGroups, eq(nodeGroups.clusterId, clusters.id)).orderBy(clusters.name);
  const named = (db: Db) => db.select({ is: clusters.name }).from(clusters).orderBy(clusters.name);
  for (let times = 0; times < 2; times += 1) {
    expect((await ask(joined)).found).toEqual(await joined(house.store.db));
    expect((await ask(named)).found).toEqual([{ is: 'a' }, { is: 'b' }]);
    await ask(names);
  }
});

test('statements that are prepared, and single rows, are of whole rows', async () => {
  const [row] = await rowsOf(house.store.db);
  const prepared = async (db: Db) => (await db.select().from(clusters).orderBy(clusters.name).prepare().execute())[0];
  const single = async (db: Db) => db.select().from(clusters).orderBy(clusters.name).get();
  for (const look of [prepared, single]) {
    lookedAt = createLookedAt();
    await ask(names);
    expect(await ask(look)).toMatchObject({ found: expect.any(TypeError), missed: true });
    for (let times = 0; times < 2; times += 1) expect(await ask(look)).toMatchObject({ found: row, missed: false });
  }
});
