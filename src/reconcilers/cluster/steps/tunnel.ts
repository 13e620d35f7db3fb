/** The way from the API servers to nodes and pods: agents in the cluster, and a look from each end. */
import { findAgentPort } from '../../../controlPlane/endpoint.ts';
import { namesOf } from '../../../controlPlane/hostedCluster.ts';
import { AGENT_NAME, AGENT_NAMESPACE } from '../../../controlPlane/konnectivity.ts';
import { buildKonnectivityAgent } from '../../../controlPlane/konnectivityAgent.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { remembering } from '../../../lib/remember.ts';
import { readyState, type TenantHandle } from '../../tenantRegistry.ts';
import type { ClusterScope } from '../scope.ts';
import { tenantBootstrap } from './tenantBootstrap.ts';

const GROUP = 'konnectivity';
const AGENT = { namespace: AGENT_NAMESPACE, name: AGENT_NAME };

const objectsOf = remembering(buildKonnectivityAgent);

export const tunnel: Step<ClusterScope> = {
  name: 'TunnelReady',
  title: 'Open the tunnel from the API server to the nodes',
  usuallyMs: 300_000,
  needs: [tenantBootstrap],
  wanted: (scope) => scope.row.spec.controlPlane.tunnel !== 'NONE',
  ensure: async (scope) => {
    const cluster = await scope.reachable();
    const service = (await scope.seed()).services.get(cluster.namespace, namesOf(cluster).apiServer);
    const agentPort = service === undefined ? undefined : findAgentPort(cluster, service);
    if (agentPort === undefined) return waiting('the seed to give the tunnel a port', 2_000, 'CLOUD_ADMIN');
    await scope.applyToTenant(GROUP, objectsOf(cluster, agentPort));
    const tenant = await scope.tenant();
    const [node] = readyNodes(tenant);
    if (node !== undefined) return lookFromBothEnds(scope, tenant, node);
    const wanted = scope.groups.some((group) => group.deleteRequestedAt === null && group.spec.count > 0);
    return wanted ? waiting('the first node to be Ready', 5_000) : done('No node is there to be reached.');
  },
  remove: async (scope) => {
    // With the whole cluster goes what is in it.
    if (scope.row.deleteRequestedAt === null) await scope.applyToTenant(GROUP, []);
    return done();
  },
};

const readyNodes = ({ nodes }: TenantHandle): string[] =>
  nodes()
    .list()
    .filter((node) => readyState(node) === 'True')
    .map(({ metadata }) => metadata.name)
    .toSorted();

/** When the whole way was last gone through, in ms since the epoch; it ends with the connection. */
const gone = new WeakMap<TenantHandle, number>();
/** At rest the agents' own readiness, which a watch tells, is enough between two of these. */
const GO_AGAIN_MS = 3_600_000;

/** An agent is ready when a server has let it in; that the API server uses it shows only when it reaches a kubelet. */
const lookFromBothEnds = async ({ look, clock }: ClusterScope, tenant: TenantHandle, node: string): Promise<Outcome> => {
  const live = await tenant.status({ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: AGENT }, look === 'trust');
  const { numberReady = 0, desiredNumberScheduled = 0 } = (live as { status?: DaemonSetStatus } | undefined)?.status ?? {};
  const agents = `${numberReady} of ${desiredNumberScheduled} agents are connected`;
  if (numberReady === 0) {
    gone.delete(tenant);
    return waiting(`an agent in the cluster to reach the control plane; ${agents}`, 2_000);
  }
  if (look === 'full' && clock.now() - (gone.get(tenant) ?? 0) < GO_AGAIN_MS) return done();
  const { status } = await tenant.kube.raw(`/api/v1/nodes/${node}/proxy/healthz`);
  // Nothing that comes and goes with single nodes is told here: it would be news at every look.
  if (status !== 200) return waiting(`the API server to reach node ${node} (it answers ${status}); ${agents}`, 2_000);
  gone.set(tenant, clock.now());
  return done();
};

interface DaemonSetStatus {
  numberReady?: number;
  desiredNumberScheduled?: number;
}
