/** Objects inside the tenant's own API without which `kubeadm join` does not work; the same names as kubeadm's. */
import { stringify } from 'yaml';
import { podRangesOf, publicServerOf, type ReachableCluster, serviceRangesOf } from './hostedCluster.ts';
import { buildKubeletConfig } from './kubeletConfig.ts';
import { type KubernetesObject, tenantMeta } from './object.ts';
import { bind, groupSubject, type Rule, userSubject } from './rbac.ts';

/** Nodes that hold a bootstrap token and no certificate yet. */
export const BOOTSTRAP_GROUP = 'system:bootstrappers:kubeadm:default-node-token';

/** In an order that can be applied one by one with the super-admin's kubeconfig. `caPem` is the cluster's authority. */
export const buildBootstrapObjects = (cluster: ReachableCluster, caPem: string): KubernetesObject[] => [
  ...buildClusterRoles(cluster),
  ...buildClusterInfo(cluster, caPem),
  ...buildNodeConfig(cluster),
];

const buildClusterRoles = (cluster: ReachableCluster): KubernetesObject[] => {
  const bootstrappers = [groupSubject(BOOTSTRAP_GROUP)];
  const csr = 'system:certificates.k8s.io:certificatesigningrequests';
  const clusterWide = (name: string, role: string, subjects: object[]): KubernetesObject =>
    bind(tenantMeta(cluster, name, 'bootstrap', null), 'ClusterRole', role, subjects);
  return [
    clusterWide('kubeadm:cluster-admins', 'cluster-admin', [groupSubject('kubeadm:cluster-admins')]),
    clusterWide('kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', bootstrappers),
    clusterWide('kubeadm:node-autoapprove-bootstrap', `${csr}:nodeclient`, bootstrappers),
    clusterWide('kubeadm:node-autoapprove-certificate-rotation', `${csr}:selfnodeclient`, [groupSubject('system:nodes')]),
    // `kubeadm join` looks whether a Ready node of the same name is there.
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: tenantMeta(cluster, 'kubeadm:get-nodes', 'bootstrap', null),
      rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['get'] }],
    },
    clusterWide('kubeadm:get-nodes', 'kubeadm:get-nodes', bootstrappers),
    // Without it kubelets answer 403 to logs and exec: the API server's client certificate carries no group.
    clusterWide('kubeadm:apiserver-kubelet-client', 'system:kubelet-api-admin', [userSubject('kube-apiserver-kubelet-client')]),
  ];
};

/** What a node reads before it trusts anybody; the controller manager adds a signature for each token. */
const buildClusterInfo = (cluster: ReachableCluster, caPem: string): KubernetesObject[] => {
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: '', cluster: { server: publicServerOf(cluster), 'certificate-authority-data': Buffer.from(caPem).toString('base64') } },
    ],
  };
  return [
    configMap(cluster, 'kube-public', 'cluster-info', { kubeconfig: stringify(kubeconfig, { lineWidth: 0 }) }),
    ...readable(cluster, 'kube-public', 'kubeadm:bootstrap-signer-clusterinfo', ['cluster-info'], [userSubject('system:anonymous')]),
  ];
};

const buildNodeConfig = (cluster: ReachableCluster): KubernetesObject[] => {
  const readers = [groupSubject(BOOTSTRAP_GROUP), groupSubject('system:nodes')];
  const { host, port } = cluster.endpoint;
  const clusterConfiguration = {
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'ClusterConfiguration',
    // Ends up in every kubelet's configuration as the folder of ca.crt, so it is the nodes' path.
    certificatesDir: '/etc/kubernetes/pki',
    clusterName: cluster.name,
    controlPlaneEndpoint: `${host}:${port}`,
    imageRepository: cluster.imageRegistry ?? 'registry.k8s.io',
    kubernetesVersion: cluster.release.version,
    networking: { dnsDomain: cluster.dnsDomain, podSubnet: podRangesOf(cluster), serviceSubnet: serviceRangesOf(cluster) },
  };
  return [
    configMap(cluster, 'kube-system', 'kubeadm-config', { ClusterConfiguration: stringify(clusterConfiguration) }),
    ...readable(cluster, 'kube-system', 'kubeadm:nodes-kubeadm-config', ['kubeadm-config'], readers),
    configMap(cluster, 'kube-system', 'kubelet-config', { kubelet: stringify(buildKubeletConfig(cluster)) }),
    ...readable(cluster, 'kube-system', 'kubeadm:kubelet-config', ['kubelet-config'], readers),
    ...readable(cluster, 'kube-system', 'kube-proxy', ['kube-proxy'], [groupSubject(BOOTSTRAP_GROUP)]),
  ];
};

const configMap = (cluster: ReachableCluster, namespace: string, name: string, data: Record<string, string>): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: tenantMeta(cluster, name, 'bootstrap', namespace),
  data,
});

/** A Role that may get just these ConfigMaps, and its binding. */
const readable = (
  cluster: ReachableCluster,
  namespace: string,
  name: string,
  configMaps: string[],
  subjects: object[],
): KubernetesObject[] => {
  const metadata = tenantMeta(cluster, name, 'bootstrap', namespace);
  const rules: Rule[] = [{ apiGroups: [''], resources: ['configmaps'], resourceNames: configMaps, verbs: ['get'] }];
  return [{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules }, bind(metadata, 'Role', name, subjects)];
};
