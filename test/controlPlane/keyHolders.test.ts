/** Each private key of a cluster, and all the pods of the seed that may read it. */
import { expect, test } from 'vitest';
import { addons } from '../../src/addons/index.ts';
import { buildApiServer } from '../../src/controlPlane/apiServer.ts';
import { buildBootstrapObjects } from '../../src/controlPlane/bootstrap.ts';
import { buildCinderCsi } from '../../src/controlPlane/cinderCsi.ts';
import { buildCloudController } from '../../src/controlPlane/cloudController.ts';
import { buildAutoscalerRights, buildClusterAutoscaler } from '../../src/controlPlane/clusterAutoscaler.ts';
import { buildControllerManager } from '../../src/controlPlane/controllerManager.ts';
import { buildEtcd } from '../../src/controlPlane/etcd.ts';
import { buildKeystoneAuth, buildKeystoneRoles } from '../../src/controlPlane/keystoneAuth.ts';
import { buildKonnectivityAgent } from '../../src/controlPlane/konnectivityAgent.ts';
import type { KubernetesObject } from '../../src/controlPlane/object.ts';
import { buildScheduler } from '../../src/controlPlane/scheduler.ts';
import { DEFAULT_AUTO_SCALING } from '../../src/domain/autoScaling.ts';
import { cloud, cluster, keystone, pki, provider } from './fixture.ts';

const inSeed = [
  ...[buildEtcd, buildApiServer, buildControllerManager, buildScheduler].flatMap((build) => build(cluster, pki)),
  ...[buildCloudController, buildCinderCsi].flatMap((build) => build(cluster, pki, cloud)),
  ...buildKeystoneAuth(cluster, pki, keystone),
  ...buildClusterAutoscaler(cluster, pki, provider, DEFAULT_AUTO_SCALING),
];
const inCluster = [
  ...buildBootstrapObjects(cluster, pki.authorities.ca.cert),
  ...buildKonnectivityAgent(cluster, 8132),
  ...buildKeystoneRoles(cluster),
  ...buildAutoscalerRights(cluster),
  ...addons.flatMap((addon) => addon.objects(cluster, { volumeTypes: [] })),
];

/** Every private text by its place in the PKI: 'leaves.apiServer.key'. */
const secretsOf = (value: object, place = ''): [string, string][] =>
  Object.entries(value).flatMap(([name, inner]): [string, string][] => {
    const here = place === '' ? name : `${place}.${name}`;
    if (typeof inner === 'object' && inner !== null) return secretsOf(inner as object, here);
    return typeof inner === 'string' && /(^|\.)(key|secret)$|^kubeconfigs\./.test(here) ? [[here, inner]] : [];
  });

const plain = (object: KubernetesObject): string => {
  const data = Object.values((object.data ?? {}) as Record<string, string>);
  return object.kind === 'Secret' ? data.map((text) => Buffer.from(text, 'base64').toString()).join('\n') : JSON.stringify(object);
};
const mounts = ({ kind, spec }: KubernetesObject, secret: string): boolean =>
  /^(Deployment|StatefulSet|DaemonSet|CronJob|Job)$/.test(kind) && JSON.stringify(spec).includes(`"secretName":"${secret}"`);
/** Workloads, by their names without the cluster's. */
const holders = (text: string): string[] => {
  const secrets = inSeed.filter((object) => object.kind === 'Secret' && plain(object).includes(text)).map(({ metadata }) => metadata.name);
  return inSeed
    .filter((object) => secrets.some((secret) => mounts(object, secret)))
    .map(({ metadata }) => metadata.name.slice(cluster.shortId.length + 1))
    .toSorted();
};

const API = ['kube-apiserver'];
const NOBODY: string[] = [];
const HOLDERS: Record<string, string[]> = {
  'authorities.ca.key': ['kube-controller-manager'],
  'authorities.frontProxyCa.key': NOBODY,
  'authorities.etcdCa.key': NOBODY,
  'serviceAccount.key': [...API, 'kube-controller-manager'],
  'leaves.apiServer.key': API,
  'leaves.apiServerKubeletClient.key': API,
  'leaves.apiServerEtcdClient.key': API,
  'leaves.frontProxyClient.key': API,
  'leaves.konnectivityServer.key': API,
  'leaves.keystoneAuth.key': ['keystone-auth'],
  'leaves.etcdServer.key': ['etcd'],
  'leaves.etcdPeer.key': ['etcd'],
  'leaves.etcdClient.key': ['etcd-task-health'],
  // These are in the kubeconfigs below, never as files of their own.
  'leaves.superAdmin.key': NOBODY,
  'leaves.controllerManager.key': NOBODY,
  'leaves.scheduler.key': NOBODY,
  'leaves.konnectivity.key': NOBODY,
  'leaves.cloudController.key': NOBODY,
  'leaves.csiController.key': NOBODY,
  'leaves.clusterAutoscaler.key': NOBODY,
  'kubeconfigs.superAdmin': NOBODY,
  'kubeconfigs.controllerManager': ['kube-controller-manager'],
  'kubeconfigs.scheduler': ['kube-scheduler'],
  'kubeconfigs.konnectivity': API,
  'kubeconfigs.cloudController': ['cloud-controller-manager'],
  'kubeconfigs.csiController': ['cinder-csi'],
  'kubeconfigs.clusterAutoscaler': ['cluster-autoscaler'],
  'encryption.keys.0.secret': API,
};

test('the list has every key there is', () => {
  expect(
    secretsOf(pki)
      .map(([place]) => place)
      .toSorted(),
  ).toEqual(Object.keys(HOLDERS).toSorted());
});

test.each(secretsOf(pki))('%s', (place, text) => {
  expect(holders(text)).toEqual(HOLDERS[place]);
});

test('the credential for the cloud is with the two that call it', () => {
  expect(holders('[Global]')).toEqual(['cinder-csi', 'cloud-controller-manager']);
});

test('none of them is in the customer’s own cluster, or lies open in an object that is no Secret', () => {
  const open = [...inCluster.map(plain), ...inSeed.filter(({ kind }) => kind !== 'Secret').map(plain)].join('\n');
  for (const [place, text] of secretsOf(pki)) expect(open.includes(text.trim()), place).toBe(false);
  expect(open).not.toContain('application-credential-secret');
});
