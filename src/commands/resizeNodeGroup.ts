/** resizeNodeGroup: more or fewer workers, and which go first. */
import { z } from 'zod';
import { Conflict, UserError } from '../domain/errors.ts';
import { MAX_NODES_PER_GROUP } from '../domain/nodeGroup.ts';
import type { Tx } from '../store/open.ts';
import { listLiveNodeGroups, listLiveNodes, type NodeGroupRow, patchNodeGroup } from '../store/reconcile.ts';
import { checkRoom } from './checks.ts';
import { begin, nodeGroupCommand } from './nodeGroupCommand.ts';
import { checkCount } from './nodeGroupInput.ts';
import { given, nameOrId, wholeNumber } from './parse.ts';
import { checkGroupRoom, checkGrowth, vcpusOf } from './quotaChecks.ts';
import { checkGeneration, getNodeGroup } from './targets.ts';

const schema = z.strictObject({
  nodeGroupId: nameOrId,
  count: wholeNumber(0, MAX_NODES_PER_GROUP),
  nodesToRemove: given(z.array(nameOrId).max(MAX_NODES_PER_GROUP)),
});

export const resizeNodeGroup = nodeGroupCommand({
  mutation: 'resizeNodeGroup',
  schema,
  find: (db, call, { nodeGroupId }) => getNodeGroup(db, call, nodeGroupId),
  write: async (at, { cluster, nodeGroup: row }, { count, nodesToRemove = [] }) => {
    const { deps, call, tx } = at;
    if (row.deleteRequestedAt !== null)
      throw new Conflict('CONFLICT', `Node group ${row.name} is being deleted; it cannot be resized any more.`);
    checkGeneration(call, row);
    checkCount(row.spec, count, ['count']);
    if (count > row.spec.count) {
      const others = (await listLiveNodeGroups(tx.db, cluster.id)).filter((group) => group.id !== row.id);
      const total = others.reduce((sum, group) => sum + group.spec.count, count);
      checkRoom(cluster.spec, total, () => ['count']);
    }
    const owner = { projectId: cluster.projectId, userId: call.actor.userId };
    const vcpus = vcpusOf(deps, owner, row);
    await checkGroupRoom(deps, tx, owner, row, { count, vcpus }, ['count']);
    await checkGrowth(deps, tx, owner, row, count, ['count']);
    await checkNodesToRemove(tx, row, count, nodesToRemove);
    const generation = row.generation + 1;
    await patchNodeGroup(tx, row.id, {
      spec: { ...row.spec, count },
      vcpus,
      nodesToRemove,
      generation,
      updatedAt: deps.clock.now(),
      ...(row.state === 'READY' && { state: 'UPDATING' }),
    });
    return begin(at, cluster, row, {
      kind: 'RESIZE_NODE_GROUP',
      generation,
      state: 'UPDATING',
      message: `Node group ${row.name} goes from ${row.spec.count} to ${count} nodes, as ${call.actor.userName} asked.`,
      what: 'CHANGED',
      supersedes: { kinds: ['RESIZE_NODE_GROUP'] },
    });
  },
});

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
