/** restoreCluster: a backup takes the place of what its cluster has; a restore that is under way gives way to it. */
import { z } from 'zod';
import { type SnapshotFacts, sayLoss } from '../domain/backup.ts';
import { checkNotMoving } from '../domain/controlPlaneMove.ts';
import { Conflict, UserError } from '../domain/errors.ts';
import { isHibernating } from '../domain/hibernation.ts';
import { type BackupRow, listLiveBackups } from '../store/backups.ts';
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
        const loss = await lossOf(deps, tx, backup, cluster);
        check(backup, cluster, input.confirmClusterName ?? null, loss);
        checkGeneration(call, cluster);
        const operation = await write(deps, call, tx, backup, cluster, loss);
        return {
          answer: { backup, cluster: await recallCluster(tx.db, call, cluster.id), operation },
          target: { kind: 'CLUSTER', id: cluster.id, projectId: cluster.projectId },
          recall: { backupId: backup.id, clusterId: cluster.id, operationId: operation.id },
        };
      },
      recall: (ids) => recallBackupAnswer(deps, call, ids),
    });
  };

/** Where the cluster has been since is known from looks at its etcd, and from younger backups. */
const lossOf = async ({ clock }: CommandDeps, tx: Tx, { snapshot, clusterId }: BackupRow, { etcdStatus }: ClusterRow): Promise<string> => {
  if (snapshot === null) return '';
  const looks = (etcdStatus?.members ?? []).flatMap(({ revision }) => revision ?? []);
  const younger = (await listLiveBackups(tx.db, clusterId)).flatMap((backup) => backup.snapshot?.revision ?? []);
  return sayLoss(snapshot, [...looks, ...younger], clock.now());
};

const check = (backup: BackupRow, cluster: ClusterRow, confirmed: string | null, loss: string): void => {
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
  checkRestorable(backup);
  if (confirmed === cluster.name) return;
  throw new UserError(
    'INVALID_INPUT',
    `Backup ${backup.name} is ${loss}: all that was written to cluster ${cluster.name} since is lost, and its API is away for some minutes. If you mean it, repeat with confirmClusterName: "${cluster.name}".`,
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

const write = async (deps: CommandDeps, call: Call, tx: Tx, backup: BackupRow, cluster: ClusterRow, loss: string) => {
  const now = deps.clock.now();
  const generation = cluster.generation + 1;
  await patchCluster(tx, cluster.id, {
    restore: { backupId: backup.id, number: (cluster.restore?.number ?? 0) + 1, phase: 'STOP', filled: [], intact: isIntact(cluster) },
    generation,
    updatedAt: now,
    ...(cluster.observedGeneration > 0 && !isHibernating(cluster) && { state: 'UPDATING' as const }),
  });
  const subject = clusterSubject(cluster);
  const operation = newOperation(deps, call, 'RESTORE_CLUSTER', subject, generation);
  await supersedeOperations(tx, operation, { kinds: ['RESTORE_CLUSTER'] }, now);
  const message = `Cluster ${cluster.name} goes back to backup ${backup.name}, which is ${loss}, as ${call.actor.userName} asked.`;
  await announce(tx, subject, operation, isHibernating(cluster) ? cluster.state : 'UPDATING', message, 'CHANGED');
  await wakeNow(tx, 'CLUSTER', cluster.id, now);
  return operation;
};

const isIntact = ({ restore }: ClusterRow): boolean =>
  restore === null || restore.phase === 'DONE' || (restore.phase === 'STOP' && restore.intact === true);
