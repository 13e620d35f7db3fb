/** One Secret a consumer, holding only what that pod's flags read: no key reaches a pod that does not need it. */
import type { ClusterPki } from '../pki/bundle.ts';
import { buildEncryptionConfig } from './encryption.ts';
import { namesOf, type ReachableCluster } from './hostedCluster.ts';
import { type Component, type KubernetesObject, seedMeta } from './object.ts';

export const buildEtcdSecret = (cluster: ReachableCluster, { trust, leaves }: ClusterPki): KubernetesObject =>
  buildFilesSecret(cluster, namesOf(cluster).etcd, 'etcd', {
    'ca.crt': trust.etcdCa,
    'server.crt': leaves.etcdServer.cert,
    'server.key': leaves.etcdServer.key,
    'peer.crt': leaves.etcdPeer.cert,
    'peer.key': leaves.etcdPeer.key,
  });

export const buildEtcdClientSecret = (cluster: ReachableCluster, { trust, leaves }: ClusterPki): KubernetesObject =>
  buildFilesSecret(cluster, namesOf(cluster).etcdTask, 'etcd-task', {
    'ca.crt': trust.etcdCa,
    'client.crt': leaves.etcdClient.cert,
    'client.key': leaves.etcdClient.key,
  });

/** Of the authorities the certificates only: an API server that is broken into can sign nothing. */
export const buildApiServerSecret = (
  cluster: ReachableCluster,
  { trust, leaves, serviceAccount, encryption }: ClusterPki,
): KubernetesObject =>
  buildFilesSecret(cluster, namesOf(cluster).apiServer, 'kube-apiserver', {
    'ca.crt': trust.ca,
    'etcd-ca.crt': trust.etcdCa,
    'front-proxy-ca.crt': trust.frontProxyCa,
    'sa.key': serviceAccount.key,
    'sa.pub': trust.serviceAccountKeys,
    'apiserver.crt': `${leaves.apiServer.cert}${trust.chain}`,
    'apiserver.key': leaves.apiServer.key,
    'apiserver-kubelet-client.crt': `${leaves.apiServerKubeletClient.cert}${trust.chain}`,
    'apiserver-kubelet-client.key': leaves.apiServerKubeletClient.key,
    'apiserver-etcd-client.crt': leaves.apiServerEtcdClient.cert,
    'apiserver-etcd-client.key': leaves.apiServerEtcdClient.key,
    'front-proxy-client.crt': leaves.frontProxyClient.cert,
    'front-proxy-client.key': leaves.frontProxyClient.key,
    'encryption.yaml': buildEncryptionConfig(encryption),
  });

/** The controller manager signs kubelets' certificates and service account tokens, so it alone gets those keys. */
export const buildControllerManagerSecret = (cluster: ReachableCluster, pki: ClusterPki): KubernetesObject =>
  buildFilesSecret(cluster, namesOf(cluster).controllerManager, 'kube-controller-manager', {
    'ca.crt': pki.trust.ca,
    // Alone: it refuses to sign with one of several.
    'signing-ca.crt': pki.authorities.ca.cert,
    'signing-ca.key': pki.authorities.ca.key,
    'front-proxy-ca.crt': pki.trust.frontProxyCa,
    'sa.key': pki.serviceAccount.key,
    'controller-manager.conf': pki.kubeconfigs.controllerManager,
  });

export const buildSchedulerSecret = (cluster: ReachableCluster, pki: ClusterPki): KubernetesObject =>
  buildFilesSecret(cluster, namesOf(cluster).scheduler, 'kube-scheduler', {
    'scheduler.conf': pki.kubeconfigs.scheduler,
  });

export const buildKonnectivitySecret = (cluster: ReachableCluster, { trust, leaves, kubeconfigs }: ClusterPki): KubernetesObject =>
  buildFilesSecret(cluster, namesOf(cluster).konnectivity, 'konnectivity-server', {
    'server.crt': `${leaves.konnectivityServer.cert}${trust.chain}`,
    'server.key': leaves.konnectivityServer.key,
    'konnectivity-server.conf': kubeconfigs.konnectivity,
  });

/** `data` and not `stringData`, which the API server folds away: what is read back equals what was written. */
export const buildFilesSecret = (
  cluster: ReachableCluster,
  owner: string,
  component: Component,
  files: Record<string, string>,
): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: seedMeta(cluster, `${owner}-files`, component),
  type: 'Opaque',
  data: Object.fromEntries(Object.entries(files).map(([name, text]) => [name, Buffer.from(text).toString('base64')])),
});
