/** Lists in filters are as long as callers like: what is made and kept of a question is not. */
import { afterAll, expect, test } from 'vitest';
import { listBundleRevisionPages } from '../../src/store/addonBundles.ts';
import { listBackups, listBackupsByClusters } from '../../src/store/backups.ts';
import { listClusters, listClustersBySeeds } from '../../src/store/clusters.ts';
import { listEventsByStreams } from '../../src/store/events.ts';
import { keepStatements } from '../../src/store/keptStatements.ts';
import { listKubeconfigsByClusters } from '../../src/store/kubeconfigs.ts';
import { listNodeGroupsByClusters } from '../../src/store/nodeGroups.ts';
import { listNodesByClusters, listNodesByGroups } from '../../src/store/nodes.ts';
import { listOperationsByClusters } from '../../src/store/operations.ts';
import { listOrphans } from '../../src/store/orphans.ts';
import { listResourcesByClusters } from '../../src/store/resources.ts';
import { listSeeds } from '../../src/store/seeds.ts';
import { listSeedQueuePages } from '../../src/store/seedTurns.ts';
import { listRevisionPages } from '../../src/store/templates.ts';
import { openStatementReader } from './statementReader.ts';

const { db, client, texts, close } = openStatementReader();
afterAll(close);

const all = { all: true, projectId: null };
const page = { first: 10 };
const repeated = <Value>(value: Value, times: number): Value[] => Array.from({ length: times }, () => value);

test.each<[string, (times: number) => Promise<unknown>]>([
  ['clusters', (n) => listClusters(db, all, { states: repeated('READY', n) }, page)],
  ['clusters of seeds', (n) => listClustersBySeeds(db, ['a'], { states: repeated('READY', n) }, page)],
  ['backups', (n) => listBackups(db, all, { states: repeated('READY', n), reasons: repeated('ON_DEMAND', n) }, page)],
  ['backups of clusters', (n) => listBackupsByClusters(db, ['a'], { states: repeated('READY', n) }, page)],
  [
    'events',
    (n) =>
      listEventsByStreams(
        db,
        ['a'],
        { subjectKinds: repeated('NODE', n), steps: repeated('x', n), states: repeated('y', n) },
        { ...page, after: null },
      ),
  ],
  [
    'kubeconfigs',
    (n) => {
      const states = { among: repeated('ACTIVE' as const, n), now: 1 };
      return listKubeconfigsByClusters(db, ['a'], { kinds: repeated('KUBECONFIG', n), roles: repeated('ADMIN', n), states }, page);
    },
  ],
  ['node groups', (n) => listNodeGroupsByClusters(db, ['a'], { states: repeated('READY', n) }, page)],
  ['nodes', (n) => listNodesByClusters(db, ['a'], { states: repeated('READY', n) }, page)],
  ['nodes of groups', (n) => listNodesByGroups(db, ['a'], { states: repeated('READY', n) }, page)],
  ['operations', (n) => listOperationsByClusters(db, ['a'], { kinds: repeated('CREATE_CLUSTER', n), states: repeated('FAILED', n) }, page)],
  ['orphans', (n) => listOrphans(db, { states: repeated('FOUND', n) }, page)],
  ['resources', (n) => listResourcesByClusters(db, ['a'], { services: repeated('COMPUTE', n), states: repeated('GONE', n) }, page)],
  ['seeds', (n) => listSeeds(db, { states: repeated('READY', n) }, page)],
  ['queues of seeds', (n) => listSeedQueuePages(db, ['a'], { turns: repeated('WAITING', n) }, page)],
  ['revisions of templates', (n) => listRevisionPages(db, ['a'], { revisions: repeated(1, n) }, page)],
  ['revisions of bundles', (n) => listBundleRevisionPages(db, ['a'], { revisions: repeated(1, n) }, page)],
])('a filter of %s is one text of SQL, however long its lists are', async (_name, list) => {
  const textsOf = async (times: number): Promise<string[]> => {
    texts.length = 0;
    await list(times);
    return [...texts];
  };
  const two = await textsOf(2);
  expect(two).not.toEqual([]);
  // More than SQLite takes values.
  expect(await textsOf(40_000)).toEqual(two);
});

test('a long text is not kept', () => {
  const kept = keepStatements(client);
  const short = 'select 1';
  const long = `select 1 as one${' '.repeat(20_000)}`;
  expect(kept.prepare(short)).toBe(kept.prepare(short));
  expect(kept.prepare(long)).not.toBe(kept.prepare(long));
  expect(kept.prepare(long).get()).toEqual({ one: 1 });
});
