/** Restores of clusters in their place, as they are written down whoever begins them. */
import { type ClusterRestore, lossOf, type RestoreLoss, type SnapshotFacts } from '../domain/backup.ts';
import { isHibernating } from '../domain/hibernation.ts';
import { listLiveBackups } from './backups.ts';
import { announceBegun, type Beginner, operationOf } from './begun.ts';
import type { Db, Tx } from './open.ts';
import { supersedeOperations } from './operations.ts';
import type { OperationRow, Subject } from './progress.ts';
import { type ClusterRow, changed, patchCluster } from './reconcile.ts';
import { wakeNow } from './wake.ts';

/** Where the cluster has been since is known from looks at its etcd, and from younger backups. Counted to when it last had its data, as far as known. */
export const readLoss = async (
  db: Db,
  { id, etcdStatus, quorum }: Pick<ClusterRow, 'id' | 'etcdStatus' | 'quorum'>,
  snapshot: SnapshotFacts,
  now: number,
): Promise<RestoreLoss> => {
  const looks = (etcdStatus?.members ?? []).flatMap(({ revision }) => revision ?? []);
  const younger = (await listLiveBackups(db, id)).flatMap((backup) => backup.snapshot?.revision ?? []);
  return lossOf(snapshot, [...looks, ...younger], quorum?.missing?.since ?? now);
};

export interface RestoreBegun {
  backupId: string;
  loss: RestoreLoss;
  /** A sentence for people. */
  message: string;
}

/** The operation that carries it out; another restore that is under way gives way to it. */
export const writeRestore = async (
  tx: Tx,
  by: Beginner,
  row: ClusterRow,
  { backupId, loss, message }: RestoreBegun,
): Promise<OperationRow> => {
  const { id, name, projectId } = row;
  const generation = row.generation + 1;
  const number = (row.restore?.number ?? 0) + 1;
  const asked = { at: by.now, requestedBy: by.requestedBy, loss };
  const restore: ClusterRestore = { backupId, number, phase: 'STOP', filled: [], intact: isIntact(row), asked };
  await patchCluster(tx, id, {
    restore,
    generation,
    updatedAt: by.now,
    ...(row.observedGeneration > 0 && !isHibernating(row) && { state: 'UPDATING' as const }),
  });
  const subject: Subject = { kind: 'CLUSTER', id, name, streamId: id, clusterId: id, projectId };
  const operation = operationOf(by, subject, 'RESTORE_CLUSTER', generation);
  await supersedeOperations(tx, operation, { kinds: ['RESTORE_CLUSTER'] }, by.now);
  tx.changes.push(changed('CLUSTER', row, id, projectId));
  await announceBegun(tx, subject, operation, isHibernating(row) ? row.state : 'UPDATING', message);
  await wakeNow(tx, 'CLUSTER', id, by.now);
  return operation;
};

const isIntact = ({ restore }: ClusterRow): boolean =>
  restore === null || restore.phase === 'DONE' || (restore.phase === 'STOP' && restore.intact === true);
