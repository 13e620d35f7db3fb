/** The Services of the control plane, and the address that nodes and people dial. */
import { buildApiService, findEndpoint } from '../../../controlPlane/endpoint.ts';
import { buildEtcdServices } from '../../../controlPlane/etcd.ts';
import { namesOf } from '../../../controlPlane/hostedCluster.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
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
    await scope.applyToSeed('endpoint', [buildApiService(hosted), ...buildEtcdServices(hosted)]);
    if (hosted.endpoint !== null) return done(`${hosted.endpoint.host}:${hosted.endpoint.port}`);
    const seed = await scope.seed();
    const service = readable(seed.services.get(hosted.namespace, namesOf(hosted).apiServer));
    const [nodeAddress] = (await scope.seedRow()).facts?.nodeAddresses ?? [];
    const endpoint = service === undefined ? undefined : findEndpoint(hosted, service, nodeAddress ?? null);
    if (endpoint === undefined) return waiting("the seed's load balancer to give the API an address", 5_000, 'CLOUD_ADMIN');
    await scope.patch({ endpointHost: endpoint.host, endpointPort: endpoint.port });
    const reachable = await scope.hosted();
    // A node port is only known now, and must be the API server's own port too.
    await scope.applyToSeed('endpoint', [buildApiService(reachable), ...buildEtcdServices(reachable)]);
    return done(`${endpoint.host}:${endpoint.port}`);
  },
};
