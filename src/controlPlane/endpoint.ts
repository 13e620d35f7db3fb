/** The Service through which the API server is reached, from outside and from its neighbours in the seed, and the address it was given. */
import { isIpv4 } from '../domain/cidr.ts';
import { UserError } from '../domain/errors.ts';
import { type ApiEndpoint, apiPortOf, type HostedCluster, namesOf } from './hostedCluster.ts';
import { AGENT_PORT } from './konnectivity.ts';
import { type KubernetesObject, seedMeta } from './object.ts';
import { selectorOf } from './workload.ts';

/**
 * The port nodes dial must equal the API server's --secure-port, for the tenant's own `kubernetes` endpoint is
 * advertise-address:secure-port and pods reach the API through it. A load balancer gives the port we ask for. A node port is
 * chosen by the seed, so it takes two passes: the first Service (no endpoint yet) learns the port, the second carries it as
 * port, targetPort and nodePort at once, and the API server listens on it.
 * @param admitted IPv4 ranges whose connections the load balancer lets through; none: all.
 */
export const buildApiService = (cluster: HostedCluster, admitted: readonly string[] = []): KubernetesObject => {
  const port = apiPortOf(cluster);
  const nodePort = cluster.exposure === 'NODE_PORT' && cluster.endpoint !== null ? { nodePort: port } : {};
  const hasBalancer = cluster.exposure === 'LOAD_BALANCER';
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...seedMeta(cluster, namesOf(cluster).apiServer, 'kube-apiserver'),
      ...(hasBalancer && annotationsOf(cluster)),
    },
    spec: {
      type: hasBalancer ? 'LoadBalancer' : 'NodePort',
      ...(hasBalancer && cluster.address === 'ASKED_FOR' && cluster.endpoint !== null && { loadBalancerIP: cluster.endpoint.host }),
      ...(hasBalancer && admitted.length > 0 && { loadBalancerSourceRanges: admitted }),
      selector: selectorOf(cluster, 'kube-apiserver'),
      ports: [
        { name: 'https', protocol: 'TCP', port, targetPort: port, ...nodePort },
        ...(cluster.tunnel === 'NONE' ? [] : [{ name: AGENT_SERVICE_PORT, protocol: 'TCP', port: AGENT_PORT, targetPort: AGENT_PORT }]),
      ],
    },
  };
};

const annotationsOf = ({ apiFloatingIp, address }: HostedCluster): { annotations?: Record<string, string> } => {
  const annotations = { ...(apiFloatingIp && { [INTERNAL]: 'false' }), ...(address === 'LET_GO' && { [KEEP_FLOATING_IP]: 'true' }) };
  return Object.keys(annotations).length === 0 ? {} : { annotations };
};

/** Of OpenStack's cloud controller: the floating IP stays when the Service goes. */
const KEEP_FLOATING_IP = 'loadbalancer.openstack.org/keep-floatingip';

/** Of OpenStack's cloud controller, whose own default an operator may set either way; others' load balancers have one kind of address. */
const INTERNAL = 'service.beta.kubernetes.io/openstack-internal-load-balancer';

const AGENT_SERVICE_PORT = 'konnectivity';

/** The port that agents dial at the API's address, read from the Service as the seed shows it; undefined while it has none. */
export const findAgentPort = (cluster: HostedCluster, service: KubernetesObject): number | undefined => {
  const found = (service as { spec?: ServiceSpec }).spec?.ports?.find(({ name }) => name === AGENT_SERVICE_PORT);
  return cluster.exposure === 'NODE_PORT' ? found?.nodePort : found?.port;
};

/**
 * What nodes dial, read from the Service as the seed shows it; undefined while there is none yet.
 * @param nodeAddress IPv4 address of a seed node, needed for NODE_PORT only.
 * @throws UserError SEED_REFUSED when the seed gives host names: --advertise-address must be an address.
 */
export const findEndpoint = (cluster: HostedCluster, service: KubernetesObject, nodeAddress: string | null): ApiEndpoint | undefined => {
  const { spec, status } = service as { spec?: ServiceSpec; status?: ServiceStatus };
  if (cluster.exposure === 'NODE_PORT') {
    const port = spec?.ports?.[0]?.nodePort;
    return port === undefined || nodeAddress === null ? undefined : { host: nodeAddress, port };
  }
  const ingress = status?.loadBalancer?.ingress?.[0];
  if (ingress?.ip !== undefined && isIpv4(ingress.ip)) return { host: ingress.ip, port: apiPortOf(cluster) };
  const other = ingress?.ip ?? ingress?.hostname;
  if (other === undefined) return undefined;
  throw new UserError(
    'SEED_REFUSED',
    `The seed's load balancer gave ${JSON.stringify(other)} where an IPv4 address is needed; use one with addresses, or NODE_PORT.`,
    {
      whoMustAct: 'CLOUD_ADMIN',
    },
  );
};

interface ServiceSpec {
  ports?: { name?: string; port?: number; nodePort?: number }[];
}

interface ServiceStatus {
  loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] };
}
