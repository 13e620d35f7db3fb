/** The network and subnet of a made seed's machines. */
import { done, type Step } from '../../../engine/flow.ts';
import { ensureResource } from '../../resource.ts';
import { keyOf, madeOf, marksOf, patchPlace, placeOf, removeOwn, tagOf } from '../made.ts';
import type { SeedScope } from '../scope.ts';
import { machineNames } from './machineNames.ts';

export const network: Step<SeedScope> = {
  name: 'NetworkReady',
  title: 'Make the network',
  usuallyMs: 10_000,
  needs: [machineNames],
  ensure: async (scope) => {
    const { row } = scope;
    const { network: api } = scope.cloud();
    const names = marksOf(row);
    const networkId = await ensureResource(scope, {
      key: keyOf(scope, 'NETWORK', 'network'),
      find: async () => (await api.listNetworks(marksOf(row)))[0],
      create: () => api.createNetwork({ ...names }),
      complete: (id) => api.addTag('networks', id, tagOf(row)),
    });
    const { nodeCidr: cidr, dnsNameservers } = madeOf(scope);
    const subnetId = await ensureResource(scope, {
      key: keyOf(scope, 'NETWORK', 'subnet'),
      find: async () => (await api.listSubnets({ ...marksOf(row), networkId }))[0],
      create: () => api.createSubnet({ ...names, networkId, cidr, ipVersion: 4, dnsNameservers }),
      complete: (id) => api.addTag('subnets', id, tagOf(row)),
    });
    if (placeOf(scope).subnetId !== subnetId) await patchPlace(scope, { networkId, subnetId });
    return done(cidr);
  },
  remove: async (scope) => {
    const { row } = scope;
    const { network: api } = scope.cloud();
    await removeOwn(scope, {
      key: keyOf(scope, 'NETWORK', 'subnet'),
      list: () => api.listSubnets(marksOf(row)),
      remove: api.deleteSubnet,
    });
    await removeOwn(scope, {
      key: keyOf(scope, 'NETWORK', 'network'),
      list: () => api.listNetworks(marksOf(row)),
      remove: api.deleteNetwork,
    });
    return done();
  },
};
