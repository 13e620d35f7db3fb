/** A healing as an operation of its node group's, and what is told of it. */
import { AUTO_HEALING, rebootBehind } from '../../domain/healing.ts';
import { newId, openstackRequestId } from '../../lib/ids.ts';
import type { Tx } from '../../store/open.ts';
import { insertOperation, supersedeOperations } from '../../store/operations.ts';
import { appendEvent, type OperationRow } from '../../store/progress.ts';
import { changed, type NodeRow } from '../../store/reconcile.ts';
import type { NodeGroupScope } from './scope.ts';

export type Troubled = NodeRow & { trouble: NonNullable<NodeRow['trouble']> };

export const TITLE = 'Replace broken nodes';

export const timeOf = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;

/** Why one that may be rebooted first is replaced: goes on after what is wrong with it. */
export const sayRebooted = (node: Troubled): string => {
  const reboot = rebootBehind(node);
  if (reboot === null) return '';
  return reboot.refused === null ? `, although it was rebooted at ${timeOf(reboot.at)}` : ` and was not rebooted (${reboot.refused})`;
};

export const operationOf = ({ row, cluster }: NodeGroupScope, reason: string, now: number): OperationRow => ({
  id: newId(),
  kind: 'HEAL_NODE',
  targetKind: 'NODE_GROUP',
  targetId: row.id,
  clusterId: cluster.id,
  projectId: cluster.projectId,
  generation: row.generation,
  state: 'PENDING',
  percent: 0,
  steps: [],
  problem: null,
  requestedBy: 'auto-healing',
  reason,
  requestId: openstackRequestId(newId()),
  requestedAt: now,
  finishedAt: null,
});

/** `again`: what an earlier healing made has failed, so that one will not end any more. */
export const beginHealing = async (
  tx: Tx,
  scope: NodeGroupScope,
  operation: OperationRow,
  message: string,
  again: boolean,
): Promise<void> => {
  if (again) await supersedeOperations(tx, operation, { kinds: ['HEAL_NODE'] }, operation.requestedAt);
  await insertOperation(tx, operation);
  await tellHealing(tx, scope, operation.id, message, operation.requestedAt);
  const { id: clusterId, projectId } = scope.cluster;
  tx.changes.push({ kind: 'OPERATION', id: operation.id, clusterId, projectId, what: 'CREATED' });
};

/** An event of the group's, for an operation that goes on. */
export const tellHealing = async (
  tx: Tx,
  { row, cluster }: NodeGroupScope,
  operationId: string,
  message: string,
  at: number,
): Promise<void> => {
  const { id: clusterId, projectId } = cluster;
  const subject = { kind: 'NODE_GROUP' as const, id: row.id, name: row.name, streamId: clusterId, clusterId, projectId };
  await appendEvent(tx, subject, {
    at,
    step: AUTO_HEALING,
    title: TITLE,
    state: 'RUNNING',
    percent: 0,
    message,
    problem: null,
    operationId,
    settled: false,
  });
  tx.changes.push(changed('NODE_GROUP', row, clusterId, projectId));
};
