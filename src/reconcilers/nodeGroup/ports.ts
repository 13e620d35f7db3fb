/** The networks and subnets of a group's ports as ids; what is wrong with one is said before there is a port in it. */
import type { CloudNetwork, CloudSubnet } from '../../domain/cloud.ts';
import { UserError } from '../../domain/errors.ts';
import type { AdditionalPort, ResolvedGroup, ResolvedNetwork } from '../../domain/nodeGroup.ts';
import { checkAddresses, checkSubnetRanges, chooseSubnets } from '../../domain/subnet.ts';
import type { SecurityGroup } from '../../openstack/securityGroup.ts';
import { resolveName } from '../resolve.ts';
import type { NodeGroupScope } from './scope.ts';

/** `fixedNetworkId`: the cluster's; null only while nothing of the group is said of it. */
export const resolvePorts = async (
  scope: NodeGroupScope,
  fixedNetworkId: string | null,
): Promise<Required<Pick<ResolvedGroup, 'networks' | 'subnets' | 'securityGroupIds'>>> => {
  const { additionalNetworks, additionalPorts, subnets, securityGroups } = scope.row.spec;
  const { network: api } = scope.cloud();
  const namesSubnets = subnets.length > 0 || additionalPorts.some((port) => port.subnets.length > 0);
  const namesGroups = securityGroups.length > 0 || additionalPorts.some((port) => (port.securityGroups ?? []).length > 0);
  const namesNetworks = additionalNetworks.length > 0 || additionalPorts.length > 0 || subnets.length > 0;
  const [networks, all, groups] = await Promise.all([
    namesNetworks ? api.listNetworks() : [],
    namesSubnets ? api.listSubnets() : [],
    namesGroups ? api.listSecurityGroups() : [],
  ]);
  await checkExisting(scope);
  return {
    networks: [
      ...additionalNetworks.map((name) => networkOf(networks, fixedNetworkId, name)),
      ...(await Promise.all(additionalPorts.map((port, i) => portOf(scope, { networks, all, groups }, port, i)))),
    ],
    subnets: await subnetsOf(scope, networks, all, fixedNetworkId),
    securityGroupIds: securityGroups.map((name) => resolveName('security group', name, groups, ['securityGroups']).id),
  };
};

const subnetsOf = async (
  scope: NodeGroupScope,
  networks: readonly CloudNetwork[],
  all: readonly CloudSubnet[],
  fixedNetworkId: string | null,
): Promise<{ id: string; cidr: string }[]> => {
  const { subnets: wanted } = scope.row.spec;
  const field = ['subnets'];
  const network = networks.find(({ id }) => id === fixedNetworkId);
  if (wanted.length === 0 || network === undefined) return [];
  const chosen = chooseSubnets({ network, wanted, all, family: 4, field });
  checkSubnetRanges(chosen, scope.cluster.spec, field);
  await checkRoom(scope, chosen, field);
  return chosen.map(({ id, cidr }) => ({ id, cidr }));
};

const networkOf = (networks: readonly CloudNetwork[], fixedNetworkId: string | null, wanted: string): ResolvedNetwork => {
  const field = ['additionalNetworks'];
  const { id, name, portSecurity, subnetIds } = resolveName('network', wanted, networks, field);
  if (id === fixedNetworkId)
    throw new UserError('INVALID_INPUT', `Network "${name}" is the cluster's own, in which its workers are already; leave it out.`, {
      field,
    });
  if (subnetIds.length === 0)
    throw new UserError('INVALID_INPUT', `Network "${name}" has no subnet, so a server can have no address in it.`, { field });
  return { id, portSecurity };
};

interface Choices {
  networks: readonly CloudNetwork[];
  all: readonly CloudSubnet[];
  groups: readonly SecurityGroup[];
}

const portOf = async (
  scope: NodeGroupScope,
  { networks, all, groups }: Choices,
  port: AdditionalPort,
  i: number,
): Promise<ResolvedNetwork> => {
  const base = ['additionalPorts', String(i)];
  const network = resolveName('network', port.network, networks, [...base, 'network']);
  if (network.subnetIds.length === 0)
    throw new UserError('INVALID_INPUT', `Network "${network.name}" has no subnet, so a server can have no address in it.`, {
      field: [...base, 'network'],
    });
  const field = [...base, 'subnets'];
  const chosen = chooseSubnets({ network, wanted: port.subnets, all, family: null, field });
  await checkRoom(scope, chosen, field);
  const { securityGroups, vnicType } = port;
  return {
    id: network.id,
    portSecurity: network.portSecurity,
    subnetIds: chosen.map(({ id }) => id),
    vnicType,
    ...(securityGroups !== null && {
      securityGroupIds: securityGroups.map((name) => resolveName('security group', name, groups, [...base, 'securityGroups']).id),
    }),
  };
};

/** Ports of the customer's: his project's, with an address, and nobody's yet. */
const checkExisting = async (scope: NodeGroupScope): Promise<void> => {
  const { existingPorts } = scope.row.spec;
  if (existingPorts.length === 0) return;
  const ports = new Map((await scope.cloud().network.listPorts({ projectId: scope.cluster.projectId })).map((port) => [port.id, port]));
  for (const [i, id] of existingPorts.entries()) {
    const field = ['existingPorts', String(i)];
    const port = ports.get(id);
    if (port === undefined)
      throw new UserError('INVALID_INPUT', `Port "${id}" is not there for the project; make it there first, and give its id.`, { field });
    if (port.deviceId !== '' || port.deviceOwner !== '')
      throw new UserError('IN_USE', `Port ${id} is in use already (${port.deviceOwner || port.deviceId}); free it, or name another.`, {
        field,
      });
    if (port.fixedIps.length === 0)
      throw new UserError('INVALID_INPUT', `Port ${id} has no address, and Nova takes none without; give it one.`, { field });
  }
};

/**
 * Of the customer's ports that no worker has: those that the next can have, and those that its server would be refused for. They are his to
 * delete and to use elsewhere, also after the group was made.
 */
export const sortFreePorts = async (scope: NodeGroupScope, free: readonly string[]): Promise<{ fit: string[]; unfit: string[] }> => {
  if (free.length === 0) return { fit: [], unfit: [] };
  const ports = await scope.cloud().network.listPorts({ projectId: scope.cluster.projectId });
  const fit = new Set(ports.filter(({ deviceId }) => deviceId === '').map(({ id }) => id));
  return { fit: free.filter((id) => fit.has(id)), unfit: free.filter((id) => !fit.has(id)) };
};

const checkRoom = async (scope: NodeGroupScope, subnets: readonly CloudSubnet[], field: string[]): Promise<void> => {
  for (const subnet of subnets) {
    const ports = await scope.cloud().network.listPorts({ networkId: subnet.networkId, subnetId: subnet.id });
    const addresses = ports.flatMap(({ fixedIps }) => fixedIps.filter((ip) => ip.subnetId === subnet.id).map(({ address }) => address));
    checkAddresses(subnet, addresses, scope.row.spec.count, field);
  }
};
