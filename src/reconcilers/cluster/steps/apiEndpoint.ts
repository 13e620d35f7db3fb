/** The Services of the control plane, and the address that nodes and people dial. */
import { buildApiService, findEndpoint } from '../../../controlPlane/endpoint.ts';
import { buildEtcdServices } from '../../../controlPlane/etcd.ts';
import { type HostedCluster, namesOf } from '../../../controlPlane/hostedCluster.ts';
import { UserError } from '../../../domain/errors.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import type { KubernetesObject } from '../../../seeds/kinds.ts';
import { listFloatingIps } from '../../../store/reconcile.ts';
import { readable } from '../../workload.ts';
import { callOffMove, leaveFirst, noteMove } from '../move.ts';
import type { ClusterScope } from '../scope.ts';
import { seedNamespace } from './seedNamespace.ts';

export const apiEndpoint: Step<ClusterScope> = {
  name: 'ApiEndpointReady',
  title: 'Get an address for the API',
  usuallyMs: 90_000,
  needs: [seedNamespace],
  ensure: async (scope) => {
    const held = await leaveFirst(scope);
    if (held !== undefined) return held;
    const hosted = await scope.hosted();
    const admitted = await admittedTo(scope);
    await scope.applyToSeed('endpoint', [buildApiService(hosted, admitted), ...buildEtcdServices(hosted)]);
    const seed = await scope.seed();
    const service = readable(seed.services.get(hosted.namespace, namesOf(hosted).apiServer));
    if (hosted.endpoint !== null)
      return (await untilKept(scope, hosted, service)) ?? done(`${hosted.endpoint.host}:${hosted.endpoint.port}`);
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

/** A seed that has not given the address by then does not have it to give. */
const KEPT_WITHIN_MS = 120_000;

/** What is waited for of a seed that is to give the address which another had; undefined: it has, or is not to. */
const untilKept = async (
  scope: ClusterScope,
  hosted: HostedCluster,
  service: KubernetesObject | undefined,
): Promise<Outcome | undefined> => {
  const { move, name, deleteRequestedAt } = scope.row;
  if (move?.phase !== 'START' || hosted.endpoint === null || hosted.exposure === 'NODE_PORT') return undefined;
  const wanted = hosted.endpoint.host;
  const given = service === undefined ? undefined : findEndpoint(hosted, service, null)?.host;
  if (given === wanted) return undefined;
  // On the way back, on the way out, and once it has served here there is nowhere else to go.
  const last = move.back || move.startedAt !== null || deleteRequestedAt !== null;
  // While there is no Service nobody has asked: Seedbed or the seed may have been away.
  if (service === undefined && !last) await noteMove(scope, move, { ...move, askedAt: scope.clock.now() });
  const late = service !== undefined && scope.clock.now() - (move.askedAt ?? 0) > KEPT_WITHIN_MS;
  if (given === undefined && (last || !late))
    return waiting(`the seed's load balancer to give the API its address ${wanted}`, 1_000, 'CLOUD_ADMIN');
  const refusal = new UserError(
    'SEED_REFUSED',
    `The seed's load balancer gave ${given ?? 'nothing'} where the API of cluster ${name} was to keep its address ${wanted}.`,
    { whoMustAct: 'CLOUD_ADMIN' },
  );
  if (last) throw refusal;
  await callOffMove(scope, move, refusal);
  return waiting('the control plane to go back to where it was', 100);
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
