/** The node's port in the cluster's network. */
import { clusterTag } from '../../../domain/cluster.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { descriptionOf, resourceName } from '../../names.ts';
import { ensureResource, presentId, removeResource } from '../../resource.ts';
import type { NodeScope } from '../scope.ts';

export const port: Step<NodeScope> = {
  name: 'PortReady',
  title: 'Make the port',
  usuallyMs: 15_000,
  ensure: async (scope) => {
    const { cluster, row } = scope;
    const place = cluster.resolved;
    const key = {
      clusterId: cluster.id,
      ownerId: cluster.id,
      service: 'NETWORK',
      kind: 'security-group',
      name: resourceName(cluster),
    } as const;
    const groupId = await presentId(scope.db, key);
    if (place === null || place.fixedNetworkId === null || place.fixedSubnetId === null || groupId === undefined) {
      return waiting("the cluster's network", 2_000);
    }
    const { network: api } = scope.cloud();
    const { fixedNetworkId: networkId, fixedSubnetId: subnetId } = place;
    const names = { name: row.name, description: descriptionOf(cluster) };
    const portId = await ensureResource(scope, {
      key: portKey(scope),
      find: async () => (await api.listPorts(names))[0],
      create: () => api.createPort({ ...names, networkId, subnetId, securityGroupIds: [groupId], allowedAddressPairs: [] }),
      complete: (id) => api.addTag('ports', id, clusterTag(cluster.id)),
    });
    if (row.portId !== portId) {
      const made = await api.getPort(portId);
      await scope.patch({ portId, address: made.fixedIps[0]?.address ?? null });
    }
    return done();
  },
  remove: async (scope) => {
    const names = { name: scope.row.name, description: descriptionOf(scope.cluster) };
    await removeResource(scope, {
      key: portKey(scope),
      find: async () => (await scope.cloud().network.listPorts(names))[0],
      remove: async (id) => {
        await scope.cloud().network.deletePort(id);
        return true;
      },
    });
    return done();
  },
};

const portKey = (scope: NodeScope) => scope.key('NETWORK', 'port', scope.row.name);
