/** The floating IP of a made seed's first machine: its own API is dialled at it, and so are those of the clusters on it. */
import { SEED_API_PORT } from '../../../domain/madeSeed.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { patchSeed, patchSeedPlace } from '../../../store/reconcile.ts';
import { ensureResource, presentId } from '../../resource.ts';
import { descriptionOf, keyOf, machinesWanted, notePlace, placeOf, removeOwn, settled, tagOf } from '../made.ts';
import type { SeedScope } from '../scope.ts';
import { machinePorts } from './machinePorts.ts';
import { router } from './router.ts';

export const apiAddress: Step<SeedScope> = {
  name: 'ApiAddressReady',
  title: 'Get an address for the API',
  usuallyMs: 10_000,
  needs: [router, machinePorts],
  ensure: async (scope) => {
    const { row } = scope;
    const { network: api } = scope.cloud();
    const { externalNetworkId, address } = placeOf(scope);
    const [first] = machinesWanted(scope);
    const portId = settled(await presentId(scope.db, keyOf(scope, 'NETWORK', 'port', first.name)), 'the port');
    const description = descriptionOf(row);
    const id = await ensureResource(scope, {
      key: keyOf(scope, 'NETWORK', 'floating-ip'),
      find: async () => (await api.listFloatingIps({ description }))[0],
      create: () => api.createFloatingIp({ externalNetworkId, portId, fixedAddress: null, description }),
      complete: (made) => api.addTag('floatingips', made, tagOf(row)),
    });
    if (address !== undefined && row.apiServerUrl !== '') return done(address);
    const made = (await api.getFloatingIp(id)).address;
    const apiServerUrl = `https://${made}:${SEED_API_PORT}`;
    // Together: who has the address is taken to know the URL, and keys are issued for it.
    await scope.write(async (tx) => {
      await patchSeedPlace(tx, row.id, { address: made });
      await patchSeed(tx, row.id, { apiServerUrl });
    });
    notePlace(scope, { address: made });
    row.apiServerUrl = apiServerUrl;
    return done(made);
  },
  remove: async (scope) => {
    const { network: api } = scope.cloud();
    await removeOwn(scope, {
      key: keyOf(scope, 'NETWORK', 'floating-ip'),
      list: () => api.listFloatingIps({ description: descriptionOf(scope.row) }),
      remove: api.deleteFloatingIp,
    });
    return done();
  },
};
