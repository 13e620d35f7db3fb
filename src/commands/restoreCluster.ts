/** restoreCluster: a backup takes the place of what its cluster has; a restore that is under way gives way to it. */
import { z } from 'zod';
import { Conflict, UserError } from '../domain/errors.ts';
import type { BackupRow } from '../store/backups.ts';
import type { Tx } from '../store/open.ts';
import { supersedeOperations } from '../store/operations.ts';
import { type ClusterRow, patchCluster } from '../store/reconcile.ts';
import { wakeNow } from '../store/wake.ts';
import { announce, clusterSubject, newOperation } from './announce.ts';
import type { BackupAnswer, Call, Command, CommandDeps } from './call.ts';
import { checkStore, recallBackupAnswer } from './createBackup.ts';
import { runOnce } from './idempotent.ts';
import { given, nameOrId, ownInput, parseInput } from './parse.ts';
import { checkGeneration, checkMember, checkNotDeleting, getBackup, recallCluster } from './targets.ts';

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
        checkMember(call);
        const cluster = await recallCluster(tx.db, call, backup.clusterId);
        checkStore(deps);
        check(deps, backup, cluster, input.confirmClusterName ?? null);
        checkGeneration(call, cluster);
        const operation = await write(deps, call, tx, backup, cluster);
        return {
          answer: { backup, cluster: await recallCluster(tx.db, call, cluster.id), operation },
          target: { kind: 'CLUSTER', id: cluster.id, projectId: cluster.projectId },
          recall: { backupId: backup.id, clusterId: cluster.id, operationId: operation.id },
        };
      },
      recall: (ids) => recallBackupAnswer(deps, call, ids),
    });
  };

const check = ({ clock }: CommandDeps, backup: BackupRow, cluster: ClusterRow, confirmed: string | null): void => {
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
  if (backup.deleteRequestedAt !== null)
    throw new Conflict('CONFLICT', `Backup ${backup.name} is being deleted; restore another one.`, { field });
  if (backup.verifiedAt === null || backup.snapshot === null)
    throw new Conflict(
      'CONFLICT',
      `Backup ${backup.name} has not been restored on trial; wait until it is READY, or restore another one.`,
      { field },
    );
  if (confirmed === cluster.name) return;
  const minutes = Math.max(1, Math.round((clock.now() - backup.snapshot.takenAt) / 60_000));
  throw new UserError(
    'INVALID_INPUT',
    `Backup ${backup.name} is ${minutes} ${minutes === 1 ? 'minute' : 'minutes'} old, at revision ${backup.snapshot.revision}: all that was written to cluster ${cluster.name} since is lost, and its API is away for some minutes. If you mean it, repeat with confirmClusterName: "${cluster.name}".`,
    { field: ['confirmClusterName'] },
  );
};

const write = async (deps: CommandDeps, call: Call, tx: Tx, backup: BackupRow, cluster: ClusterRow) => {
  const now = deps.clock.now();
  const generation = cluster.generation + 1;
  await patchCluster(tx, cluster.id, {
    restore: { backupId: backup.id, number: (cluster.restore?.number ?? 0) + 1, phase: 'STOP', filled: [] },
    generation,
    updatedAt: now,
    ...(cluster.observedGeneration > 0 && { state: 'UPDATING' as const }),
  });
  const subject = clusterSubject(cluster);
  const operation = newOperation(deps, call, 'RESTORE_CLUSTER', subject, generation);
  await supersedeOperations(tx, operation, { kinds: ['RESTORE_CLUSTER'] }, now);
  const message = `Cluster ${cluster.name} goes back to backup ${backup.name}, as ${call.actor.userName} asked.`;
  await announce(tx, subject, operation, 'UPDATING', message, 'CHANGED');
  await wakeNow(tx, 'CLUSTER', cluster.id, now);
  return operation;
};
