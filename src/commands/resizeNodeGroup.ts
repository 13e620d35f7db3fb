/** resizeNodeGroup: more or fewer workers, and which go first. */
import { z } from 'zod';
import { Conflict, UserError } from '../domain/errors.ts';
import { MAX_NODES_PER_GROUP } from '../domain/nodeGroup.ts';
import type { Tx } from '../store/open.ts';
import { supersedeOperations } from '../store/operations.ts';
import { type ClusterRow, listLiveNodeGroups, listLiveNodes, type NodeGroupRow, patchNodeGroup } from '../store/reconcile.ts';
import { wakeNow } from '../store/wake.ts';
import { announce, newOperation, nodeGroupSubject, showOnCluster } from './announce.ts';
import type { Call, Command, CommandDeps, NodeGroupAnswer } from './call.ts';
import { checkRoom } from './checks.ts';
import { recallNodeGroupAnswer } from './createNodeGroup.ts';
import { runOnce } from './idempotent.ts';
import { checkCount } from './nodeGroupInput.ts';
import { given, nameOrId, ownInput, parseInput, wholeNumber } from './parse.ts';
import { checkGeneration, checkMember, checkNotDeleting, getNodeGroup, recallCluster, recallNodeGroup } from './targets.ts';
import { refreshTrust } from './trust.ts';

const schema = z.strictObject({
  nodeGroupId: nameOrId,
  count: wholeNumber(0, MAX_NODES_PER_GROUP),
  nodesToRemove: given(z.array(nameOrId).max(MAX_NODES_PER_GROUP)),
});
type Input = z.output<typeof schema>;

export const resizeNodeGroup =
  (deps: CommandDeps): Command<NodeGroupAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return runOnce<NodeGroupAnswer, void>(deps, call, {
      mutation: 'resizeNodeGroup',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const { nodeGroup: row, cluster } = await getNodeGroup(tx.db, call, input.nodeGroupId);
        checkMember(call);
        checkNotDeleting(cluster);
        if (row.deleteRequestedAt !== null)
          throw new Conflict('CONFLICT', `Node group ${row.name} is being deleted; it cannot be resized any more.`);
        checkGeneration(call, row);
        const answer = await write(deps, call, tx, cluster, row, input);
        return {
          answer,
          target: { kind: 'NODE_GROUP', id: row.id, projectId: cluster.projectId },
          recall: { clusterId: cluster.id, nodeGroupId: row.id, operationId: answer.operation.id },
        };
      },
      recall: (ids) => recallNodeGroupAnswer(deps, call, ids),
    });
  };

const write = async (deps: CommandDeps, call: Call, tx: Tx, cluster: ClusterRow, row: NodeGroupRow, input: Input) => {
  checkCount(row.spec, input.count, ['count']);
  if (input.count > row.spec.count) {
    const others = (await listLiveNodeGroups(tx.db, cluster.id)).filter((group) => group.id !== row.id);
    const total = others.reduce((sum, group) => sum + group.spec.count, input.count);
    checkRoom(cluster.spec, total, () => ['count']);
  }
  const nodesToRemove = input.nodesToRemove ?? [];
  await checkNodesToRemove(tx, row, input.count, nodesToRemove);
  const now = deps.clock.now();
  const generation = row.generation + 1;
  await patchNodeGroup(tx, row.id, {
    spec: { ...row.spec, count: input.count },
    nodesToRemove,
    generation,
    updatedAt: now,
    ...(row.state === 'READY' && { state: 'UPDATING' }),
  });
  const subject = nodeGroupSubject(row, cluster);
  const operation = newOperation(deps, call, 'RESIZE_NODE_GROUP', subject, generation);
  await supersedeOperations(tx, operation, { kinds: ['RESIZE_NODE_GROUP'] }, now);
  await announce(
    tx,
    subject,
    operation,
    'UPDATING',
    `Node group ${row.name} goes from ${row.spec.count} to ${input.count} nodes, as ${call.actor.userName} asked.`,
    'CHANGED',
  );
  await refreshTrust(tx, deps, call, cluster);
  await wakeNow(tx, 'NODE_GROUP', row.id, now);
  await showOnCluster(tx, cluster, operation);
  return { nodeGroup: await recallNodeGroup(tx.db, row.id), cluster: await recallCluster(tx.db, call, cluster.id), operation };
};

const checkNodesToRemove = async (tx: Tx, row: NodeGroupRow, count: number, ids: readonly string[]): Promise<void> => {
  const field = ['nodesToRemove'];
  if (ids.length === 0) return;
  if (new Set(ids).size !== ids.length) throw new UserError('INVALID_INPUT', 'A node to remove is named twice.', { field });
  const live = new Set((await listLiveNodes(tx.db, row.id)).filter((node) => node.deleteRequestedAt === null).map((node) => node.id));
  const stranger = ids.findIndex((id) => !live.has(id));
  if (stranger >= 0)
    throw new UserError('INVALID_INPUT', 'This is not a node of the group, or it is being removed already.', {
      field: [...field, String(stranger)],
    });
  // Otherwise others would be started in their place.
  if (row.spec.count - count < ids.length)
    throw new UserError(
      'INVALID_INPUT',
      `To remove ${ids.length} named nodes the count must fall by at least as many: to ${Math.max(0, row.spec.count - ids.length)} or less.`,
      {
        field: ['count'],
      },
    );
};
