/** replaceNode: another worker in the place of one. */
import { z } from 'zod';
import { Conflict } from '../domain/errors.ts';
import { patchNode, patchNodeGroup } from '../store/reconcile.ts';
import { begin, nodeGroupCommand } from './nodeGroupCommand.ts';
import { nameOrId } from './parse.ts';
import { checkGeneration, getNode } from './targets.ts';

export const replaceNode = nodeGroupCommand({
  mutation: 'replaceNode',
  schema: z.strictObject({ nodeId: nameOrId }),
  find: (db, call, { nodeId }) => getNode(db, call, nodeId),
  write: async (at, { cluster, nodeGroup, node }) => {
    const { deps, call, tx } = at;
    if (node.deleteRequestedAt !== null || nodeGroup.deleteRequestedAt !== null)
      throw new Conflict('CONFLICT', `Node ${node.name} is being removed already.`, { field: ['nodeId'] });
    checkGeneration(call, nodeGroup);
    const now = deps.clock.now();
    const generation = nodeGroup.generation + 1;
    await patchNode(tx, node.id, { replaceRequestedAt: node.replaceRequestedAt ?? now, updatedAt: now });
    await patchNodeGroup(tx, nodeGroup.id, { generation, updatedAt: now, ...(nodeGroup.state === 'READY' && { state: 'UPDATING' }) });
    return begin(at, cluster, nodeGroup, {
      kind: 'REPLACE_NODE',
      generation,
      state: 'UPDATING',
      message: `Another node takes the place of ${node.name}, as ${call.actor.userName} asked.`,
      what: 'CHANGED',
    });
  },
});
