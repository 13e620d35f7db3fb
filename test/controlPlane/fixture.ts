/** A cluster and certificates with fixed texts, so that golden files stay the same from run to run. */
import type { CloudAccess } from '../../src/controlPlane/cloudConfig.ts';
import type { ProviderAccess } from '../../src/controlPlane/clusterAutoscaler.ts';
import type { ReachableCluster } from '../../src/controlPlane/hostedCluster.ts';
import type { KeystoneAccess } from '../../src/controlPlane/keystoneAuth.ts';
import { DEFAULT_ADDONS } from '../../src/domain/addons.ts';
import { DEFAULT_CONTROL_PLANE } from '../../src/domain/controlPlane.ts';
import { defaultRelease } from '../../src/domain/version.ts';
import type { ClusterPki, LeafName } from '../../src/pki/bundle.ts';
import { NO_ROTATION } from '../../src/pki/rotation.ts';

export const cluster: ReachableCluster = {
  id: '0b9d3c52-6d0f-4f0e-9a51-2f6f5d1e7c11',
  name: 'shop',
  projectId: '5f1c0d3a9be44f5c8a7e6d5c4b3a2910',
  shortId: 'shop-a1b2c3d4',
  namespace: 'kc-shop-a1b2c3d4',
  release: defaultRelease,
  imageRegistry: null,
  imageDigests: new Map(),
  egressCidrs: ['10.11.0.0/16'],
  endpoint: { host: '192.0.2.10', port: 6443 },
  exposure: 'LOAD_BALANCER',
  apiFloatingIp: false,
  address: 'GIVEN',
  priorityClass: 'control-planes',
  nodeCidr: '10.0.0.0/24',
  podCidr: '10.244.0.0/16',
  serviceCidr: '10.96.0.0/16',
  ipv6: null,
  dnsDomain: 'cluster.local',
  apiServerReplicas: 1,
  managerReplicas: 1,
  etcd: {
    ...DEFAULT_CONTROL_PLANE.etcd,
    volumeSizeGiB: 4,
    members: 1,
    endpoints: 1,
    phase: 'FORMING',
    joining: null,
    storageClass: 'fast',
  },
  resources: DEFAULT_CONTROL_PLANE.resources,
  networkDriver: 'FLANNEL',
  volumeDriver: 'NONE',
  addons: DEFAULT_ADDONS,
  tunnel: 'KONNECTIVITY',
  audit: { level: 'METADATA', stdout: true, webhook: null },
  issuers: [],
  keystoneAuth: false,
  keystoneRoles: DEFAULT_CONTROL_PLANE.keystoneRoles,
};

export const cloud: CloudAccess = {
  authUrl: 'https://keystone.example.org:5000/v3',
  region: 'RegionOne',
  caPem: 'certificate of the cloud\n',
  interface: 'public',
  ports: [5000, 8774, 8776, 9696, 9876],
  credential: { id: '0c7d1e5b8f0a4c2d9e6b3a1f7d5c8b2e', secret: 'a "secret"\\' },
  externalNetworkId: '6f0b8a3e-90a5-4a0e-8a45-0a1b1c1d1e1f',
  subnetId: '7a1c9b4f-a1b6-4b1f-9b56-1b2c2d2e2f20',
};

export const provider: ProviderAccess = {
  host: '192.0.2.40',
  port: 4001,
  caPem: 'certificate of the provider\n',
  cert: 'certificate for the provider\n',
  key: 'key for the provider\n',
};

export const keystone: KeystoneAccess = { url: cloud.authUrl, port: 5000, caPem: cloud.caPem };

const LEAVES: LeafName[] = [
  'apiServer',
  'apiServerKubeletClient',
  'apiServerEtcdClient',
  'etcdClient',
  'frontProxyClient',
  'etcdServer',
  'etcdPeer',
  'superAdmin',
  'controllerManager',
  'scheduler',
  'konnectivityServer',
  'konnectivity',
  'cloudController',
  'csiController',
  'clusterAutoscaler',
  'keystoneAuth',
];

const pair = (name: string) => ({ cert: `certificate of ${name}\n`, key: `key of ${name}\n` });

export const pki: ClusterPki = {
  authorities: { ca: pair('ca'), frontProxyCa: pair('front-proxy-ca'), etcdCa: pair('etcd-ca') },
  serviceAccount: { key: 'service account key\n', publicKey: 'service account public key\n' },
  leaves: Object.fromEntries(
    LEAVES.map((name) => [name, { ...pair(name), profile: name, notBeforeMs: 0, notAfterMs: 1 }]),
  ) as ClusterPki['leaves'],
  kubeconfigs: {
    superAdmin: 'kubeconfig of superAdmin\n',
    controllerManager: 'kubeconfig of controllerManager\n',
    scheduler: 'kubeconfig of scheduler\n',
    konnectivity: 'kubeconfig of konnectivity\n',
    cloudController: 'kubeconfig of cloudController\n',
    csiController: 'kubeconfig of csiController\n',
    clusterAutoscaler: 'kubeconfig of clusterAutoscaler\n',
  },
  encryption: { keys: [{ number: 1, secret: 'a2V5IG9mIGVuY3J5cHRpb24=' }], plain: false, turn: 0, spread: true },
  rotation: NO_ROTATION,
  trust: {
    ca: pair('ca').cert,
    frontProxyCa: pair('front-proxy-ca').cert,
    etcdCa: pair('etcd-ca').cert,
    serviceAccountKeys: 'service account public key\n',
    chain: '',
  },
};
