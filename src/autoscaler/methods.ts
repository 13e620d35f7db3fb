/** What each method of the protocol answers, for the one cluster whose certificate the caller shows. */
import type { Scaling } from '../commands/scaleNodeGroup.ts';
import { NotFound, Unavailable } from '../domain/errors.ts';
import { isScalable } from '../domain/nodeGroup.ts';
import { findClusterNode, type NodeKey } from '../store/nodes.ts';
import type { Db } from '../store/open.ts';
import { type ClusterRow, listLiveNodeGroups, listLiveNodes, type NodeGroupRow } from '../store/reconcile.ts';
import { hasCloudLabels, instanceOf, keyOf } from './instances.ts';
import type { Method, Methods, ProviderGroup, ProviderNode } from './protocol.ts';
import { buildTemplateNode } from './templateNode.ts';

/** Prices are left out: the autoscaler then goes without. */
export type Served = Exclude<Method, 'PricingNodePrice' | 'PricingPodPrice'>;

export type Handlers = { [M in Served]: (cluster: ClusterRow, request: Methods[M][0]) => Promise<Methods[M][1]> };

const NO_GROUP: ProviderGroup = { id: '', minSize: 0, maxSize: 0, debug: '' };

export const createHandlers = ({ db, scaling }: { db: Db; scaling: Scaling }): Handlers => {
  const groupsOf = async (cluster: ClusterRow): Promise<NodeGroupRow[]> => (await listLiveNodeGroups(db, cluster.id)).filter(isScalable);
  const groupOf = async (cluster: ClusterRow, id: string): Promise<NodeGroupRow> => {
    const found = (await groupsOf(cluster)).find((group) => group.id === id);
    if (found === undefined) throw new NotFound('This node group');
    return found;
  };
  const nothing = async () => ({});

  return {
    NodeGroups: async (cluster) => ({ nodeGroups: (await groupsOf(cluster)).map(providerGroup) }),
    NodeGroupForNode: async (cluster, { node }) => {
      const key = node === null ? undefined : keyOf(node);
      if (key === undefined) return { nodeGroup: NO_GROUP };
      const found = await findClusterNode(db, cluster.id, key);
      const group = found && (await groupsOf(cluster)).find(({ id }) => id === found.nodeGroupId);
      return { nodeGroup: group === undefined ? NO_GROUP : providerGroup(group) };
    },
    GPULabel: async () => ({ label: '' }),
    GetAvailableGPUTypes: nothing,
    Cleanup: nothing,
    // Nothing is kept between calls: changed bounds hold from the next one on.
    Refresh: nothing,
    NodeGroupTargetSize: async (cluster, { id }) => ({ targetSize: (await groupOf(cluster, id)).spec.count }),
    NodeGroupIncreaseSize: async (cluster, { id, delta }) => {
      await scaling.increase(cluster.id, id, delta);
      return {};
    },
    NodeGroupDeleteNodes: async (cluster, { id, nodes }) => {
      await scaling.removeNodes(cluster.id, id, nodes.map(namedKey));
      return {};
    },
    NodeGroupDecreaseTargetSize: async (cluster, { id, delta }) => {
      await scaling.decrease(cluster.id, id, delta);
      return {};
    },
    NodeGroupNodes: async (cluster, { id }) => {
      const group = await groupOf(cluster, id);
      return { instances: (await listLiveNodes(db, group.id)).map(instanceOf) };
    },
    NodeGroupTemplateNodeInfo: async (cluster, { id }) => {
      const group = await groupOf(cluster, id);
      const machine = group.resolved?.machine;
      if (machine === undefined)
        throw new Unavailable('CLUSTER_UNAVAILABLE', `The flavor of node group ${group.name} has not been looked up yet.`);
      const node = buildTemplateNode(group, machine, hasCloudLabels(cluster));
      return { nodeInfo: node, nodeBytes: node };
    },
    // None: those that the autoscaler was started with.
    NodeGroupGetOptions: nothing,
  };
};

const providerGroup = ({ id, name, spec }: NodeGroupRow): ProviderGroup => ({
  id,
  minSize: spec.minCount,
  maxSize: spec.maxCount ?? spec.count,
  debug: `${name}: ${spec.count} nodes wanted`,
});

const namedKey = (node: ProviderNode): NodeKey => {
  const key = keyOf(node);
  if (key === undefined) throw new NotFound(`Node ${JSON.stringify(node.name.slice(0, 80))}`);
  return key;
};
