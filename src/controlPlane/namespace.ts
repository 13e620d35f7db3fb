/** The cluster's namespace in the seed; deleting it takes everything of the control plane along. */
import type { HostedCluster } from './hostedCluster.ts';
import { CLUSTER_NAME_ANNOTATION, type KubernetesObject, labelsOf } from './object.ts';

/** Pod Security "restricted": whatever runs here has no way to the seed's nodes. */
export const buildNamespace = (cluster: HostedCluster): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: cluster.namespace,
    labels: { ...labelsOf(cluster, 'namespace'), 'pod-security.kubernetes.io/enforce': 'restricted' },
    annotations: { [CLUSTER_NAME_ANNOTATION]: cluster.name },
  },
});
