/** Full image references of a release, under their upstream names or under the operator's own registry. */
import type { HostedCluster } from './hostedCluster.ts';

export type ImageName = 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'etcd' | 'pause' | 'proxy-server' | 'proxy-agent';

/** By its upstream name. */
export const CURL = 'docker.io/curlimages/curl:8.17.0';

export type ImageSource = Pick<HostedCluster, 'imageRegistry' | 'imageDigests'>;

/** An image of a component that goes with the release. */
export const imageOf = (cluster: ImageSource & Pick<HostedCluster, 'release'>, name: ImageName): string => {
  const { version, images } = cluster.release;
  const paths: Record<ImageName, string> = {
    'kube-apiserver': `kube-apiserver:${version}`,
    'kube-controller-manager': `kube-controller-manager:${version}`,
    'kube-scheduler': `kube-scheduler:${version}`,
    etcd: `etcd:${images.etcd}`,
    pause: `pause:${images.pause}`,
    'proxy-server': `kas-network-proxy/proxy-server:${images.konnectivity}`,
    'proxy-agent': `kas-network-proxy/proxy-agent:${images.konnectivity}`,
  };
  return imageFrom(cluster, `registry.k8s.io/${paths[name]}`);
};

/**
 * Any image by its upstream reference, such as "ghcr.io/flannel-io/flannel:v0.28.10".
 * With a registry, only the host is replaced and the path stays, as mirrors keep it: "mirror.example/k8s/flannel-io/flannel:…".
 * One with a digest is pinned to it; the tag stays for people, a container runtime goes by the digest.
 */
export const imageFrom = ({ imageRegistry, imageDigests }: ImageSource, upstream: string): string => {
  const digest = imageDigests.get(upstream);
  const name = imageRegistry === null ? upstream : `${imageRegistry.replace(/\/+$/, '')}/${upstream.slice(upstream.indexOf('/') + 1)}`;
  return digest === undefined ? name : `${name}@${digest}`;
};
