/** Names of networks made ids, once; flavors, images and key pairs are looked up by the node groups that use them. */
import { UserError } from '../../../domain/errors.ts';
import { done, type Step } from '../../../engine/flow.ts';
import type { Cloud } from '../../../openstack/session.ts';
import { resolveName } from '../../resolve.ts';
import type { ClusterScope } from '../scope.ts';
import { cloudCredential } from './cloudCredential.ts';

export const namesResolved: Step<ClusterScope> = {
  name: 'NamesResolved',
  title: 'Look up the networks',
  usuallyMs: 5_000,
  needs: [cloudCredential],
  ensure: async (scope) => {
    if (scope.row.resolved !== null) return done();
    const { spec } = scope.row;
    const cloud = scope.cloud();
    const externalNetworkId = spec.externalNetwork === null ? null : await externalNetwork(cloud, spec.externalNetwork);
    if (spec.fixedNetwork !== null) {
      const fixed = await fixedNetwork(cloud, spec.fixedNetwork, spec.fixedSubnet);
      await scope.patch({ resolved: { externalNetworkId, ...fixed, ownNetwork: false } });
      return done();
    }
    if (externalNetworkId === null) {
      throw new UserError(
        'INVALID_INPUT',
        'A cluster without a network of its own choice needs an external network for its router; name one.',
        {
          field: ['externalNetwork'],
        },
      );
    }
    await scope.patch({ resolved: { externalNetworkId, fixedNetworkId: null, fixedSubnetId: null, ownNetwork: true } });
    return done();
  },
};

const externalNetwork = async (cloud: Cloud, name: string): Promise<string> =>
  resolveName('external network', name, await cloud.network.listNetworks({ external: true }), ['externalNetwork']).id;

const fixedNetwork = async (cloud: Cloud, networkName: string, subnetName: string | null) => {
  const network = resolveName('network', networkName, await cloud.network.listNetworks(), ['fixedNetwork']);
  const subnets = (await cloud.network.listSubnets({ networkId: network.id })).filter((s) => s.ipVersion === 4);
  const subnet = subnetName === null ? subnets[0] : resolveName('subnet', subnetName, subnets, ['fixedSubnet']);
  if (subnet === undefined) {
    throw new UserError('INVALID_INPUT', `Network "${networkName}" has no IPv4 subnet; add one, or name another network.`, {
      field: ['fixedNetwork'],
    });
  }
  return { fixedNetworkId: network.id, fixedSubnetId: subnet.id };
};
