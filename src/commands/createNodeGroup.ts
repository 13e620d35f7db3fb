/** createNodeGroup: more workers of another shape. */
import type { z } from 'zod';
import { Conflict } from '../domain/errors.ts';
import { insertNodeGroup } from '../store/nodeGroups.ts';
import { isUniqueViolation, type Tx } from '../store/open.ts';
import { type ClusterRow, listLiveNodeGroups, type NodeGroupRow } from '../store/reconcile.ts';
import { enqueue } from '../store/workItems.ts';
import { announce, newOperation, nodeGroupSubject, showOnCluster } from './announce.ts';
import type { Call, Command, CommandDeps, NodeGroupAnswer } from './call.ts';
import { checkRoom } from './checks.ts';
import { checkGroup } from './cloudChecks.ts';
import { runOnce } from './idempotent.ts';
import { groupSpecOf, type NodeGroupInput, nodeGroupFields, nodeGroupRow } from './nodeGroupInput.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { checkGeneration, checkMember, checkNotDeleting, getCluster, recallCluster, recallNodeGroup, recallOperation } from './targets.ts';
import { refreshTrust } from './trust.ts';

const schema = nodeGroupFields.extend({ clusterId: nameOrId });
type Input = z.output<typeof schema>;

export const createNodeGroup =
  (deps: CommandDeps): Command<NodeGroupAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return runOnce<NodeGroupAnswer, void>(deps, call, {
      mutation: 'createNodeGroup',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const cluster = await getCluster(tx.db, call, input.clusterId);
        checkMember(call);
        checkNotDeleting(cluster);
        checkGeneration(call, cluster);
        const { nodeGroup, operation } = await write(deps, call, tx, cluster, input);
        return {
          answer: { nodeGroup, cluster: await recallCluster(tx.db, call, cluster.id), operation },
          target: { kind: 'NODE_GROUP', id: nodeGroup.id, projectId: cluster.projectId },
          recall: { clusterId: cluster.id, nodeGroupId: nodeGroup.id, operationId: operation.id },
        };
      },
      recall: (ids) => recallNodeGroupAnswer(deps, call, ids),
    });
  };

/** The rows of an earlier answer about a node group, as they are now. */
export const recallNodeGroupAnswer = async (
  deps: CommandDeps,
  call: Call,
  ids: Record<string, string>,
): Promise<Omit<NodeGroupAnswer, 'replayed'>> => ({
  nodeGroup: await recallNodeGroup(deps.store.db, ids.nodeGroupId),
  cluster: await recallCluster(deps.store.db, call, ids.clusterId),
  operation: await recallOperation(deps.store.db, call, ids.operationId),
});

const write = async (deps: CommandDeps, call: Call, tx: Tx, cluster: ClusterRow, input: Input) => {
  const { clusterId: _, ...fields } = input;
  const spec = groupSpecOf(fields satisfies NodeGroupInput, cluster.spec, false, []);
  const others = await listLiveNodeGroups(tx.db, cluster.id);
  const total = others.reduce((sum, group) => sum + group.spec.count, spec.count);
  checkRoom(cluster.spec, total, () => ['count']);
  const catalogue = deps.peekCatalogue(cluster.projectId, call.actor.userId);
  if (catalogue !== null) checkGroup(spec, catalogue, (field) => [field]);
  const now = deps.clock.now();
  const nodeGroup = nodeGroupRow(deps, cluster, { name: input.name, isDefault: false, spec }, now);
  await insertUnique(tx, nodeGroup);
  const subject = nodeGroupSubject(nodeGroup, cluster);
  const operation = newOperation(deps, call, 'CREATE_NODE_GROUP', subject, 1);
  await announce(
    tx,
    subject,
    operation,
    'PENDING',
    `Node group ${nodeGroup.name} with ${spec.count} nodes was asked for by ${call.actor.userName}.`,
    'CREATED',
  );
  await refreshTrust(tx, deps, call, cluster);
  await enqueue(tx, 'NODE_GROUP', nodeGroup.id, now);
  await showOnCluster(tx, cluster, operation);
  return { nodeGroup, operation };
};

const insertUnique = async (tx: Tx, row: NodeGroupRow): Promise<void> => {
  try {
    await insertNodeGroup(tx, row);
  } catch (error) {
    if (isUniqueViolation(error))
      throw new Conflict('NAME_TAKEN', `The cluster has a node group named ${row.name} already; choose another name.`, { field: ['name'] });
    throw error;
  }
};
