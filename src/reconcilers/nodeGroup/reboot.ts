/** A worker is rebooted, before another takes its place: once, whatever becomes of the call or of us. */
import { SeedbedError } from '../../domain/errors.ts';
import type { Reboot } from '../../domain/healing.ts';
import { type Outcome, waiting } from '../../engine/flow.ts';
import { changed, loadNode, patchNode } from '../../store/reconcile.ts';
import { enqueue } from '../../store/workItems.ts';
import { beginHealing, operationOf, type Troubled, tellHealing, timeOf } from './healingOperation.ts';
import type { NodeGroupScope } from './scope.ts';

type WithServer = Troubled & { serverId: string };

/** `again`: as for `beginHealing`. */
export const rebootNode = async (scope: NodeGroupScope, node: WithServer, again: boolean): Promise<Outcome> => {
  // Before it is written down: without a right to call Nova nothing has begun.
  const { compute } = scope.cloud();
  const reboot = await noteReboot(scope, node, again);
  if (reboot === null) return waiting(`node ${node.name} to be looked at`, 1_000);
  try {
    await compute.rebootServer(node.serverId);
  } catch (error) {
    // What became of a call without an answer nobody knows, and it is not made twice: the worker has its time to come back all the same.
    // Nor is one that Keystone refused: whoever must act is told.
    if (!(error instanceof SeedbedError) || error.retryable || error.detail.openstack?.service !== 'compute') throw error;
    await noteRefusal(scope, node, reboot, error.message);
    return waiting(`node ${node.name} to be replaced, for it cannot be rebooted: ${error.message}`, 1_000);
  }
  return sayComingBack(node, reboot.at + scope.cluster.spec.healing.nodeLimitSeconds * 1000, scope.clock.now());
};

/** `by`: until when it has time. */
export const sayComingBack = ({ name, trouble }: Pick<Troubled, 'name' | 'trouble'>, by: number, now: number): Outcome =>
  waiting(`node ${name} to come back from its reboot until ${timeOf(by)}, or it is replaced: it ${trouble.message}`, by - now);

/** Null: it is in other trouble by now, or in none. */
const noteReboot = async (scope: NodeGroupScope, node: WithServer, again: boolean): Promise<Reboot | null> => {
  const at = scope.clock.now();
  const reason = `Node ${node.name} is rebooted because it ${node.trouble.message} since ${timeOf(node.trouble.since)}.`;
  const operation = operationOf(scope, reason, at);
  const reboot: Reboot = { at, reason, operationId: operation.id, refused: null };
  return scope.write(async (tx) => {
    const live = await loadNode(tx.db, node.id);
    const same = live?.trouble?.kind === node.trouble.kind && live.reboot?.at === node.reboot?.at;
    if (!live || !same || live.deleteRequestedAt !== null || live.replaceRequestedAt !== null) return null;
    await patchNode(tx, node.id, { reboot, updatedAt: at });
    await beginHealing(tx, scope, operation, reason, again);
    tx.changes.push(changed('NODE', node, scope.cluster.id, scope.cluster.projectId));
    return reboot;
  });
};

/** It is replaced at once then. */
const noteRefusal = async (scope: NodeGroupScope, node: WithServer, reboot: Reboot, message: string): Promise<void> => {
  const now = scope.clock.now();
  const refused = message.replace(/\.$/, '');
  await scope.write(async (tx) => {
    await patchNode(tx, node.id, { reboot: { ...reboot, refused }, updatedAt: now });
    await tellHealing(tx, scope, reboot.operationId, `Node ${node.name} is not rebooted: ${refused}.`, now);
    await enqueue(tx, 'NODE_GROUP', scope.row.id, now);
    tx.changes.push(changed('NODE', node, scope.cluster.id, scope.cluster.projectId));
  });
};
