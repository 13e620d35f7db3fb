/** resizeNodeGroup: more or fewer workers, and which go first. */
import { z } from 'zod';
import { Conflict, UserError } from '../domain/errors.ts';
import { MAX_NODES_PER_GROUP } from '../domain/nodeGroup.ts';
import { namedAfter } from '../domain/victims.ts';
import type { Looking } from '../store/open.ts';
import { type ClusterRow, listLiveNodeGroups, listLiveNodes, type NodeGroupRow, patchNodeGroup } from '../store/reconcile.ts';
import type { Call, CommandDeps } from './call.ts';
import { checkRoom } from './checks.ts';
import { begin, nodeGroupCommand } from './nodeGroupCommand.ts';
import { checkCount } from './nodeGroupInput.ts';
import { given, nameOrId, wholeNumber } from './parse.ts';
import { checkGroupRoom, checkGrowth, vcpusOf } from './quotaChecks.ts';
import { checkGeneration, getNodeGroup } from './targets.ts';

export const resizeInput = z.strictObject({
  nodeGroupId: nameOrId,
  count: wholeNumber(0, MAX_NODES_PER_GROUP),
  nodesToRemove: given(z.array(nameOrId).max(MAX_NODES_PER_GROUP)),
});

export const resizeNodeGroup = nodeGroupCommand({
  mutation: 'resizeNodeGroup',
  schema: resizeInput,
  find: (db, call, { nodeGroupId }) => getNodeGroup(db, call, nodeGroupId),
  write: async (at, found, input) => {
    const { deps, call, tx } = at;
    const { cluster, nodeGroup: row } = found;
    const { count, nodesToRemove = [] } = input;
    const vcpus = vcpusOf(deps, { projectId: cluster.projectId, userId: call.actor.userId }, row);
    for (const check of resizeChecks(deps, call, tx, found, input)) await check();
    const generation = row.generation + 1;
    await patchNodeGroup(tx, row.id, {
      spec: { ...row.spec, count },
      vcpus,
      nodesToRemove: namedAfter(row, count, nodesToRemove),
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

/** In this order; each throws UserError or Conflict naming the field. */
export const resizeChecks = (
  deps: CommandDeps,
  call: Call,
  at: Looking,
  { cluster, nodeGroup: row }: { cluster: ClusterRow; nodeGroup: NodeGroupRow },
  { count, nodesToRemove = [] }: z.output<typeof resizeInput>,
): (() => Promise<void>)[] => {
  const owner = { projectId: cluster.projectId, userId: call.actor.userId };
  return [
    async () => {
      if (row.deleteRequestedAt !== null)
        throw new Conflict('CONFLICT', `Node group ${row.name} is being deleted; it cannot be resized any more.`);
      checkGeneration(call, row);
      checkCount(row.spec, count, ['count']);
      if (count <= row.spec.count) return;
      const others = (await listLiveNodeGroups(at.db, cluster.id)).filter((group) => group.id !== row.id);
      const total = others.reduce((sum, group) => sum + group.spec.count, count);
      checkRoom(cluster.spec, total, () => ['count']);
    },
    () => checkGroupRoom(deps, at, owner, row, { count, vcpus: vcpusOf(deps, owner, row) }, ['count']),
    () => checkGrowth(deps, at, owner, row, count, ['count']),
    () => checkNodesToRemove(at, row, count, nodesToRemove),
  ];
};

const checkNodesToRemove = async (at: Looking, row: NodeGroupRow, count: number, ids: readonly string[]): Promise<void> => {
  const field = ['nodesToRemove'];
  if (ids.length === 0) return;
  if (new Set(ids).size !== ids.length) throw new UserError('INVALID_INPUT', 'A node to remove is named twice.', { field });
  const live = new Set((await listLiveNodes(at.db, row.id)).filter((node) => node.deleteRequestedAt === null).map((node) => node.id));
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
