/** replaceNode: another worker in the place of one. */
import { z } from 'zod';
import { Conflict } from '../domain/errors.ts';
import type { Tx } from '../store/open.ts';
import { type ClusterRow, type NodeGroupRow, type NodeRow, patchNode, patchNodeGroup } from '../store/reconcile.ts';
import { wakeNow } from '../store/wake.ts';
import { announce, newOperation, nodeGroupSubject, showOnCluster } from './announce.ts';
import type { Call, Command, CommandDeps, NodeGroupAnswer } from './call.ts';
import { recallNodeGroupAnswer } from './createNodeGroup.ts';
import { runOnce } from './idempotent.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { checkGeneration, checkMember, checkNotDeleting, getNode, recallCluster, recallNodeGroup } from './targets.ts';
import { refreshTrust } from './trust.ts';

const schema = z.strictObject({ nodeId: nameOrId });

export const replaceNode =
  (deps: CommandDeps): Command<NodeGroupAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return runOnce<NodeGroupAnswer, void>(deps, call, {
      mutation: 'replaceNode',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const { node, nodeGroup, cluster } = await getNode(tx.db, call, input.nodeId);
        checkMember(call);
        checkNotDeleting(cluster);
        if (node.deleteRequestedAt !== null || nodeGroup.deleteRequestedAt !== null)
          throw new Conflict('CONFLICT', `Node ${node.name} is being removed already.`, { field: ['nodeId'] });
        checkGeneration(call, nodeGroup);
        const answer = await write(deps, call, tx, cluster, nodeGroup, node);
        return {
          answer,
          target: { kind: 'NODE_GROUP', id: nodeGroup.id, projectId: cluster.projectId },
          recall: { clusterId: cluster.id, nodeGroupId: nodeGroup.id, operationId: answer.operation.id },
        };
      },
      recall: (ids) => recallNodeGroupAnswer(deps, call, ids),
    });
  };

const write = async (deps: CommandDeps, call: Call, tx: Tx, cluster: ClusterRow, group: NodeGroupRow, node: NodeRow) => {
  const now = deps.clock.now();
  const generation = group.generation + 1;
  await patchNode(tx, node.id, { replaceRequestedAt: node.replaceRequestedAt ?? now, updatedAt: now });
  await patchNodeGroup(tx, group.id, { generation, updatedAt: now, ...(group.state === 'READY' && { state: 'UPDATING' }) });
  const subject = nodeGroupSubject(group, cluster);
  const operation = newOperation(deps, call, 'REPLACE_NODE', subject, generation);
  await announce(
    tx,
    subject,
    operation,
    'UPDATING',
    `Another node takes the place of ${node.name}, as ${call.actor.userName} asked.`,
    'CHANGED',
  );
  await refreshTrust(tx, deps, call, cluster);
  await wakeNow(tx, 'NODE_GROUP', group.id, now);
  await showOnCluster(tx, cluster, operation);
  return { nodeGroup: await recallNodeGroup(tx.db, group.id), cluster: await recallCluster(tx.db, call, cluster.id), operation };
};
