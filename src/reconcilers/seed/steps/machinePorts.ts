/** A port for each machine of a made seed, so that its address is known before it boots. */
import { done, type Step } from '../../../engine/flow.ts';
import { ensureResource, presentId } from '../../resource.ts';
import { keyOf, machinesEver, machinesWanted, marksOf, placeOf, removePort, settled, tagOf } from '../made.ts';
import type { SeedScope } from '../scope.ts';
import { network } from './network.ts';
import { securityGroup } from './securityGroup.ts';

export const machinePorts: Step<SeedScope> = {
  name: 'PortsReady',
  title: 'Make the ports',
  usuallyMs: 15_000,
  needs: [network, securityGroup],
  ensure: async (scope) => {
    const { row } = scope;
    const { network: api } = scope.cloud();
    const networkId = settled(placeOf(scope).networkId, 'the network');
    const subnetId = settled(placeOf(scope).subnetId, 'the subnet');
    const groupId = settled(await presentId(scope.db, keyOf(scope, 'NETWORK', 'security-group')), 'the security group');
    for (const { name } of machinesWanted(scope))
      await ensureResource(scope, {
        key: keyOf(scope, 'NETWORK', 'port', name),
        find: async () => (await api.listPorts(marksOf(row, name)))[0],
        create: () =>
          api.createPort({ ...marksOf(row, name), networkId, subnetIds: [subnetId], securityGroupIds: [groupId], allowedAddressPairs: [] }),
        complete: (id) => api.addTag('ports', id, tagOf(row)),
      });
    return done();
  },
  remove: async (scope) => {
    for (const name of await machinesEver(scope, 'port')) await removePort(scope, name);
    return done();
  },
};
