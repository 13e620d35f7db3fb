/** deleteNodeGroup: takes a group with all its nodes away; asking twice answers the removal that is under way. */
import { z } from 'zod';
import { Conflict } from '../domain/errors.ts';
import { requestDeletionOfNodes } from '../store/nodes.ts';
import type { Tx } from '../store/open.ts';
import { findNewestOperation, supersedeOperations } from '../store/operations.ts';
import { type ClusterRow, type NodeGroupRow, patchNodeGroup } from '../store/reconcile.ts';
import { wakeNodes, wakeNow } from '../store/wake.ts';
import { announce, newOperation, nodeGroupSubject, showOnCluster } from './announce.ts';
import type { Call, Command, CommandDeps, NodeGroupAnswer } from './call.ts';
import { recallNodeGroupAnswer } from './createNodeGroup.ts';
import { runOnce } from './idempotent.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { checkGeneration, checkMember, checkNotDeleting, getNodeGroup, recallCluster, recallNodeGroup } from './targets.ts';
import { refreshTrust } from './trust.ts';

const schema = z.strictObject({ nodeGroupId: nameOrId });

export const deleteNodeGroup =
  (deps: CommandDeps): Command<NodeGroupAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return runOnce<NodeGroupAnswer, void>(deps, call, {
      mutation: 'deleteNodeGroup',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const { nodeGroup: row, cluster } = await getNodeGroup(tx.db, call, input.nodeGroupId);
        checkMember(call);
        checkNotDeleting(cluster);
        const { nodeGroup, operation } = (await underWay(tx, row)) ?? (await write(deps, call, tx, cluster, row));
        return {
          answer: { nodeGroup, cluster: await recallCluster(tx.db, call, cluster.id), operation },
          target: { kind: 'NODE_GROUP', id: nodeGroup.id, projectId: cluster.projectId },
          recall: { clusterId: cluster.id, nodeGroupId: nodeGroup.id, operationId: operation.id },
        };
      },
      recall: (ids) => recallNodeGroupAnswer(deps, call, ids),
    });
  };

const underWay = async (tx: Tx, nodeGroup: NodeGroupRow) => {
  if (nodeGroup.deleteRequestedAt === null) return null;
  const operation = await findNewestOperation(tx.db, nodeGroup.id, 'DELETE_NODE_GROUP');
  return operation === undefined ? null : { nodeGroup, operation };
};

const write = async (deps: CommandDeps, call: Call, tx: Tx, cluster: ClusterRow, row: NodeGroupRow) => {
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
  const subject = nodeGroupSubject(row, cluster);
  const operation = newOperation(deps, call, 'DELETE_NODE_GROUP', subject, generation);
  await supersedeOperations(tx, operation, { below: 'TARGET' }, now);
  await announce(
    tx,
    subject,
    operation,
    'DELETING',
    `Node group ${row.name} is being deleted, as ${call.actor.userName} asked.`,
    'CHANGED',
  );
  await refreshTrust(tx, deps, call, cluster);
  await requestDeletionOfNodes(tx, { nodeGroupId: row.id }, now);
  await wakeNow(tx, 'NODE_GROUP', row.id, now);
  await wakeNodes(tx, { nodeGroupId: row.id }, now, false);
  await showOnCluster(tx, cluster, operation);
  return { nodeGroup: await recallNodeGroup(tx.db, row.id), operation };
};
