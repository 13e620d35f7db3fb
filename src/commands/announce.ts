/** Writes what every accepted mutation leaves: its operation, the next event of its stream, and who is to be told. */
import type { OperationKind } from '../domain/operation.ts';
import type { BackupRow } from '../store/backups.ts';
import { announceBegun, type Beginner, operationOf } from '../store/begun.ts';
import type { Change, Tx } from '../store/open.ts';
import { appendEvent, type OperationRow, type Subject } from '../store/progress.ts';
import { type ClusterRow, type NodeGroupRow, patchCluster, type SeedRow } from '../store/reconcile.ts';
import { wakeNow } from '../store/wake.ts';
import type { Call, CommandDeps } from './call.ts';

export const clusterSubject = (row: ClusterRow): Subject => ({
  kind: 'CLUSTER',
  id: row.id,
  name: row.name,
  streamId: row.id,
  clusterId: row.id,
  projectId: row.projectId,
});
export const nodeGroupSubject = (row: NodeGroupRow, cluster: ClusterRow): Subject => ({
  kind: 'NODE_GROUP',
  id: row.id,
  name: row.name,
  streamId: cluster.id,
  clusterId: cluster.id,
  projectId: cluster.projectId,
});
export const backupSubject = (row: BackupRow): Subject => ({
  kind: 'BACKUP',
  id: row.id,
  name: row.name,
  streamId: row.clusterId,
  clusterId: row.clusterId,
  projectId: row.projectId,
});
export const seedSubject = (row: SeedRow): Subject => ({
  kind: 'SEED',
  id: row.id,
  name: row.name,
  streamId: row.id,
  clusterId: null,
  projectId: null,
});

/** Who asks, and by which request; `now`: the time now when left out. */
export const beginnerOf = (deps: CommandDeps, call: Call, now = deps.clock.now()): Beginner => ({
  newId: deps.newId,
  now,
  requestedBy: call.actor.userName,
  reason: null,
  requestId: call.openstackRequestId,
});

/** A new operation, not yet written; `generation`: of the target, after the change. */
export const newOperation = (deps: CommandDeps, call: Call, kind: OperationKind, subject: Subject, generation: number): OperationRow =>
  operationOf(beginnerOf(deps, call), subject, kind, generation);

const changeOf = (subject: Subject, what: Change['what']): Change => ({
  kind: subject.kind,
  id: subject.id,
  clusterId: subject.clusterId,
  projectId: subject.projectId,
  what,
});

/** Writes the operation and the stream's next event. `message`: a sentence for people. */
export const announce = async (
  tx: Tx,
  subject: Subject,
  operation: OperationRow,
  state: string,
  message: string,
  what: Change['what'],
): Promise<void> => {
  tx.changes.push(changeOf(subject, what));
  await announceBegun(tx, subject, operation, state, message);
};

/** A change of a part shows on the whole: the cluster is UPDATING until its own pass has seen the end of it, which settles its stream. */
export const showOnCluster = async (tx: Tx, cluster: ClusterRow, operation: OperationRow): Promise<void> => {
  const { requestedAt: at, id: operationId } = operation;
  await wakeNow(tx, 'CLUSTER', cluster.id, at);
  if (cluster.state !== 'READY') return;
  const subject = clusterSubject(cluster);
  const state = 'UPDATING';
  await patchCluster(tx, cluster.id, { state, updatedAt: at });
  // Told, or who reads on from the last event would take the cluster to be at rest.
  const message = `Cluster ${cluster.name} is updating.`;
  await appendEvent(tx, subject, { at, step: null, title: null, state, percent: 0, message, problem: null, operationId, settled: false });
  tx.changes.push(changeOf(subject, 'CHANGED'));
};

export const tell = (tx: Tx, subject: Subject, operation: OperationRow, what: Change['what']): void => {
  tx.changes.push(changeOf(subject, what), {
    kind: 'OPERATION',
    id: operation.id,
    clusterId: operation.clusterId,
    projectId: operation.projectId,
    what: 'CREATED',
  });
};
