/** updateNodeGroup: other bounds. The count follows into them, so that no group is ever outside its own. */
import { z } from 'zod';
import { Conflict } from '../domain/errors.ts';
import { MAX_NODES_PER_GROUP } from '../domain/nodeGroup.ts';
import { listLiveNodeGroups, patchNodeGroup } from '../store/reconcile.ts';
import { checkRoom } from './checks.ts';
import { begin, nodeGroupCommand } from './nodeGroupCommand.ts';
import { checkBounds, checkMost } from './nodeGroupInput.ts';
import { clearable, given, nameOrId, requireChange, wholeNumber } from './parse.ts';
import { checkGrowth } from './quotaChecks.ts';
import { checkGeneration, getNodeGroup } from './targets.ts';

const schema = z.strictObject({
  nodeGroupId: nameOrId,
  minCount: given(wholeNumber(0, MAX_NODES_PER_GROUP)),
  maxCount: clearable(wholeNumber(0, MAX_NODES_PER_GROUP)),
});

export const updateNodeGroup = nodeGroupCommand({
  mutation: 'updateNodeGroup',
  schema,
  find: (db, call, { nodeGroupId }) => getNodeGroup(db, call, nodeGroupId),
  write: async (at, { cluster, nodeGroup: row }, { nodeGroupId: _, ...change }) => {
    const { deps, call, tx } = at;
    requireChange(change);
    if (row.deleteRequestedAt !== null)
      throw new Conflict('CONFLICT', `Node group ${row.name} is being deleted; it cannot be changed any more.`);
    checkGeneration(call, row);
    const { minCount = row.spec.minCount, maxCount = row.spec.maxCount } = change;
    checkBounds(minCount, maxCount, [change.minCount === undefined ? 'maxCount' : 'minCount']);
    checkMost(row.spec, minCount, ['minCount']);
    checkMost(row.spec, change.maxCount ?? null, ['maxCount']);
    const count = Math.max(minCount, Math.min(row.spec.count, maxCount ?? MAX_NODES_PER_GROUP));
    if (count > row.spec.count) {
      const others = (await listLiveNodeGroups(tx.db, cluster.id)).filter(({ id }) => id !== row.id);
      checkRoom(
        cluster.spec,
        others.reduce((sum, { spec }) => sum + spec.count, count),
        () => ['minCount'],
      );
    }
    await checkGrowth(deps, tx, { projectId: cluster.projectId, userId: call.actor.userId }, row, count, ['minCount']);
    const generation = row.generation + 1;
    await patchNodeGroup(tx, row.id, {
      spec: { ...row.spec, minCount, maxCount, count },
      generation,
      updatedAt: deps.clock.now(),
      ...(row.state === 'READY' && { state: 'UPDATING' }),
    });
    const bounds = maxCount === null ? `${minCount} nodes or more` : `${minCount} to ${maxCount} nodes`;
    const moved = count === row.spec.count ? '' : ` and goes from ${row.spec.count} to ${count}`;
    return begin(at, cluster, row, {
      kind: 'UPDATE_NODE_GROUP',
      generation,
      state: 'UPDATING',
      message: `Node group ${row.name} may have ${bounds}${moved}, as ${call.actor.userName} asked.`,
      what: 'CHANGED',
      supersedes: { kinds: count === row.spec.count ? ['UPDATE_NODE_GROUP'] : ['UPDATE_NODE_GROUP', 'RESIZE_NODE_GROUP'] },
    });
  },
});
