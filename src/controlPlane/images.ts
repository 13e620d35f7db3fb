/** Full image references of a release, under their upstream names or under the operator's own registry. */
import type { HostedCluster } from './hostedCluster.ts';

export type ImageName =
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kube-proxy'
  | 'etcd'
  | 'coredns'
  | 'pause'
  | 'flannel'
  | 'flannel-cni-plugin';

/** With a registry, only the host is replaced and the path stays, as mirrors keep it: "mirror.example/k8s" + "/flannel-io/flannel:…". */
export const imageOf = ({ release, imageRegistry }: Pick<HostedCluster, 'release' | 'imageRegistry'>, name: ImageName): string => {
  const { version, images } = release;
  const upstream: Record<ImageName, [host: string, path: string]> = {
    'kube-apiserver': ['registry.k8s.io', `kube-apiserver:${version}`],
    'kube-controller-manager': ['registry.k8s.io', `kube-controller-manager:${version}`],
    'kube-scheduler': ['registry.k8s.io', `kube-scheduler:${version}`],
    'kube-proxy': ['registry.k8s.io', `kube-proxy:${version}`],
    etcd: ['registry.k8s.io', `etcd:${images.etcd}`],
    coredns: ['registry.k8s.io', `coredns/coredns:${images.coreDns}`],
    pause: ['registry.k8s.io', `pause:${images.pause}`],
    flannel: ['ghcr.io', `flannel-io/flannel:${images.flannel}`],
    'flannel-cni-plugin': ['ghcr.io', `flannel-io/flannel-cni-plugin:${images.flannelCniPlugin}`],
  };
  const [host, path] = upstream[name];
  return `${imageRegistry?.replace(/\/+$/, '') ?? host}/${path}`;
};
