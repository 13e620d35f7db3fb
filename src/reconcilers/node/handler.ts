/** Nodes as a kind of object that passes run over. */
import type { NodeState } from '../../domain/node.ts';
import { defineFlow } from '../../engine/flow.ts';
import type { PassSummary } from '../../engine/progress.ts';
import { loadCluster, loadNode, loadNodeGroup, type NodeRow, patchNode } from '../../store/reconcile.ts';
import { sleepsWith } from '../holds.ts';
import { isOutOfSight } from '../lostSeed.ts';
import { createHandler } from '../pass.ts';
import type { World } from '../world.ts';
import { lacksFloatingIp, type NodeScope, openNodeScope } from './scope.ts';
import { bootstrapToken } from './steps/bootstrapToken.ts';
import { drained } from './steps/drained.ts';
import { floatingIp } from './steps/floatingIp.ts';
import { joined } from './steps/joined.ts';
import { port } from './steps/port.ts';
import { rootVolume } from './steps/rootVolume.ts';
import { server } from './steps/server.ts';
import { tokenRevoked } from './steps/tokenRevoked.ts';

const nodeFlow = defineFlow<NodeScope>('node', [port, rootVolume, server, bootstrapToken, floatingIp, joined, drained, tokenRevoked]);

export const createNodeHandler = (world: World) => {
  const familyOf = async (row: NodeRow) => {
    const [group, cluster] = await Promise.all([
      loadNodeGroup(world.store.db, row.nodeGroupId),
      loadCluster(world.store.db, row.clusterId),
    ]);
    if (group === undefined || cluster === undefined) throw new Error(`Node ${row.id} has no group or no cluster.`);
    return { group, cluster };
  };
  return createHandler(world, {
    kind: 'NODE',
    flow: nodeFlow,
    load: loadNode,
    subject: (row, { cluster }) => ({
      kind: 'NODE',
      id: row.id,
      name: row.name,
      streamId: row.clusterId,
      clusterId: row.clusterId,
      projectId: cluster.projectId,
    }),
    cluster: (_row, scope) => scope.cluster,
    open: async (row, write, world) => {
      const { group, cluster } = await familyOf(row);
      return openNodeScope(world, row, group, cluster, write);
    },
    held: async (row, { cluster }) => {
      if (await isOutOfSight(world, cluster)) return 'REST';
      return row.deleteRequestedAt === null ? sleepsWith(cluster) : undefined;
    },
    stateOf,
    partOf: ({ nodeGroupId, clusterId }) => [nodeGroupId, clusterId],
    parent: (row) => ({ kind: 'NODE_GROUP', id: row.nodeGroupId }),
    save: async (tx, row, patch, summary) => {
      // Its group, and so the operation, tells this: a quota that is used up hinders it before there is a server.
      const problem = patch.state === 'FAILED' ? summary.failure?.problem : null;
      const ended = patch.state === 'READY' ? { fault: null } : {};
      const fault = problem ? { fault: { problem, consoleTail: row.fault?.consoleTail ?? null } } : ended;
      await patchNode(tx, row.id, { ...patch, ...fault } as Parameters<typeof patchNode>[2]);
    },
  });
};

const stateOf = (scope: NodeScope, row: NodeRow, summary: PassSummary): NodeState => {
  if (row.deleteRequestedAt !== null) return summary.settled ? 'DELETED' : 'DELETING';
  const lacks = lacksFloatingIp(scope);
  if (summary.failure?.problem?.retryable === false && (row.kubeletVersion === null || lacks)) return 'FAILED';
  if (summary.settled) return 'READY';
  return lacks && scope.seen === 'READY' ? 'JOINING' : scope.seen;
};
