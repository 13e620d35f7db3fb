/** The cluster's controller manager: the only pod that holds the cluster authority's key. */

import { nodePrefixOf, parseCidr } from '../domain/cidr.ts';
import { nodePrefixOfV6, parseCidrV6 } from '../domain/cidrV6.ts';
import type { ClusterPki } from '../pki/bundle.ts';
import { buildDisruptionBudget } from './availability.ts';
import { namesOf, podRangesOf, type ReachableCluster, serviceRangesOf } from './hostedCluster.ts';
import { imageOf } from './images.ts';
import type { KubernetesObject } from './object.ts';
import { buildControllerManagerSecret } from './secrets.ts';
import { SERVING } from './serving.ts';
import { buildDeployment, LEASE } from './workload.ts';

const FILES = '/etc/kubernetes/pki';

/** Secret, Deployment and disruption budget. */
export const buildControllerManager = (cluster: ReachableCluster, pki: ClusterPki): KubernetesObject[] => {
  const files = buildControllerManagerSecret(cluster, pki);
  const deployment = buildDeployment(cluster, {
    component: 'kube-controller-manager',
    name: namesOf(cluster).controllerManager,
    image: imageOf(cluster, 'kube-controller-manager'),
    replicas: cluster.managerReplicas,
    command: commandOf(cluster),
    port: 10257,
    // It knows neither /livez nor /readyz.
    probes: { live: '/healthz', ready: '/healthz' },
    mounts: [{ volume: 'files', path: FILES, source: files }],
    resources: cluster.resources.controllerManager,
    graceSeconds: null,
  });
  return [
    files,
    deployment,
    ...buildDisruptionBudget(cluster, 'kube-controller-manager', namesOf(cluster).controllerManager, cluster.managerReplicas),
  ];
};

const commandOf = (cluster: ReachableCluster): string[] => {
  const kubeconfig = `${FILES}/controller-manager.conf`;
  return [
    'kube-controller-manager',
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=0.0.0.0',
    '--leader-elect=true',
    ...LEASE,
    ...SERVING,
    // At its start it asks for about a hundred tokens, one a controller: with the default 20 a second that alone took 4.5 s.
    '--kube-api-qps=50',
    '--kube-api-burst=100',
    // The last two are off by default; without them cluster-info is never signed and tokens never expire.
    '--controllers=*,bootstrap-signer-controller,token-cleaner-controller',
    `--cluster-name=${cluster.shortId}`,
    '--terminated-pod-gc-threshold=1000',
    `--cluster-signing-cert-file=${FILES}/signing-ca.crt`,
    `--cluster-signing-key-file=${FILES}/signing-ca.key`,
    `--root-ca-file=${FILES}/ca.crt`,
    `--client-ca-file=${FILES}/ca.crt`,
    `--requestheader-client-ca-file=${FILES}/front-proxy-ca.crt`,
    `--service-account-private-key-file=${FILES}/sa.key`,
    '--use-service-account-credentials=true',
    '--allocate-node-cidrs=true',
    `--cluster-cidr=${podRangesOf(cluster)}`,
    ...nodeShares(cluster),
    `--service-cluster-ip-range=${serviceRangesOf(cluster)}`,
  ];
};

/** How large a part of the pods' ranges each node gets. With both families the one flag is refused, and there is one for each. */
const nodeShares = ({ podCidr, ipv6 }: ReachableCluster): string[] => {
  const ofV4 = nodePrefixOf(parseCidr(podCidr, ['podCidr']));
  if (ipv6 === null) return [`--node-cidr-mask-size=${ofV4}`];
  const ofV6 = nodePrefixOfV6(parseCidrV6(ipv6.podCidr, ['podCidrV6']));
  return [`--node-cidr-mask-size-ipv4=${ofV4}`, `--node-cidr-mask-size-ipv6=${ofV6}`];
};
