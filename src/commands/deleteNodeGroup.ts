/** deleteNodeGroup: takes a group with all its nodes away; asking twice answers the removal that is under way. */
import { z } from 'zod';
import { Conflict } from '../domain/errors.ts';
import { requestDeletionOfNodes } from '../store/nodes.ts';
import { findNewestOperation } from '../store/operations.ts';
import { patchNodeGroup } from '../store/reconcile.ts';
import { wakeNodes } from '../store/wake.ts';
import { begin, nodeGroupCommand } from './nodeGroupCommand.ts';
import { nameOrId } from './parse.ts';
import { checkGeneration, getNodeGroup } from './targets.ts';

export const deleteNodeGroup = nodeGroupCommand({
  mutation: 'deleteNodeGroup',
  schema: z.strictObject({ nodeGroupId: nameOrId }),
  find: (db, call, { nodeGroupId }) => getNodeGroup(db, call, nodeGroupId),
  write: async (at, { cluster, nodeGroup: row }) => {
    const { deps, call, tx } = at;
    const underWay = row.deleteRequestedAt === null ? undefined : await findNewestOperation(tx.db, row.id, 'DELETE_NODE_GROUP');
    if (underWay !== undefined) return { nodeGroupId: row.id, operation: underWay };
    // Magnum's rule, kept: a cluster always has a group that its first workloads can land on.
    if (row.isDefault)
      throw new Conflict(
        'CONFLICT',
        `Node group ${row.name} is the cluster's default group and stays as long as the cluster; resize it to 0 instead.`,
      );
    checkGeneration(call, row);
    const now = deps.clock.now();
    const generation = row.generation + 1;
    await patchNodeGroup(tx, row.id, { deleteRequestedAt: now, state: 'DELETING', generation, updatedAt: now });
    await requestDeletionOfNodes(tx, { nodeGroupId: row.id }, now);
    await wakeNodes(tx, { nodeGroupId: row.id }, now, false);
    return begin(at, cluster, row, {
      kind: 'DELETE_NODE_GROUP',
      generation,
      state: 'DELETING',
      message: `Node group ${row.name} is being deleted, as ${call.actor.userName} asked.`,
      what: 'CHANGED',
      supersedes: { below: 'TARGET' },
    });
  },
});
