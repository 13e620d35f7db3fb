/** Work as it is written down whoever begins it, a customer or Seedbed itself: its operation, the first event of it, and a backup. */
import { type BackupReason, checkRoomForBackup } from '../domain/backup.ts';
import { Conflict } from '../domain/errors.ts';
import { openstackRequestId } from '../lib/ids.ts';
import { type BackupRow, countLiveBackups, insertBackup, newBackup } from './backups.ts';
import type { Looking, Tx } from './open.ts';
import { insertOperation } from './operations.ts';
import { appendEvent, type OperationRow, type Subject } from './progress.ts';
import { type ClusterRow, changed } from './reconcile.ts';
import { wakeNow } from './wake.ts';

/** On whose account something is begun. */
export interface Beginner {
  newId(): string;
  now: number;
  requestedBy: string;
  /** Why, where nobody asked. */
  reason: string | null;
  /** OpenStack's, where a request is behind it; one of Seedbed's own where none is. */
  requestId?: string;
}

/** @throws QUOTA_EXCEEDED, or CONFLICT while a clone is not its own. */
export const checkNewBackup = async ({ db }: Looking, { id, projectId, name, clone }: ClusterRow): Promise<void> => {
  if (clone?.separated === false)
    throw new Conflict('CONFLICT', `Cluster ${name} still has what is the first cluster's; ask again once it is READY.`, {
      field: ['clusterId'],
    });
  checkRoomForBackup(await countLiveBackups(db, id, projectId), name, ['clusterId']);
};

/**
 * `said`: the end of the sentence that its first event is.
 *
 * @throws as checkNewBackup does.
 */
export const writeBackup = async (
  tx: Tx,
  by: Beginner,
  cluster: ClusterRow,
  { reason, said }: { reason: BackupReason; said: string },
): Promise<{ backup: BackupRow; operation: OperationRow }> => {
  const { id: clusterId, projectId, name } = cluster;
  await checkNewBackup(tx, cluster);
  const backup = newBackup({ id: by.newId(), cluster, reason, createdBy: by.requestedBy, now: by.now });
  await insertBackup(tx, backup);
  const subject: Subject = { kind: 'BACKUP', id: backup.id, name: backup.name, streamId: clusterId, clusterId, projectId };
  const operation = operationOf(by, subject, 'CREATE_BACKUP', backup.generation);
  await announceBegun(tx, subject, operation, backup.state, `Backup ${backup.name} of cluster ${name} begins, ${said}.`);
  tx.changes.push(changed('BACKUP', backup, clusterId, projectId, 'CREATED'));
  await wakeNow(tx, 'BACKUP', backup.id, by.now);
  return { backup, operation };
};

/** A new operation, not yet written; `generation`: of the target, after the change. */
export const operationOf = (by: Beginner, subject: Subject, kind: OperationRow['kind'], generation: number): OperationRow => ({
  id: by.newId(),
  kind,
  targetKind: subject.kind,
  targetId: subject.id,
  clusterId: subject.clusterId,
  projectId: subject.projectId,
  generation,
  state: 'PENDING',
  percent: 0,
  steps: [],
  problem: null,
  requestedBy: by.requestedBy,
  reason: by.reason,
  requestId: by.requestId ?? openstackRequestId(by.newId()),
  requestedAt: by.now,
  finishedAt: null,
});

/** Writes the operation and the stream's next event. `message`: a sentence for people. */
export const announceBegun = async (tx: Tx, subject: Subject, operation: OperationRow, state: string, message: string): Promise<void> => {
  const { id: operationId, requestedAt: at, clusterId, projectId } = operation;
  await insertOperation(tx, operation);
  await appendEvent(tx, subject, { at, step: null, title: null, state, percent: 0, message, problem: null, operationId, settled: false });
  tx.changes.push({ kind: 'OPERATION', id: operationId, clusterId, projectId, what: 'CREATED' });
};
