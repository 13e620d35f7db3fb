/** deleteBackup: what is stored of it goes; asking twice answers the removal that is under way. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { Conflict } from '../domain/errors.ts';
import { type BackupRow, findRestoring, patchBackup } from '../store/backups.ts';
import type { Tx } from '../store/open.ts';
import { findNewestOperation, supersedeOperations } from '../store/operations.ts';
import { wakeNow } from '../store/wake.ts';
import { announce, backupSubject, newOperation } from './announce.ts';
import type { BackupAnswer, Call, Command, CommandDeps } from './call.ts';
import { recallBackupAnswer } from './createBackup.ts';
import { runOnce } from './idempotent.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { checkGeneration, getBackup, recallBackup, recallCluster } from './targets.ts';

const schema = z.strictObject({ backupId: nameOrId });

export const deleteBackup =
  (deps: CommandDeps): Command<BackupAnswer> =>
  async (call, raw) => {
    const { backupId } = parseInput(schema, ownInput(raw));
    return runOnce<BackupAnswer, void>(deps, call, {
      mutation: 'deleteBackup',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const row = await getBackup(tx.db, call, backupId);
        permit(call.actor, 'deleteBackup', row);
        checkGeneration(call, row);
        await checkNotRestoring(tx, row);
        const operation =
          (row.deleteRequestedAt === null ? undefined : await findNewestOperation(tx.db, row.id, 'DELETE_BACKUP')) ??
          (await write(deps, call, tx, row));
        const backup = await recallBackup(tx.db, call, row.id);
        const cluster = await recallCluster(tx.db, call, row.clusterId);
        return {
          answer: { backup, cluster, operation },
          target: { kind: 'BACKUP', id: row.id, projectId: row.projectId },
          recall: { backupId: row.id, clusterId: row.clusterId, operationId: operation.id },
        };
      },
      recall: (ids) => recallBackupAnswer(deps, call, ids),
    });
  };

/** From the moment the old volumes go, the cluster has nothing but its backup. */
const checkNotRestoring = async (tx: Tx, row: BackupRow): Promise<void> => {
  const cluster = await findRestoring(tx.db, row.id);
  if (cluster === undefined) return;
  const { name, clone } = cluster;
  const what =
    clone === null || clone.separated
      ? `is being restored from backup ${row.name}; wait until that is done, or restore another one first`
      : `is being made of backup ${row.name}; wait until that is done, or delete that cluster first`;
  throw new Conflict('IN_USE', `Cluster ${name} ${what}.`, { field: ['backupId'] });
};

const write = async (deps: CommandDeps, call: Call, tx: Tx, row: BackupRow) => {
  const now = deps.clock.now();
  const generation = row.generation + 1;
  await patchBackup(tx, row.id, { deleteRequestedAt: row.deleteRequestedAt ?? now, state: 'DELETING', generation, updatedAt: now });
  const operation = newOperation(deps, call, 'DELETE_BACKUP', backupSubject(row), generation);
  await supersedeOperations(tx, operation, { below: 'TARGET' }, now);
  await announce(
    tx,
    backupSubject(row),
    operation,
    'DELETING',
    `Backup ${row.name} is being deleted, as ${call.actor.userName} asked.`,
    'CHANGED',
  );
  await wakeNow(tx, 'BACKUP', row.id, now);
  return operation;
};
