/** The router between a made seed's machines and the outside. */
import { isIpv4 } from '../../../domain/cidr.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { ensureResource, presentId } from '../../resource.ts';
import { keyOf, marksOf, patchPlace, placeOf, removeOwn, settled, tagOf } from '../made.ts';
import type { SeedScope } from '../scope.ts';
import { network } from './network.ts';

export const router: Step<SeedScope> = {
  name: 'RouterReady',
  title: 'Connect the network to the outside',
  usuallyMs: 15_000,
  needs: [network],
  ensure: async (scope) => {
    const { row } = scope;
    const { network: api } = scope.cloud();
    const { externalNetworkId, gatewayAddresses } = placeOf(scope);
    const subnetId = settled(placeOf(scope).subnetId, 'the subnet');
    const routerId = await ensureResource(scope, {
      key: keyOf(scope, 'NETWORK', 'router'),
      find: async () => (await api.listRouters(marksOf(row)))[0],
      create: () => api.createRouter({ ...marksOf(row), externalNetworkId }),
      complete: (id) => api.addTag('routers', id, tagOf(row)),
    });
    await ensureResource(scope, {
      key: keyOf(scope, 'NETWORK', 'router-interface'),
      find: async () => (await api.listPorts({ deviceId: routerId, subnetId }))[0],
      create: async () => ({ id: (await api.addRouterInterface(routerId, subnetId)).portId }),
    });
    if (gatewayAddresses === undefined)
      await patchPlace(scope, { gatewayAddresses: (await api.getRouter(routerId)).externalAddresses.filter(isIpv4) });
    return done();
  },
  remove: async (scope) => {
    const { network: api } = scope.cloud();
    const routerId = await presentId(scope.db, keyOf(scope, 'NETWORK', 'router'));
    const subnetId = scope.row.place?.subnetId;
    const release = async (id: string) => {
      if (subnetId !== undefined) await api.removeRouterInterface(id, subnetId);
    };
    await removeOwn(scope, {
      key: keyOf(scope, 'NETWORK', 'router-interface'),
      // It has no id of its own worth keeping: router and subnet name it.
      list: async () => (subnetId === undefined ? [] : api.listPorts({ subnetId, deviceId: routerId ?? 'none' })),
      remove: async () => routerId !== undefined && release(routerId),
    });
    await removeOwn(scope, {
      key: keyOf(scope, 'NETWORK', 'router'),
      list: () => api.listRouters(marksOf(scope.row)),
      remove: async (id) => {
        // A create that was cut off may have left the interface without its having been noted.
        await release(id);
        return api.deleteRouter(id);
      },
    });
    return done();
  },
};
