/** konnectivity's agents, inside the tenant's cluster: each node keeps a connection to every server open. */
import type { ReachableCluster } from './hostedCluster.ts';
import { imageOf } from './images.ts';
import { AGENT_AUDIENCE, AGENT_NAME as NAME, AGENT_NAMESPACE as NAMESPACE } from './konnectivity.ts';
import { type KubernetesObject, labelsOf, tenantMeta } from './object.ts';
import { bind, userSubject } from './rbac.ts';

const SELECTOR = { 'k8s-app': NAME };
const TOKENS = '/var/run/secrets/tokens';
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const HEALTH_PORT = 8134;

/** In an order that can be applied one by one. `agentPort`: what agents dial at the API's address. */
export const buildKonnectivityAgent = (cluster: ReachableCluster, agentPort: number): KubernetesObject[] => [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: tenantMeta(cluster, NAME, NAME, NAMESPACE) },
  // The server asks the API server whose token an agent holds.
  bind(tenantMeta(cluster, 'system:konnectivity-server', NAME, null), 'ClusterRole', 'system:auth-delegator', [
    userSubject('system:konnectivity-server'),
  ]),
  buildDaemonSet(cluster, agentPort),
];

const buildDaemonSet = (cluster: ReachableCluster, agentPort: number): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: tenantMeta(cluster, NAME, NAME, NAMESPACE),
  spec: {
    selector: { matchLabels: SELECTOR },
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '10%' } },
    template: {
      metadata: { labels: { ...labelsOf(cluster, NAME), ...SELECTOR } },
      spec: {
        priorityClassName: 'system-cluster-critical',
        serviceAccountName: NAME,
        // A pod network that does not come up is when people want logs most.
        hostNetwork: true,
        dnsPolicy: 'Default',
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        tolerations: [{ operator: 'Exists' }],
        // The kubelet gives the token's file to this user.
        securityContext: { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [containerOf(cluster, agentPort)],
        volumes: [
          {
            name: 'tokens',
            projected: {
              sources: [{ serviceAccountToken: { path: 'konnectivity-agent-token', audience: AGENT_AUDIENCE, expirationSeconds: 3600 } }],
            },
          },
        ],
      },
    },
  },
});

const containerOf = (cluster: ReachableCluster, agentPort: number): object => ({
  name: NAME,
  image: imageOf(cluster, 'proxy-agent'),
  imagePullPolicy: 'IfNotPresent',
  command: [
    '/proxy-agent',
    `--ca-cert=${SERVICE_ACCOUNT}/ca.crt`,
    `--proxy-server-host=${cluster.endpoint.host}`,
    `--proxy-server-port=${agentPort}`,
    '--admin-server-port=8133',
    `--health-server-port=${HEALTH_PORT}`,
    `--service-account-token-path=${TOKENS}/konnectivity-agent-token`,
    // Servers come and go when the control plane is rolled or grows.
    '--sync-forever',
    // A load balancer leads half the tries to a server that is known already; the default, 10 s, would leave a new one without agents for long.
    '--sync-interval-cap=2s',
    '--keepalive-time=30s',
    '--v=1',
  ],
  readinessProbe: { httpGet: { path: '/readyz', port: HEALTH_PORT, scheme: 'HTTP' }, periodSeconds: 2 },
  livenessProbe: {
    httpGet: { path: '/healthz', port: HEALTH_PORT, scheme: 'HTTP' },
    initialDelaySeconds: 15,
    periodSeconds: 15,
    timeoutSeconds: 15,
    failureThreshold: 8,
  },
  resources: { requests: { cpu: '10m', memory: '20Mi' }, limits: { memory: '128Mi' } },
  securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
  volumeMounts: [{ name: 'tokens', mountPath: TOKENS, readOnly: true }],
});
