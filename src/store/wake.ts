/** Makes whole families of keys due at once: a cluster with its groups and nodes, in one statement a kind. */
import { and, eq, inArray, isNull, ne, type SQL, sql } from 'drizzle-orm';
import type { ObjectKind } from '../domain/condition.ts';
import type { Tx } from './open.ts';
import { backups, clusters, nodeGroups, nodes, workItems } from './tables.ts';
import { enqueue, newFence } from './workItems.ts';

const DAY_MS = 86_400_000;

/** As `enqueue`, and forgets the failures so far: somebody has changed something and asks for another try. */
export const wakeNow = async (tx: Tx, kind: ObjectKind, id: string, now: number): Promise<void> => {
  await enqueue(tx, kind, id, now);
  await tx.db
    .update(workItems)
    .set({ attempts: 0 })
    .where(and(eq(workItems.kind, kind), eq(workItems.id, id)));
};

/** The live nodes of a cluster or of a group; with `unfinished` only those that are not ready. */
export const wakeNodes = async (
  tx: Tx,
  below: { clusterId: string } | { nodeGroupId: string },
  now: number,
  unfinished: boolean,
): Promise<void> => {
  const parent = 'clusterId' in below ? eq(nodes.clusterId, below.clusterId) : eq(nodes.nodeGroupId, below.nodeGroupId);
  const where = and(parent, isNull(nodes.deletedAt), unfinished ? ne(nodes.state, 'READY') : undefined);
  await wakeAll(tx, 'NODE', sql`select ${nodes.id} from ${nodes} where ${where}`, now);
};

export const wakeNodeGroups = async (tx: Tx, clusterId: string, now: number, unfinished: boolean): Promise<void> => {
  const where = and(
    eq(nodeGroups.clusterId, clusterId),
    isNull(nodeGroups.deletedAt),
    unfinished ? ne(nodeGroups.state, 'READY') : undefined,
  );
  await wakeAll(tx, 'NODE_GROUP', sql`select ${nodeGroups.id} from ${nodeGroups} where ${where}`, now);
};

/** Live clusters whose control planes are in the seed. */
export const wakeClustersOfSeed = (tx: Tx, seedId: string, now: number): Promise<void> =>
  wakeAll(tx, 'CLUSTER', sql`select ${clusters.id} from ${clusters} where ${onSeed(seedId)}`, now);

/** Their node groups, nodes and backups. */
export const wakePartsOfSeed = async (tx: Tx, seedId: string, now: number): Promise<void> => {
  const below = (part: typeof nodeGroups | typeof nodes | typeof backups) =>
    sql`select ${part.id} from ${part} inner join ${clusters} on ${clusters.id} = ${part.clusterId} where ${and(onSeed(seedId), isNull(part.deletedAt))}`;
  await wakeAll(tx, 'NODE_GROUP', below(nodeGroups), now);
  await wakeAll(tx, 'NODE', below(nodes), now);
  // Those that were held: what is stored, or was given up, has no key, and rests on.
  const held = sql`${below(backups)} and exists (select 1 from ${workItems} where ${workItems.kind} = 'BACKUP' and ${workItems.id} = ${backups.id})`;
  await wakeAll(tx, 'BACKUP', held, now);
};

/** Those that were held: what is stored, or was given up, has no key, and rests on. */
export const wakeBackupsOfCluster = (tx: Tx, clusterId: string, now: number): Promise<void> =>
  wakeAll(
    tx,
    'BACKUP',
    sql`select ${backups.id} from ${backups} inner join ${workItems} on ${workItems.kind} = 'BACKUP' and ${workItems.id} = ${backups.id}
      where ${and(eq(backups.clusterId, clusterId), isNull(backups.deletedAt))}`,
    now,
  );

const onSeed = (seedId: string) => and(eq(clusters.seedId, seedId), isNull(clusters.deletedAt));

/** One node of each cluster that heals itself: its pass opens the watch that tells of all the others. */
export const wakeHealing = async (tx: Tx, now: number): Promise<void> => {
  const heals = sql`json_extract(${clusters.spec}, '$.autoHealingEnabled') = 1`;
  const where = and(isNull(nodes.deletedAt), isNull(clusters.deletedAt), heals);
  const firsts = sql`select min(${nodes.id}) as id from ${nodes} inner join ${clusters} on ${clusters.id} = ${nodes.clusterId} where ${where} group by ${nodes.clusterId}`;
  await wakeAll(tx, 'NODE', firsts, now);
};

/** Each backup that is at rest is due within a day, at a time of its own; those that are due already stay as they are. */
export const wakeBackups = async (tx: Tx, now: number): Promise<void> => {
  const resting = and(isNull(backups.deletedAt), inArray(backups.state, ['READY', 'LOST']));
  await tx.db.run(sql`
    insert into ${workItems} (kind, id, due_at, wake, fence, attempts)
    select 'BACKUP', ${backups.id}, ${now} + abs(random() % ${DAY_MS}), 1, ${newFence}, 0 from ${backups} where ${resting}
    on conflict (kind, id) do nothing`);
};

const wakeAll = async (tx: Tx, kind: ObjectKind, ids: SQL, now: number): Promise<void> => {
  const woken: { id: string }[] = await tx.db.all(sql`
    insert into ${workItems} (kind, id, due_at, wake, fence, attempts)
    select ${kind}, chosen.id, ${now}, 1, ${newFence}, 0 from (${ids}) as chosen where true
    on conflict (kind, id) do update set due_at = min(due_at, ${now}), wake = wake + 1, attempts = 0
    returning id`);
  for (const { id } of woken) tx.work.push({ kind, id });
};
