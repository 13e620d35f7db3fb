/** The cluster's own network and subnet, unless the customer brings a network. */
import { isIpv4, nthAddress, parseCidr } from '../../../domain/cidr.ts';
import { isIpv6, nthAddressV6, parseCidrV6 } from '../../../domain/cidrV6.ts';
import type { CloudSubnet } from '../../../domain/cloud.ts';
import { nodeCidrV6Of } from '../../../domain/cluster.ts';
import { Conflict } from '../../../domain/errors.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import type { SubnetChange, SubnetSpec } from '../../../openstack/network.ts';
import type { InventoryKey } from '../../../store/inventory.ts';
import { descriptionOf, resourceName, tagOf } from '../../names.ts';
import { ensureResource, findUnlessGone, presentId, removeResource } from '../../resource.ts';
import { addedTags, sayAdditions, saySubnet } from '../additions.ts';
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
      isThere: async (id) => {
        const seen = (await (await scope.networkSight()).networks()).networks.get(id);
        if (seen?.adminStateUp && seen.tags.includes(tagOf(row))) return true;
        const live = await findUnlessGone(api.getNetwork(id));
        if (live === undefined) return false;
        if (!live.adminStateUp) await api.updateNetwork(id, { adminStateUp: true });
        if (!live.tags.includes(tagOf(row))) await api.addTag('networks', id, tagOf(row));
        return true;
      },
    });
    const kept: string[] = [];
    const subnetId = await ensureSubnet(scope, networkId, { key: subnetKey(scope), cidr: row.spec.nodeCidr, ipVersion: 4 }, kept);
    const cidrV6 = nodeCidrV6Of(row);
    const besides = { key: subnetV6Key(scope), ipVersion: 6 } as const;
    const subnetV6Id = cidrV6 === null ? undefined : await ensureSubnet(scope, networkId, { ...besides, cidr: cidrV6 }, kept);
    if (row.resolved.fixedSubnetId !== subnetId || row.resolved.fixedSubnetV6Id !== subnetV6Id) {
      const ofV6 = subnetV6Id === undefined ? {} : { fixedSubnetV6Id: subnetV6Id };
      await scope.patch({ resolved: { ...row.resolved, fixedNetworkId: networkId, fixedSubnetId: subnetId, ...ofV6 } });
    }
    const added = await sayAdditions(scope, network.name, async () => {
      const { networks, subnets } = await (await scope.networkSight()).networks();
      const own = networks.get(networkId);
      const ownSubnets = [subnetId, subnetV6Id ?? []].flat().flatMap((id) => subnets.get(id) ?? []);
      return [
        ...kept,
        ...[...subnets.values()]
          .filter((subnet) => subnet.networkId === networkId && subnet.description !== names.description)
          .map(saySubnet),
        ...(own === undefined ? [] : addedTags(scope, 'network', own)),
        ...ownSubnets.flatMap((subnet) => addedTags(scope, 'subnet', subnet)),
      ];
    });
    return done(added);
  },
  remove: (scope) => untilDeadline(scope, { stage: 'NETWORK', work: () => unlessForServers(scope, () => removeOwn(scope)) }),
};

/** One for each family, in the same network: a worker's one port has an address in both. Adds to `kept` what had to stay as it is. */
const ensureSubnet = (
  scope: ClusterScope,
  networkId: string,
  { key, ...wanted }: Pick<SubnetSpec, 'cidr' | 'ipVersion'> & { key: InventoryKey },
  kept: string[],
): Promise<string> => {
  const { row } = scope;
  const { network: api } = scope.cloud();
  const names = { name: key.name, description: descriptionOf(row) };
  return ensureResource(scope, {
    key,
    find: async () => (await api.listSubnets({ ...names, networkId }))[0],
    create: () => api.createSubnet({ ...names, networkId, ...wanted, dnsNameservers: nameserversOf(row, wanted) }),
    complete: (id) => api.addTag('subnets', id, tagOf(row)),
    isThere: async (id) => {
      const seen = (await (await scope.networkSight()).networks()).subnets.get(id);
      if (seen?.networkId === networkId && seen.tags.includes(tagOf(row)) && changeOf(row, seen) === null) return true;
      const live = await findUnlessGone(api.getSubnet(id));
      // One of a network that is gone is hardly gone later.
      if (live?.networkId !== networkId) return false;
      const change = changeOf(row, live);
      if (change !== null) kept.push(...(await mendSubnet(scope, live, change)));
      if (!live.tags.includes(tagOf(row))) await api.addTag('subnets', id, tagOf(row));
      return true;
    },
  });
};

/** Neutron takes only those of a subnet's own family; each of them answers for both. */
const nameserversOf = ({ spec }: ClusterScope['row'], { ipVersion }: Pick<SubnetSpec, 'ipVersion'>): string[] =>
  spec.dnsNameservers.filter(ipVersion === 4 ? isIpv4 : isIpv6);

/** What workers cannot do without: the way out, and what DHCP tells them. Null: it is as it was made. */
const changeOf = (row: ClusterScope['row'], subnet: CloudSubnet): SubnetChange | null => {
  const dnsNameservers = nameserversOf(row, subnet);
  const gatewayIp = subnet.ipVersion === 4 ? nthAddress(parseCidr(subnet.cidr, []), 1) : nthAddressV6(parseCidrV6(subnet.cidr, []), 1);
  const change: SubnetChange = {
    ...(!subnet.enableDhcp && { enableDhcp: true }),
    ...(subnet.dnsNameservers.join() !== dnsNameservers.join() && { dnsNameservers }),
    ...(subnet.gatewayIp !== gatewayIp && { gatewayIp }),
  };
  return Object.keys(change).length === 0 ? null : change;
};

/** What had to stay as it is. */
const mendSubnet = async (scope: ClusterScope, { id, gatewayIp: other }: CloudSubnet, { gatewayIp, ...rest }: SubnetChange) => {
  const { network: api } = scope.cloud();
  if (Object.keys(rest).length > 0) await api.updateSubnet(id, rest);
  if (gatewayIp === undefined) return [];
  try {
    await api.updateSubnet(id, { gatewayIp });
    return [];
  } catch (error) {
    // A router has the other one, or somebody else has this one: who moved it has something in mind.
    if (!(error instanceof Conflict)) throw error;
    return [`gateway ${other ?? 'none'} of the subnet, in the place of ${gatewayIp}`];
  }
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
  for (const key of [subnetV6Key(scope), subnetKey(scope)]) {
    const gone = await removeResource(scope, {
      key,
      find: async () => (await api.listSubnets({ ...names, name: key.name }))[0],
      remove: async (id) => {
        await api.deleteSubnet(id);
        return true;
      },
    });
    if (!gone) return waiting('the subnet to go', 1_000);
  }
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
const subnetV6Key = (scope: ClusterScope) => scope.key('NETWORK', 'subnet', resourceName(scope.row, 'v6'));
