/** The cluster-autoscaler beside the control plane: it looks at the cluster's pods, and asks Seedbed for machines (src/autoscaler). */
import { stringify } from 'yaml';
import type { AutoScalingSpec } from '../domain/autoScaling.ts';
import type { Release } from '../domain/version.ts';
import type { ClusterPki } from '../pki/bundle.ts';
import { CONFIG_FOLDER } from './cloudConfig.ts';
import { namesOf, type ReachableCluster } from './hostedCluster.ts';
import { imageFrom } from './images.ts';
import { buildProviderPolicy } from './networkPolicies.ts';
import { type KubernetesObject, tenantMeta } from './object.ts';
import { bind, type Rule, rule, userSubject } from './rbac.ts';
import { buildFilesSecret } from './secrets.ts';
import { buildDeployment, LEASE } from './workload.ts';

const COMPONENT = 'cluster-autoscaler';
const NAMESPACE = 'kube-system';
/** In its certificate. */
const USER = 'system:cluster-autoscaler';
const PORT = 8085;

/** Its simulated scheduler must be the cluster's own. */
const VERSIONS: Record<string, string> = { '1.33': 'v1.33.5', '1.34': 'v1.34.4', '1.35': 'v1.35.2', '1.36': 'v1.36.1' };

/** Seedbed's own end, and how it knows the cluster; texts are PEM. */
export interface ProviderAccess {
  host: string;
  port: number;
  caPem: string;
  cert: string;
  key: string;
}

/** Secret, NetworkPolicy and Deployment in the seed. */
export const buildClusterAutoscaler = (
  cluster: ReachableCluster,
  pki: ClusterPki,
  provider: ProviderAccess,
  scaling: AutoScalingSpec,
): KubernetesObject[] => {
  const name = namesOf(cluster).clusterAutoscaler;
  const { host, port, caPem, cert, key } = provider;
  const files = buildFilesSecret(cluster, name, COMPONENT, {
    'cloud-config': stringify({
      address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
      key: `${CONFIG_FOLDER}/provider.key`,
      cert: `${CONFIG_FOLDER}/provider.crt`,
      cacert: `${CONFIG_FOLDER}/provider-ca.crt`,
      grpc_timeout: '30s',
    }),
    'provider.key': key,
    'provider.crt': cert,
    'provider-ca.crt': caPem,
    kubeconfig: pki.kubeconfigs.clusterAutoscaler,
  });
  const deployment = buildDeployment(cluster, {
    component: COMPONENT,
    name,
    image: imageFrom(cluster, `registry.k8s.io/autoscaling/cluster-autoscaler:${versionFor(cluster.release)}`),
    replicas: cluster.managerReplicas,
    command: [
      '/cluster-autoscaler',
      '--cloud-provider=externalgrpc',
      `--cloud-config=${CONFIG_FOLDER}/cloud-config`,
      `--kubeconfig=${CONFIG_FOLDER}/kubeconfig`,
      `--namespace=${NAMESPACE}`,
      `--cluster-name=${cluster.shortId}`,
      `--address=:${PORT}`,
      // A minimum that was raised is reached without a pod that needs it.
      '--enforce-node-group-min-size=true',
      // Or a cluster that began with nothing would never grow.
      '--scale-up-from-zero=true',
      '--expander=least-waste',
      '--balance-similar-node-groups=true',
      // What the control plane puts on workers, such as the resolvers, must not hold each of them for an hour.
      '--skip-nodes-with-system-pods=false',
      `--scan-interval=${scaling.scanIntervalSeconds}s`,
      `--scale-down-enabled=${scaling.scaleDownEnabled}`,
      `--scale-down-delay-after-add=${scaling.scaleDownDelaySeconds}s`,
      `--scale-down-unneeded-time=${scaling.scaleDownUnneededSeconds}s`,
      // Or a worker that could not go at the first look, as its last pods were just ending, stays five minutes more.
      `--unremovable-node-recheck-timeout=${Math.min(300, scaling.scaleDownUnneededSeconds)}s`,
      `--scale-down-utilization-threshold=${scaling.scaleDownUtilizationPercent / 100}`,
      '--leader-elect=true',
      ...LEASE,
    ],
    port: PORT,
    scheme: 'HTTP',
    probes: { live: '/health-check', ready: '/health-check' },
    mounts: [{ volume: 'files', path: CONFIG_FOLDER, source: files }],
    resources: cluster.resources.scheduler,
    graceSeconds: null,
  });
  return [files, buildProviderPolicy(cluster, COMPONENT, { host, port }), deployment];
};

/** What it may do in the cluster: look at everything that decides where pods go, mark nodes, ask pods to go, and lead. */
export const buildAutoscalerRights = (cluster: ReachableCluster): KubernetesObject[] => {
  const role = (name: string, namespace: string | null, rules: Rule[]): KubernetesObject => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: namespace === null ? 'ClusterRole' : 'Role',
    metadata: tenantMeta(cluster, name, COMPONENT, namespace),
    rules,
  });
  const user = [userSubject(USER)];
  const read = 'get list watch';
  return [
    role(USER, null, [
      rule('', 'events', 'create patch'),
      rule('', 'nodes', `${read} update`),
      rule('', 'pods/eviction', 'create'),
      rule('', 'pods/status', 'update'),
      rule('', 'namespaces pods services replicationcontrollers persistentvolumeclaims persistentvolumes', read),
      rule('apps', 'daemonsets replicasets statefulsets', read),
      rule('batch', 'jobs', read),
      rule('policy', 'poddisruptionbudgets', read),
      rule('resource.k8s.io', 'deviceclasses resourceclaims resourceslices', read),
      rule('storage.k8s.io', 'csidrivers csinodes csistoragecapacities storageclasses volumeattachments', read),
    ]),
    bind(tenantMeta(cluster, USER, COMPONENT, null), 'ClusterRole', USER, user),
    role(USER, NAMESPACE, [
      rule('coordination.k8s.io', 'leases', 'create'),
      rule('coordination.k8s.io', 'leases', 'get update', 'cluster-autoscaler'),
      rule('', 'configmaps', 'create list watch'),
      rule('', 'configmaps', 'delete get update', 'cluster-autoscaler-status'),
    ]),
    bind(tenantMeta(cluster, USER, COMPONENT, NAMESPACE), 'Role', USER, user),
  ];
};

/** Throws a plain Error for a release that has none: such a cluster cannot be asked for. */
const versionFor = ({ minor }: Release): string => {
  const version = VERSIONS[minor];
  if (version === undefined) throw new Error(`The cluster-autoscaler has no version for Kubernetes ${minor}.`);
  return version;
};
