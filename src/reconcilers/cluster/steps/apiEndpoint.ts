/** The Services of the control plane, and the address that nodes and people dial. */
import { buildApiService, findEndpoint } from '../../../controlPlane/endpoint.ts';
import { buildEtcdServices } from '../../../controlPlane/etcd.ts';
import { namesOf } from '../../../controlPlane/hostedCluster.ts';
import { UserError } from '../../../domain/errors.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { listFloatingIps } from '../../../store/reconcile.ts';
import { readable } from '../../workload.ts';
import type { ClusterScope } from '../scope.ts';
import { seedNamespace } from './seedNamespace.ts';

export const apiEndpoint: Step<ClusterScope> = {
  name: 'ApiEndpointReady',
  title: 'Get an address for the API',
  usuallyMs: 90_000,
  needs: [seedNamespace],
  ensure: async (scope) => {
    const hosted = await scope.hosted();
    const admitted = await admittedTo(scope);
    await scope.applyToSeed('endpoint', [buildApiService(hosted, admitted), ...buildEtcdServices(hosted)]);
    if (hosted.endpoint !== null) return done(`${hosted.endpoint.host}:${hosted.endpoint.port}`);
    const seed = await scope.seed();
    const service = readable(seed.services.get(hosted.namespace, namesOf(hosted).apiServer));
    const [nodeAddress] = (await scope.seedRow()).facts?.nodeAddresses ?? [];
    const endpoint = service === undefined ? undefined : findEndpoint(hosted, service, nodeAddress ?? null);
    if (endpoint === undefined) return waiting("the seed's load balancer to give the API an address", 5_000, 'CLOUD_ADMIN');
    await scope.patch({ endpointHost: endpoint.host, endpointPort: endpoint.port, endpointFloatingIp: hosted.apiFloatingIp });
    const reachable = await scope.hosted();
    // A node port is only known now, and must be the API server's own port too.
    await scope.applyToSeed('endpoint', [buildApiService(reachable, admitted), ...buildEtcdServices(reachable)]);
    return done(`${endpoint.host}:${endpoint.port}`);
  },
};

/** From where the API may be called; none: from everywhere. @throws UserError when the operator or the seed cannot have it so. */
const admittedTo = async ({ world, db, row, seedRow }: ClusterScope): Promise<string[]> => {
  const { allowedCidrs } = row.spec.controlPlane;
  if (allowedCidrs.length === 0) return [];
  const field = ['controlPlane', 'allowedCidrs'];
  if ((await seedRow()).exposure === 'NODE_PORT')
    throw new UserError(
      'INVALID_INPUT',
      'This seed shows APIs on ports of its nodes, which cannot be kept to ranges; take the list away with allowedCidrs: [].',
      { field },
    );
  const { sourceCidrs } = world.settings;
  if (sourceCidrs.length === 0)
    throw new UserError(
      'INVALID_INPUT',
      'Seedbed does not know its own addresses, and would shut itself out; set SEEDBED_SOURCE_CIDRS, or take the list away with allowedCidrs: [].',
      {
        field,
        whoMustAct: 'CLOUD_ADMIN',
      },
    );
  const workers = [...(row.resolved?.gatewayAddresses ?? []), ...(await listFloatingIps(db, row.id))].map((address) => `${address}/32`);
  return [...new Set([...allowedCidrs, ...sourceCidrs, ...workers])].toSorted();
};
