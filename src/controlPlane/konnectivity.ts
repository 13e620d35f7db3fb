/**
 * konnectivity's server, beside each API server: agents in the cluster dial it, and the API server reaches nodes and pods through
 * their connections. https://kubernetes.io/docs/tasks/extend-kubernetes/setup-konnectivity/
 */
import type { HostedCluster } from './hostedCluster.ts';
import { imageOf } from './images.ts';
import type { KubernetesObject } from './object.ts';
import { containerSecurity } from './podSecurity.ts';
import { type Sidecar, volumeMountsOf } from './workload.ts';

/** What agents dial, on the load balancer and in the pod. */
export const AGENT_PORT = 8132;
const ADMIN_PORT = 8133;
const HEALTH_PORT = 8134;

/** Whom an agent's token must be made for, and who the agent must be. */
export const AGENT_AUDIENCE = 'system:konnectivity-server';
export const AGENT_NAMESPACE = 'kube-system';
export const AGENT_NAME = 'konnectivity-agent';

const FILES = '/etc/konnectivity';
const SOCKET_FOLDER = '/run/konnectivity';
const SOCKET = `${SOCKET_FOLDER}/konnectivity-server.socket`;

/** EgressSelectorConfiguration: nodes, pods, webhooks and aggregated APIs go through the socket; etcd and token issuers do not. */
export const buildEgressSelection = (): object => ({
  apiVersion: 'apiserver.k8s.io/v1beta1',
  kind: 'EgressSelectorConfiguration',
  egressSelections: [{ name: 'cluster', connection: { proxyProtocol: 'GRPC', transport: { uds: { udsName: SOCKET } } } }],
});

export const buildKonnectivitySidecar = (cluster: HostedCluster, files: KubernetesObject): Sidecar => {
  const mounts = [{ volume: 'konnectivity-files', path: FILES, source: files }];
  const socket = { name: 'konnectivity-socket', mountPath: SOCKET_FOLDER };
  return {
    container: containerOf(cluster, [...volumeMountsOf(mounts), socket]),
    mounts,
    volumes: [{ name: socket.name, emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }],
    volumeMounts: [socket],
  };
};

/**
 * No readiness probe: /readyz waits for an agent, agents wait for nodes, and nodes for a ready API server. And no pause before its
 * end as the API server has: agents that lose it dial the pod that takes over, while the API server still serves.
 */
const containerOf = (cluster: HostedCluster, volumeMounts: object[]): object => ({
  name: 'konnectivity-server',
  image: imageOf(cluster, 'proxy-server'),
  imagePullPolicy: 'IfNotPresent',
  command: commandOf(cluster),
  ports: [
    { name: 'agents', containerPort: AGENT_PORT, protocol: 'TCP' },
    { name: 'tunnel-health', containerPort: HEALTH_PORT, protocol: 'TCP' },
  ],
  startupProbe: { httpGet: { path: '/healthz', port: HEALTH_PORT, scheme: 'HTTP' }, periodSeconds: 1, failureThreshold: 300 },
  livenessProbe: {
    httpGet: { path: '/healthz', port: HEALTH_PORT, scheme: 'HTTP' },
    periodSeconds: 10,
    timeoutSeconds: 15,
    failureThreshold: 8,
  },
  resources: { requests: { cpu: '10m', memory: '30Mi' } },
  securityContext: containerSecurity,
  volumeMounts,
});

const commandOf = (cluster: HostedCluster): string[] => [
  '/proxy-server',
  `--uds-name=${SOCKET}`,
  '--mode=grpc',
  '--server-port=0',
  `--agent-port=${AGENT_PORT}`,
  `--admin-port=${ADMIN_PORT}`,
  `--health-port=${HEALTH_PORT}`,
  `--cluster-cert=${FILES}/server.crt`,
  `--cluster-key=${FILES}/server.key`,
  `--agent-namespace=${AGENT_NAMESPACE}`,
  `--agent-service-account=${AGENT_NAME}`,
  `--authentication-audience=${AGENT_AUDIENCE}`,
  `--kubeconfig=${FILES}/konnectivity-server.conf`,
  // An agent looks for as many servers as any of them tells it.
  `--server-count=${cluster.apiServerReplicas}`,
  // Its default is an hour; load balancers forget a silent connection within a minute (Octavia: 50 s).
  '--keepalive-time=30s',
  // Each connection of an agent is a token review; the default of 5 a second would let a few hundred nodes wait for a minute.
  '--kubeconfig-qps=50',
  '--kubeconfig-burst=100',
  // Its default, 4, writes a line for each connection.
  '--v=1',
];
