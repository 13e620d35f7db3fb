/** Hibernations: what is written when one begins, when it has been reached, and when it ends. */
import { and, eq, inArray, isNull, notInArray, sql } from 'drizzle-orm';
import type { ClusterHibernation } from '../domain/hibernation.ts';
import type { Tx } from './open.ts';
import { supersedeOperations } from './operations.ts';
import type { OperationRow } from './progress.ts';
import { type ClusterRow, patchCluster } from './reconcile.ts';
import { clusters, conditions, nodeGroups } from './tables.ts';
import { endUses } from './usage.ts';
import { wakeBackupsOfCluster, wakeNodeGroups, wakeNodes, wakeNow } from './wake.ts';

/**
 * Another wish for the cluster and for each of its groups, which have another number of workers from now on: what a pass of before had in
 * mind for them is not done any more. @returns what is different of the cluster's row.
 */
export const changeHibernation = async (
  tx: Tx,
  row: ClusterRow,
  { hibernation, sleepsFrom }: Pick<ClusterRow, 'sleepsFrom'> & { hibernation: ClusterHibernation },
  now: number,
) => {
  const change = {
    hibernation,
    sleepsFrom,
    state: hibernation.phase === 'WAKING' ? ('WAKING' as const) : ('HIBERNATING' as const),
    generation: row.generation + 1,
    updatedAt: now,
  };
  await patchCluster(tx, row.id, change);
  await tx.db
    .update(nodeGroups)
    .set({ generation: sql`${nodeGroups.generation} + 1` })
    .where(and(eq(nodeGroups.clusterId, row.id), isNull(nodeGroups.deletedAt)));
  await wakeNow(tx, 'CLUSTER', row.id, now);
  await wakeNodeGroups(tx, row.id, now, false);
  await wakeNodes(tx, { clusterId: row.id }, now, false);
  await wakeBackupsOfCluster(tx, row.id, now);
  return change;
};

/** One takes the place of the other. */
export const supersedeHibernation = (tx: Tx, by: OperationRow, now: number): Promise<void> =>
  supersedeOperations(tx, by, { kinds: ['HIBERNATE_CLUSTER', 'WAKE_CLUSTER'] }, now);

/** Nothing of it runs any more, and nothing says any more that it does. `stopped`: the conditions of what has been stopped. */
export const fallAsleep = async (tx: Tx, { id }: ClusterRow, stopped: readonly string[], now: number): Promise<void> => {
  await tx.db
    .update(clusters)
    // It takes its turn on the seed again when it wakes.
    .set({ hibernation: sql`json_set(${clusters.hibernation}, '$.phase', 'ASLEEP')`, seedTurn: null, seedTurnAt: null, etcdDisk: null })
    .where(and(eq(clusters.id, id), sql`json_extract(${clusters.hibernation}, '$.phase') = 'GOING'`));
  await tx.db
    .update(conditions)
    .set({
      status: 'FALSE',
      state: 'PENDING',
      reason: 'Hibernated',
      message: '',
      problem: null,
      waitingFor: null,
      lastTransitionAt: now,
      attempts: 0,
    })
    .where(and(eq(conditions.objectId, id), inArray(conditions.name, [...stopped]), notInArray(conditions.state, ['PENDING', 'REMOVED'])));
  await endUses(tx, id, now, ['CONTROL_PLANE_CPU']);
};
