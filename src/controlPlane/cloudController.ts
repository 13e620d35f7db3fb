/** openstack-cloud-controller-manager: what Kubernetes must know of servers, and load balancers for its Services. */

import { cloudProviderVersion } from '../domain/addons.ts';
import type { ClusterPki } from '../pki/bundle.ts';
import { buildCloudFiles, type CloudAccess, CONFIG_FOLDER } from './cloudConfig.ts';
import { namesOf, type ReachableCluster } from './hostedCluster.ts';
import { imageFrom } from './images.ts';
import { buildCloudPolicy } from './networkPolicies.ts';
import type { KubernetesObject } from './object.ts';
import { SERVING } from './serving.ts';
import { buildDeployment, LEASE } from './workload.ts';

const COMPONENT = 'cloud-controller-manager';

/** Secret, NetworkPolicy and Deployment in the seed. */
export const buildCloudController = (cluster: ReachableCluster, pki: ClusterPki, cloud: CloudAccess): KubernetesObject[] => {
  const options = cluster.addons.cloudController;
  const files = buildCloudFiles(cluster, 'cloudController', COMPONENT, cloud, pki.kubeconfigs.cloudController, {
    LoadBalancer: {
      'floating-network-id': cloud.externalNetworkId,
      'subnet-id': cloud.subnetId,
      'lb-provider': options.loadBalancerProvider.toLowerCase(),
      // OVN's load balancers know no other.
      'lb-method': options.loadBalancerProvider === 'OVN' ? 'SOURCE_IP_PORT' : 'ROUND_ROBIN',
      'create-monitor': options.loadBalancerMonitors,
      'manage-security-groups': options.manageSecurityGroups,
    },
  });
  const kubeconfig = `${CONFIG_FOLDER}/kubeconfig`;
  const version = cloudProviderVersion(cluster.release);
  const deployment = buildDeployment(cluster, {
    component: COMPONENT,
    name: namesOf(cluster).cloudController,
    image: imageFrom(cluster, `registry.k8s.io/provider-os/openstack-cloud-controller-manager:${version}`),
    replicas: cluster.managerReplicas,
    command: [
      '/bin/openstack-cloud-controller-manager',
      '--cloud-provider=openstack',
      `--cloud-config=${CONFIG_FOLDER}/cloud.conf`,
      // Names and descriptions of load balancers carry it: two clusters of one name would fight over them.
      `--cluster-name=${cluster.shortId}`,
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--controllers=cloud-node-controller,cloud-node-lifecycle-controller,service-lb-controller',
      '--configure-cloud-routes=false',
      '--use-service-account-credentials=false',
      '--bind-address=0.0.0.0',
      '--secure-port=10258',
      '--leader-elect=true',
      ...LEASE,
      ...SERVING,
    ],
    port: 10258,
    probes: { live: '/healthz', ready: '/healthz' },
    mounts: [{ volume: 'files', path: CONFIG_FOLDER, source: files }],
    resources: cluster.resources.scheduler,
    graceSeconds: null,
  });
  return [files, buildCloudPolicy(cluster, COMPONENT, cloud.ports), deployment];
};
