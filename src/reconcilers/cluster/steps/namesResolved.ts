/** Names of networks made ids, once; flavors, images and key pairs are looked up by the node groups that use them. */
import type { CloudNetwork, CloudSubnet } from '../../../domain/cloud.ts';
import { nodeCidrOf, type ResolvedNames } from '../../../domain/cluster.ts';
import { UserError } from '../../../domain/errors.ts';
import { needsExternalNetwork, sayExternalNetwork } from '../../../domain/template.ts';
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
    const fixed = spec.fixedNetwork === null ? NONE_YET : await fixedNetwork(cloud, spec.fixedNetwork, spec.fixedSubnet);
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

const fixedNetwork = async (cloud: Cloud, networkName: string, subnetName: string | null) => {
  const network = resolveName('network', networkName, await cloud.network.listNetworks(), ['fixedNetwork']);
  const subnets = (await cloud.network.listSubnets({ networkId: network.id })).filter((s) => s.ipVersion === 4);
  const subnet = subnetName === null ? onlySubnet(networkName, subnets) : resolveName('subnet', subnetName, subnets, ['fixedSubnet']);
  return { fixedNetworkId: network.id, fixedSubnetId: subnet.id, fixedCidr: subnet.cidr, ownNetwork: false };
};

const onlySubnet = (networkName: string, subnets: readonly CloudSubnet[]): CloudSubnet => {
  const [only, second] = subnets;
  if (only === undefined)
    throw new UserError('INVALID_INPUT', `Network "${networkName}" has no IPv4 subnet; add one, or name another network.`, {
      field: ['fixedNetwork'],
    });
  if (second !== undefined)
    throw new UserError('INVALID_INPUT', `Network "${networkName}" has several IPv4 subnets; name one with fixedSubnet.`, {
      field: ['fixedSubnet'],
    });
  return only;
};
