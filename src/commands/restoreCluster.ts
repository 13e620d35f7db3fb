/** restoreCluster: a backup takes the place of what its cluster has; a restore that is under way gives way to it. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { type RestoreLoss, type SnapshotFacts, sayLoss } from '../domain/backup.ts';
import { checkNotMoving } from '../domain/controlPlaneMove.ts';
import { Conflict, UserError } from '../domain/errors.ts';
import type { BackupRow } from '../store/backups.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import { readLoss, writeRestore } from '../store/restores.ts';
import { beginnerOf } from './announce.ts';
import type { BackupAnswer, Command, CommandDeps } from './call.ts';
import { checkStore, recallBackupAnswer } from './createBackup.ts';
import { runOnce } from './idempotent.ts';
import { given, nameOrId, ownInput, parseInput } from './parse.ts';
import { checkGeneration, checkNotDeleting, getBackup, recallCluster } from './targets.ts';

const schema = z.strictObject({ backupId: nameOrId, confirmClusterName: given(z.string().max(100)) });

export const restoreCluster =
  (deps: CommandDeps): Command<BackupAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return runOnce<BackupAnswer, void>(deps, call, {
      mutation: 'restoreCluster',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const backup = await getBackup(tx.db, call, input.backupId);
        permit(call.actor, 'restoreCluster', backup);
        const cluster = await recallCluster(tx.db, call, backup.clusterId);
        checkStore(deps);
        const snapshot = checkTarget(backup, cluster);
        const now = deps.clock.now();
        const loss = await readLoss(tx.db, cluster, snapshot, now);
        checkConfirmed(backup, cluster, snapshot, loss, input.confirmClusterName ?? null);
        checkGeneration(call, cluster);
        const by = beginnerOf(deps, call, now);
        const message = `Cluster ${cluster.name} goes back to backup ${backup.name}, as ${by.requestedBy} asked, and loses ${sayLoss(loss)}.`;
        const operation = await writeRestore(tx, by, cluster, { backupId: backup.id, loss, message });
        return {
          answer: { backup, cluster: await recallCluster(tx.db, call, cluster.id), operation },
          target: { kind: 'CLUSTER', id: cluster.id, projectId: cluster.projectId },
          recall: { backupId: backup.id, clusterId: cluster.id, operationId: operation.id },
        };
      },
      recall: (ids) => recallBackupAnswer(deps, call, ids),
    });
  };

const checkTarget = (backup: BackupRow, cluster: ClusterRow): SnapshotFacts => {
  const field = ['backupId'];
  if (cluster.deletedAt !== null)
    throw new Conflict(
      'CONFLICT',
      `Cluster ${cluster.name}, of which backup ${backup.name} is, is deleted; there is nothing to restore it into.`,
      {
        field,
      },
    );
  checkNotDeleting(cluster);
  checkNotMoving(cluster, 'restored');
  return checkRestorable(backup);
};

/** @throws UserError INVALID_INPUT, which says what would be lost, without the cluster's name. */
const checkConfirmed = (
  backup: BackupRow,
  cluster: ClusterRow,
  { takenAt, revision }: SnapshotFacts,
  loss: RestoreLoss,
  confirmed: string | null,
): void => {
  if (confirmed === cluster.name) return;
  throw new UserError(
    'INVALID_INPUT',
    `Backup ${backup.name} is of ${new Date(takenAt).toISOString().slice(0, 19)}Z, at revision ${revision}. Cluster ${cluster.name} would lose all that was written since: ${sayLoss(loss)}; and its API is away for some minutes. If you mean it, repeat with confirmClusterName: "${cluster.name}".`,
    { field: ['confirmClusterName'] },
  );
};

/** @throws CONFLICT while a cluster cannot begin as the backup has it. */
export const checkRestorable = (backup: BackupRow): SnapshotFacts => {
  const field = ['backupId'];
  if (backup.deleteRequestedAt !== null)
    throw new Conflict('CONFLICT', `Backup ${backup.name} is being deleted; take another one.`, { field });
  if (backup.verifiedAt === null || backup.snapshot === null)
    throw new Conflict('CONFLICT', `Backup ${backup.name} has not been restored on trial; wait until it is READY, or take another one.`, {
      field,
    });
  if (backup.loss !== null) throw new Conflict('CONFLICT', `Backup ${backup.name} ${backup.loss.what}; take another one.`, { field });
  return backup.snapshot;
};
