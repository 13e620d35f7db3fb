/** createBackup: a snapshot of a cluster's etcd is asked for; the backup's own flow takes, stores and verifies it. */
import { z } from 'zod';
import { type BackupReason, checkRoomForBackup } from '../domain/backup.ts';
import { Conflict, UserError } from '../domain/errors.ts';
import { countLiveBackups, insertBackup, newBackup } from '../store/backups.ts';
import type { Tx } from '../store/open.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import { wakeNow } from '../store/wake.ts';
import { announce, backupSubject, newOperation } from './announce.ts';
import type { BackupAnswer, Call, Command, CommandDeps } from './call.ts';
import { type Recalled, runOnce } from './idempotent.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { checkGeneration, checkMember, checkNotDeleting, getCluster, recallBackup, recallCluster, recallOperation } from './targets.ts';

const schema = z.strictObject({ clusterId: nameOrId });

export const createBackup =
  (deps: CommandDeps): Command<BackupAnswer> =>
  async (call, raw) => {
    const { clusterId } = parseInput(schema, ownInput(raw));
    return runOnce<BackupAnswer, void>(deps, call, {
      mutation: 'createBackup',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const cluster = await getCluster(tx.db, call, clusterId);
        checkMember(call);
        checkNotDeleting(cluster);
        checkGeneration(call, cluster);
        checkStore(deps);
        if (cluster.etcd === null || cluster.etcd.phase === 'FORMING')
          throw new Conflict('CONFLICT', `Cluster ${cluster.name} has no etcd yet; ask again once it has been READY.`, {
            field: ['clusterId'],
          });
        const why = { reason: 'ON_DEMAND' as const, said: `as ${call.actor.userName} asked` };
        const { backup, operation } = await writeBackup(deps, call, tx, cluster, why);
        return {
          answer: { backup, cluster, operation },
          target: { kind: 'BACKUP', id: backup.id, projectId: backup.projectId },
          recall: { backupId: backup.id, clusterId: cluster.id, operationId: operation.id },
        };
      },
      recall: (ids) => recallBackupAnswer(deps, call, ids),
    });
  };

/** `said`: the end of the sentence that its first event is. @throws QUOTA_EXCEEDED, or CONFLICT while a clone is not its own. */
export const writeBackup = async (
  deps: CommandDeps,
  call: Call,
  tx: Tx,
  cluster: ClusterRow,
  { reason, said }: { reason: BackupReason; said: string },
) => {
  if (cluster.clone?.separated === false)
    throw new Conflict('CONFLICT', `Cluster ${cluster.name} still has what is the first cluster's; ask again once it is READY.`, {
      field: ['clusterId'],
    });
  checkRoomForBackup(await countLiveBackups(tx.db, cluster.id, cluster.projectId), cluster.name, ['clusterId']);
  const now = deps.clock.now();
  const backup = newBackup({ id: deps.newId(), cluster, reason, createdBy: call.actor.userName, now });
  await insertBackup(tx, backup);
  const operation = newOperation(deps, call, 'CREATE_BACKUP', backupSubject(backup), backup.generation);
  await announce(
    tx,
    backupSubject(backup),
    operation,
    backup.state,
    `Backup ${backup.name} of cluster ${cluster.name} begins, ${said}.`,
    'CREATED',
  );
  await wakeNow(tx, 'BACKUP', backup.id, now);
  return { backup, operation };
};

export const recallBackupAnswer = async (deps: CommandDeps, call: Call, ids: Recalled): Promise<Omit<BackupAnswer, 'replayed'>> => ({
  backup: await recallBackup(deps.store.db, call, ids.backupId),
  cluster: await recallCluster(deps.store.db, call, ids.clusterId),
  operation: await recallOperation(deps.store.db, call, ids.operationId),
});

/** @throws UserError while there is nowhere to put a backup. */
export const checkStore = ({ settings }: CommandDeps): void => {
  if (settings.backupsAreKept) return;
  throw new UserError(
    'SEED_REFUSED',
    'Backups are not kept here: no object store is set up for them. Ask the operator of Seedbed to set SEEDBED_BACKUP_LISTEN and SEEDBED_BACKUP_ADDRESS.',
    { whoMustAct: 'CLOUD_ADMIN' },
  );
};
