/** Node groups as a kind of object that passes run over. */
import { defineFlow } from '../../engine/flow.ts';
import { listLiveNodes, loadCluster, loadNodeGroup, patchNodeGroup } from '../../store/reconcile.ts';
import { sleepsWith } from '../holds.ts';
import { restsWith } from '../lostSeed.ts';
import { commonState } from '../outcome.ts';
import { createHandler } from '../pass.ts';
import type { World } from '../world.ts';
import { type NodeGroupScope, openNodeGroupScope } from './scope.ts';
import { adopted } from './steps/adopted.ts';
import { autoHealing } from './steps/autoHealing.ts';
import { namesResolved } from './steps/namesResolved.ts';
import { isOld, nodes } from './steps/nodes.ts';
import { quotas } from './steps/quotas.ts';
import { serverGroup } from './steps/serverGroup.ts';

const nodeGroupFlow = defineFlow<NodeGroupScope>('nodeGroup', [namesResolved, adopted, quotas, serverGroup, autoHealing, nodes]);

export const createNodeGroupHandler = (world: World) => {
  const clusterOf = async (clusterId: string) => {
    const cluster = await loadCluster(world.store.db, clusterId);
    if (cluster === undefined) throw new Error(`A node group's cluster ${clusterId} is not there.`);
    return cluster;
  };
  return createHandler(world, {
    kind: 'NODE_GROUP',
    flow: nodeGroupFlow,
    load: loadNodeGroup,
    subject: (row, { cluster }) => ({
      kind: 'NODE_GROUP',
      id: row.id,
      name: row.name,
      streamId: row.clusterId,
      clusterId: row.clusterId,
      projectId: cluster.projectId,
    }),
    cluster: (_row, scope) => scope.cluster,
    open: async (row, write, world) =>
      openNodeGroupScope(world, row, await clusterOf(row.clusterId), await listLiveNodes(world.store.db, row.id), write),
    held: async (row, { cluster }) =>
      (await restsWith(world, cluster)) ?? (row.deleteRequestedAt === null ? sleepsWith(cluster) : undefined),
    stateOf: (scope, row, summary) =>
      commonState(
        row,
        summary,
        scope.nodes.some((node) => node.deleteRequestedAt !== null || isOld(scope, node)),
      ),
    partOf: ({ clusterId }) => [clusterId],
    parent: (row) => ({ kind: 'CLUSTER', id: row.clusterId }),
    save: async (tx, row, patch) => {
      await patchNodeGroup(tx, row.id, patch as Parameters<typeof patchNodeGroup>[2]);
      if (patch.deletedAt !== null) await world.secrets.remove(tx, row.id);
    },
  });
};
