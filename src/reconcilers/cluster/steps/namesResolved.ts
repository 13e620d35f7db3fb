/** Names of networks made ids, once; flavors, images and key pairs are looked up by the node groups that use them. */
import { type CloudNetwork, type CloudSubnet, faultOfSubnetV6 } from '../../../domain/cloud.ts';
import { type ClusterSpec, nodeCidrOf, type ResolvedNames } from '../../../domain/cluster.ts';
import { UserError } from '../../../domain/errors.ts';
import { isDualStack, needsExternalNetwork, sayExternalNetwork } from '../../../domain/template.ts';
import { done, type Step } from '../../../engine/flow.ts';
import type { Cloud } from '../../../openstack/session.ts';
import { resolveName } from '../../resolve.ts';
import { findUnlessGone } from '../../resource.ts';
import type { ClusterScope } from '../scope.ts';
import { cloudCredential } from './cloudCredential.ts';

export const namesResolved: Step<ClusterScope> = {
  name: 'NamesResolved',
  title: 'Look up the networks',
  usuallyMs: 5_000,
  needs: [cloudCredential],
  ensure: async (scope) => {
    const { spec, resolved } = scope.row;
    if (resolved !== null) {
      if (nodeCidrOf(scope.row) === null) await rememberRange(scope, resolved);
      return done();
    }
    const cloud = scope.cloud();
    const externalNetworkId = (await externalNetwork(cloud, scope))?.id ?? null;
    const fixed = spec.fixedNetwork === null ? NONE_YET : await fixedNetwork(cloud, spec.fixedNetwork, spec);
    await scope.patch({ resolved: { externalNetworkId, ...fixed } });
    return done();
  },
};

const NONE_YET = { fixedNetworkId: null, fixedSubnetId: null, ownNetwork: true } as const;

const rememberRange = async (scope: ClusterScope, resolved: ResolvedNames): Promise<void> => {
  const { fixedSubnetId } = resolved;
  if (fixedSubnetId === null) return;
  const subnet = await findUnlessGone(scope.cloud().network.getSubnet(fixedSubnetId));
  if (subnet !== undefined) await scope.patch({ resolved: { ...resolved, fixedCidr: subnet.cidr } });
};

/** The one that is named, else the only one there is; null where none is needed and none or several are there. */
const externalNetwork = async (cloud: Cloud, { row, groups }: ClusterScope): Promise<CloudNetwork | null> => {
  const { spec } = row;
  const all = await cloud.network.listNetworks({ external: true });
  if (spec.externalNetwork !== null) return resolveName('external network', spec.externalNetwork, all, ['externalNetwork']);
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  const floatingIps = groups.some((group) => group.spec.floatingIpEnabled);
  if (!needsExternalNetwork(spec, floatingIps)) return null;
  throw new UserError('INVALID_INPUT', sayExternalNetwork(all.map(({ name }) => name)), { field: ['externalNetwork'] });
};

const fixedNetwork = async (cloud: Cloud, networkName: string, spec: ClusterSpec) => {
  const network = resolveName('network', networkName, await cloud.network.listNetworks(), ['fixedNetwork']);
  const all = await cloud.network.listSubnets({ networkId: network.id });
  const subnet = chosenSubnet(networkName, all, 4, spec.fixedSubnet);
  const given = { fixedNetworkId: network.id, fixedSubnetId: subnet.id, fixedCidr: subnet.cidr, ownNetwork: false };
  if (!isDualStack(spec)) return given;
  const beside = chosenSubnet(networkName, all, 6, spec.fixedSubnetV6);
  const fault = faultOfSubnetV6(beside);
  if (fault !== null) throw invalid(`IPv6 subnet ${beside.name || beside.id} ${fault}.`, 'fixedSubnetV6');
  return { ...given, fixedSubnetV6Id: beside.id, fixedCidrV6: beside.cidr };
};

const chosenSubnet = (networkName: string, all: readonly CloudSubnet[], family: 4 | 6, subnetName: string | null): CloudSubnet => {
  const field = family === 4 ? 'fixedSubnet' : 'fixedSubnetV6';
  const subnets = all.filter(({ ipVersion }) => ipVersion === family);
  if (subnetName !== null) return resolveName('subnet', subnetName, subnets, [field]);
  const [only, second] = subnets;
  if (only === undefined)
    throw invalid(`Network "${networkName}" has no IPv${family} subnet; add one, or name another network.`, 'fixedNetwork');
  if (second !== undefined) throw invalid(`Network "${networkName}" has several IPv${family} subnets; name one with ${field}.`, field);
  return only;
};

const invalid = (message: string, field: string): UserError => new UserError('INVALID_INPUT', message, { field: [field] });
