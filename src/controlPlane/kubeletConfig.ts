/** The configuration that every kubelet of a cluster starts with. */
import { dnsAddressOf, type HostedCluster } from './hostedCluster.ts';

/**
 * KubeletConfiguration v1beta1. Only fields that the oldest kubelet allowed by the skew policy knows: a newer one
 * (crashLoopBackOff, say) would stop nodes that are a minor behind. `resolvConf` stays unset, for kubeadm sets it on
 * each node by whether systemd-resolved runs there.
 */
export const buildKubeletConfig = (cluster: HostedCluster): object => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: '/etc/kubernetes/pki/ca.crt' },
  },
  authorization: { mode: 'Webhook' },
  cgroupDriver: 'systemd',
  clusterDNS: [dnsAddressOf(cluster)],
  clusterDomain: cluster.dnsDomain,
  healthzBindAddress: '127.0.0.1',
  healthzPort: 10248,
  readOnlyPort: 0,
  rotateCertificates: true,
  staticPodPath: '/etc/kubernetes/manifests',
});
