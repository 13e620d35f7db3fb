/** What the benchmark writes into the database by hand: no compiler sees that a column is gone, or that a new one must be given. */
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ANNA, call, type House, openHouse, TEMPLATE } from '../commands/house.ts';
import { auditMs, rawRate } from './acknowledge.ts';
import { copyCluster } from './copies.ts';

let house: House;
let id: string;
beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
  id = (await house.commands.createCluster(call(ANNA), { name: 'web', clusterTemplate: 'standard', nodeCount: 3 })).cluster.id;
});
afterEach(() => house.close());

/** How many rows there are. */
const count = (table: string): number => {
  const database = new Database(house.path, { readonly: true });
  const found = database.prepare(`select count(*) from ${table}`).pluck().get() as number;
  database.close();
  return found;
};

test('copies of a cluster are whole clusters, with workers and their conditions', () => {
  copyCluster(house.path, id, { copies: 2, workers: 3 });
  expect([count('clusters'), count('node_groups'), count('nodes'), count('conditions')]).toEqual([3, 3, 9, 36]);
  expect(count("clusters where state = 'READY'")).toBe(3);
  expect(count('operations')).toBe(3);
});

test('the rows of a createCluster can be written again without it, and so can that of the audit log', async () => {
  const audited = count('audit');
  const database = new Database(house.path);
  expect(rawRate(database, id, 0.05)).toBeGreaterThan(0);
  database.close();
  const made = count('clusters');
  expect(made).toBeGreaterThan(1);
  expect([count('events'), count('audit') - audited]).toEqual([made, made - 1]);
  expect(await auditMs(house.path, id, { rounds: 1, transactions: 10 })).toBeTypeOf('number');
  expect(count('audit') - audited).toBe(made - 1 + 10);
});
