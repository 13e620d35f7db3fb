/** What has to be different in a database that was put back to a copy of before: the world has gone on without it. */
import { eq, isNull, sql } from 'drizzle-orm';
import { newId, openstackRequestId } from '../lib/ids.ts';
import { noteRestoredInAudit } from './auditLog.ts';
import { wasSettledAt } from './events.ts';
import type { Tx } from './open.ts';
import { insertOperation } from './operations.ts';
import { appendEvent, type Subject } from './progress.ts';
import { clusters, seeds, workItems } from './tables.ts';
import { enqueue } from './workItems.ts';

/**
 * More events than anything has between two copies. Who has a number that the copy does not know reads on from what is told after it,
 * and no number is given a second time.
 */
const JUMP = 1_000_000;

export interface Restored {
  /** Milliseconds since the epoch. */
  now: number;
  madeAt: number | null;
  /** Numbers that events have had already in the database that was there, by the stream's owner. */
  given: ReadonlyMap<string, number>;
}

/** Marks all that lives as of before, so that what was made since is looked for and taken over; makes all of it due; has orphans looked for. */
export const noteRestored = async (tx: Tx, restored: Restored): Promise<void> => {
  const { now } = restored;
  const as = restored.madeAt === null ? 'an older one' : `a copy of ${new Date(restored.madeAt).toISOString()}`;
  const message = `Seedbed's database was put back to ${as}: what was asked for since is not known any more, and what was made since is looked for.`;
  for (const row of await tx.db.select().from(seeds).where(isNull(seeds.deletedAt))) {
    const subject = { kind: 'SEED', id: row.id, name: row.name, streamId: row.id, clusterId: null, projectId: null } as const;
    await goOn(tx, seeds, row, subject, message, restored);
  }
  for (const row of await tx.db.select().from(clusters).where(isNull(clusters.deletedAt))) {
    const { id, name, projectId } = row;
    const subject = { kind: 'CLUSTER', id, name, streamId: id, clusterId: id, projectId } as const;
    await goOn(tx, clusters, row, subject, message, restored);
    // Members that were replaced since have other claims, and have lost nothing.
    await tx.db.update(clusters).set({ restoredAt: now, quorum: null }).where(eq(clusters.id, id));
  }
  // Whoever had a lease is no more, and what is at rest in the copy need not be so in the world.
  await tx.db.update(workItems).set({ leaseOwner: null, leaseUntil: null, dueAt: now, attempts: 0, wake: sql`${workItems.wake} + 1` });
  await noteRestoredInAudit(tx, now, restored.madeAt);
  await searchOrphans(tx, `The database was put back to ${as}.`, now);
};

const goOn = async (
  tx: Tx,
  table: typeof clusters | typeof seeds,
  { id, state, eventNumber }: { id: string; state: string; eventNumber: number },
  subject: Subject,
  message: string,
  { now, given }: Restored,
): Promise<void> => {
  const settled = await wasSettledAt(tx.db, id, eventNumber);
  const from = Math.max(eventNumber, given.get(id) ?? 0) + JUMP;
  await tx.db.update(table).set({ eventNumber: from }).where(eq(table.id, id));
  const about = { step: null, title: null, state, percent: null, message, problem: null, operationId: null };
  await appendEvent(tx, subject, { at: now, ...about, settled });
};

/** As far as clusters that live, and seeds, let Seedbed in: nobody has lent a token. */
const searchOrphans = async (tx: Tx, reason: string, now: number): Promise<void> => {
  const id = newId();
  await insertOperation(tx, {
    ...{ id, kind: 'FIND_ORPHANS', targetKind: 'ORPHANS', targetId: id, clusterId: null, projectId: null, generation: 1 },
    ...{
      state: 'PENDING',
      percent: 0,
      steps: [],
      problem: null,
      requestedBy: 'seedbed',
      reason,
      requestId: openstackRequestId(newId()),
      requestedAt: now,
      finishedAt: null,
    },
  });
  await enqueue(tx, 'ORPHANS', id, now);
};
