/** The cluster's own network and subnet, unless the customer brings a network. */
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { descriptionOf, resourceName, tagOf } from '../../names.ts';
import { ensureResource, presentId, removeResource } from '../../resource.ts';
import { untilDeadline } from '../deletionStage.ts';
import type { ClusterScope } from '../scope.ts';
import { unlessForServers } from '../standingServers.ts';
import { quotas } from './quotas.ts';

export const network: Step<ClusterScope> = {
  name: 'NetworkReady',
  title: 'Make the network',
  usuallyMs: 10_000,
  needs: [quotas],
  ensure: async (scope) => {
    const { row } = scope;
    if (row.resolved === null || !row.resolved.ownNetwork) return done();
    const { network: api } = scope.cloud();
    const names = { name: resourceName(row), description: descriptionOf(row) };
    const networkId = await ensureResource(scope, {
      key: networkKey(scope),
      find: async () => (await api.listNetworks(names))[0],
      create: () => api.createNetwork({ ...names, mtu: row.spec.networkMtu }),
      complete: (id) => api.addTag('networks', id, tagOf(row)),
    });
    const subnetId = await ensureResource(scope, {
      key: subnetKey(scope),
      find: async () => (await api.listSubnets({ ...names, networkId }))[0],
      create: () =>
        api.createSubnet({ ...names, networkId, cidr: row.spec.nodeCidr, ipVersion: 4, dnsNameservers: row.spec.dnsNameservers }),
      complete: (id) => api.addTag('subnets', id, tagOf(row)),
    });
    if (row.resolved.fixedSubnetId !== subnetId)
      await scope.patch({ resolved: { ...row.resolved, fixedNetworkId: networkId, fixedSubnetId: subnetId } });
    return done();
  },
  remove: (scope) => untilDeadline(scope, { stage: 'NETWORK', work: () => unlessForServers(scope, () => removeOwn(scope)) }),
};

const removeOwn = async (scope: ClusterScope): Promise<Outcome> => {
  const { row } = scope;
  // Nothing can have been made before its name was settled, nor without the right to make it.
  if (row.resolved === null || !row.resolved.ownNetwork) return done();
  const { network: api } = scope.cloud();
  const names = { name: resourceName(row), description: descriptionOf(row) };
  // A port that an interrupted request made after its node had gone would keep the subnet for ever.
  const networkId = await presentId(scope.db, networkKey(scope));
  if (networkId !== undefined) {
    for (const port of await api.listPorts({ networkId, description: names.description })) await api.deletePort(port.id);
  }
  const gone = await removeResource(scope, {
    key: subnetKey(scope),
    find: async () => (await api.listSubnets(names))[0],
    remove: async (id) => {
      await api.deleteSubnet(id);
      return true;
    },
  });
  if (!gone) return waiting('the subnet to go', 1_000);
  await removeResource(scope, {
    key: networkKey(scope),
    find: async () => (await api.listNetworks(names))[0],
    remove: async (id) => {
      await api.deleteNetwork(id);
      return true;
    },
  });
  return done();
};

const networkKey = (scope: ClusterScope) => scope.key('NETWORK', 'network', resourceName(scope.row));
const subnetKey = (scope: ClusterScope) => scope.key('NETWORK', 'subnet', resourceName(scope.row));
