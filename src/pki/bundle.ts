/** All keys and certificates of one cluster as one plain value, completed and renewed without ever changing an authority. */
import { renewalAt } from '../domain/certificate.ts';
import { fingerprint, stableJson } from '../lib/json.ts';
import { createOneAtATime } from '../lib/oneAtATime.ts';
import {
  AUTHORITIES,
  type Authority,
  type AuthorityName,
  createAuthority,
  type KeyPair,
  openAuthority,
  type PkiDeps,
} from './authority.ts';
import { type Issued, issueLeaf, type LeafProfile, type Sans } from './certificate.ts';
import { createEncryption, type Encryption } from './encryption.ts';
import { createServiceAccountKey } from './keys.ts';
import { buildKubeconfigText } from './kubeconfig.ts';
import { NO_ROTATION, type Rotation, type Trust, trustOf } from './rotation.ts';

export type LeafName =
  | 'apiServer'
  | 'apiServerKubeletClient'
  | 'apiServerEtcdClient'
  | 'etcdClient'
  | 'frontProxyClient'
  | 'etcdServer'
  | 'etcdPeer'
  | 'superAdmin'
  | 'controllerManager'
  | 'scheduler'
  | 'konnectivityServer'
  | 'konnectivity'
  | 'cloudController'
  | 'csiController'
  | 'clusterAutoscaler'
  | 'keystoneAuth';

/** Leaves that go with a kubeconfig. */
export type KubeconfigName =
  | 'superAdmin'
  | 'controllerManager'
  | 'scheduler'
  | 'konnectivity'
  | 'cloudController'
  | 'csiController'
  | 'clusterAutoscaler';

/** A leaf and what it was made for; `profile` is a fingerprint, so that a look needs no parsing. */
export interface StoredLeaf extends Issued, KeyPair {
  profile: string;
}

/** JSON-able; all values of `cert`, `key` and `publicKey` are PEM. To be stored sealed. */
export interface ClusterPki {
  authorities: Record<AuthorityName, KeyPair>;
  /** Signs the tokens of the tenant's service accounts. */
  serviceAccount: { key: string; publicKey: string };
  leaves: Record<LeafName, StoredLeaf>;
  /** YAML text, with certificate and key inline. */
  kubeconfigs: Record<KubeconfigName, string>;
  /** Seals the cluster's Secrets at rest. */
  encryption: Encryption;
  rotation: Rotation;
  /** Follows from the others; the kubeconfigs were made with it. */
  trust: Trust;
}

/** What an interrupted run may have left. */
export interface PartialClusterPki {
  authorities?: Partial<ClusterPki['authorities']>;
  serviceAccount?: ClusterPki['serviceAccount'];
  leaves?: Partial<ClusterPki['leaves']>;
  kubeconfigs?: ClusterPki['kubeconfigs'];
  encryption?: Encryption;
  rotation?: Rotation;
  trust?: Trust;
}

/** The names that the cluster's servers answer to, and where their clients find the API. */
export interface ClusterPkiNames {
  /** In kubeconfigs only. */
  clusterName: string;
  /** "https://host:port" for nodes, people and Seedbed. */
  publicServer: string;
  /** "https://host:port" for pods in the seed. */
  inSeedServer: string;
  /** "https://host:port" for what runs in the API server's own pod. */
  localServer: string;
  etcdName: string;
  apiServer: Sans;
  etcdServer: Sans;
  etcdPeer: Sans;
  /** What agents dial. */
  konnectivity: Sans;
  /** What API servers ask about Keystone's tokens. */
  keystoneAuth: Sans;
}

interface LeafPlan extends LeafProfile {
  by: AuthorityName;
  /** Of the kubeconfig that goes with it. */
  server?: string;
}

/** Names and usages are those of kubeadm, https://kubernetes.io/docs/setup/best-practices/certificates/. */
const planLeaves = (names: ClusterPkiNames): Record<LeafName, LeafPlan> => ({
  apiServer: { by: 'ca', commonName: 'kube-apiserver', usages: ['server'], sans: names.apiServer },
  // No group: a role binding in the cluster gives this name its rights on kubelets (upstream since 1.34.8, 1.35.5 and 1.36.1).
  apiServerKubeletClient: { by: 'ca', commonName: 'kube-apiserver-kubelet-client', usages: ['client'] },
  apiServerEtcdClient: { by: 'etcdCa', commonName: 'kube-apiserver-etcd-client', usages: ['client'] },
  // For Seedbed's own errands in the seed: the member list, defragmentation.
  etcdClient: { by: 'etcdCa', commonName: 'kube-etcd-healthcheck-client', usages: ['client'] },
  frontProxyClient: { by: 'frontProxyCa', commonName: 'front-proxy-client', usages: ['client'] },
  // etcd calls itself over its serving certificate, hence both usages.
  etcdServer: { by: 'etcdCa', commonName: names.etcdName, usages: ['server', 'client'], sans: names.etcdServer },
  etcdPeer: { by: 'etcdCa', commonName: names.etcdName, usages: ['server', 'client'], sans: names.etcdPeer },
  // Past every authorizer, so that the first role bindings can be made. Never handed out.
  superAdmin: {
    by: 'ca',
    commonName: 'kubernetes-super-admin',
    organizations: ['system:masters'],
    usages: ['client'],
    server: names.publicServer,
  },
  controllerManager: { by: 'ca', commonName: 'system:kube-controller-manager', usages: ['client'], server: names.inSeedServer },
  scheduler: { by: 'ca', commonName: 'system:kube-scheduler', usages: ['client'], server: names.inSeedServer },
  // Not the API server's: what agents reach from outside must not be able to pose as it.
  konnectivityServer: { by: 'ca', commonName: 'konnectivity-server', usages: ['server'], sans: names.konnectivity },
  // It has agents' tokens reviewed, and may do nothing else.
  konnectivity: { by: 'ca', commonName: 'system:konnectivity-server', usages: ['client'], server: names.localServer },
  // For clusters with such controllers, whose addons give these names their rights.
  cloudController: { by: 'ca', commonName: 'system:cloud-controller-manager', usages: ['client'], server: names.inSeedServer },
  csiController: { by: 'ca', commonName: 'system:csi-cinder-controller', usages: ['client'], server: names.inSeedServer },
  // For clusters whose node groups are scaled by load.
  clusterAutoscaler: { by: 'ca', commonName: 'system:cluster-autoscaler', usages: ['client'], server: names.inSeedServer },
  // For clusters that take Keystone's tokens.
  keystoneAuth: { by: 'ca', commonName: 'keystone-auth', usages: ['server'], sans: names.keystoneAuth },
});

/** A certificate is some milliseconds of computing. Those of many clusters, all ready to go on at once, would hold the event loop for long. */
const oneAtATime = createOneAtATime();

/**
 * Fills in what is missing; renews a leaf whose names, usages or authority changed or that has lived two thirds of its life.
 * Authorities and the service account key, once there, stay (rotation.ts changes them): nodes and tokens out there trust them.
 * Gives back `existing` itself when nothing had to be done, so that `!==` tells whether to store.
 */
export const buildClusterPki = async (names: ClusterPkiNames, deps: PkiDeps, existing: PartialClusterPki = {}): Promise<ClusterPki> => {
  const plans = planLeaves(names);
  const ready = asComplete(existing);
  if (ready !== undefined && staleLeaves(ready, plans, deps.now()).length === 0 && stableJson(ready.trust) === stableJson(trustOf(ready)))
    return ready;
  const authorities = { ...existing.authorities } as Partial<ClusterPki['authorities']>;
  const authority = (name: AuthorityName): KeyPair | Promise<KeyPair> =>
    authorities[name] ?? oneAtATime(() => createAuthority(AUTHORITIES[name], deps));
  const made: Omit<ClusterPki, 'trust'> = {
    authorities: {
      ca: await authority('ca'),
      frontProxyCa: await authority('frontProxyCa'),
      etcdCa: await authority('etcdCa'),
    },
    serviceAccount: existing.serviceAccount ?? createServiceAccountKey(),
    leaves: { ...existing.leaves } as ClusterPki['leaves'],
    kubeconfigs: {
      superAdmin: '',
      controllerManager: '',
      scheduler: '',
      konnectivity: '',
      cloudController: '',
      csiController: '',
      clusterAutoscaler: '',
    },
    // A cluster that had authorities before it had this key may have written Secrets in clear.
    encryption: existing.encryption ?? createEncryption(existing.authorities === undefined),
    rotation: existing.rotation ?? NO_ROTATION,
  };
  const open: Record<AuthorityName, Authority> = {
    ca: await openAuthority(made.authorities.ca),
    frontProxyCa: await openAuthority(made.authorities.frontProxyCa),
    etcdCa: await openAuthority(made.authorities.etcdCa),
  };
  for (const name of staleLeaves(made, plans, deps.now())) {
    const { by, server: _, ...profile } = plans[name];
    const leaf = await oneAtATime(() => issueLeaf(open[by], profile, deps));
    made.leaves[name] = { ...leaf, profile: profileOf(made, plans[name]) };
  }
  const complete = { ...made, trust: trustOf(made) };
  for (const name of Object.keys(made.kubeconfigs) as KubeconfigName[])
    made.kubeconfigs[name] = kubeconfigOf(complete, name, plans[name], names);
  return complete;
};

const kubeconfigOf = (pki: ClusterPki, name: KubeconfigName, plan: LeafPlan, { clusterName, publicServer }: ClusterPkiNames): string => {
  const { cert, key } = pki.leaves[name];
  const server = plan.server ?? publicServer;
  return buildKubeconfigText({ clusterName, server, caPem: pki.trust.ca, userName: plan.commonName, credential: { cert, key } });
};

const asComplete = (pki: PartialClusterPki): ClusterPki | undefined => {
  const { authorities, serviceAccount, leaves, kubeconfigs, encryption, rotation } = pki;
  const whole =
    authorities?.ca && authorities.frontProxyCa && authorities.etcdCa && serviceAccount && leaves && kubeconfigs && encryption && rotation;
  return whole ? (pki as ClusterPki) : undefined;
};

const staleLeaves = (pki: Pick<ClusterPki, 'leaves' | 'authorities'>, plans: Record<LeafName, LeafPlan>, nowMs: number): LeafName[] =>
  (Object.keys(plans) as LeafName[]).filter((name) => {
    const leaf: StoredLeaf | undefined = pki.leaves[name];
    if (leaf === undefined || leaf.profile !== profileOf(pki, plans[name])) return true;
    return nowMs >= renewalAt(leaf.notBeforeMs, leaf.notAfterMs);
  });

/** Order of names does not matter to a client, so it must not cause a new certificate (and a restart) either. */
const profileOf = (pki: Pick<ClusterPki, 'authorities'>, plan: LeafPlan): string =>
  fingerprint({
    ...plan,
    sans: plan.sans === undefined ? null : { dns: [...plan.sans.dns].sort(), ips: [...plan.sans.ips].sort() },
    authority: pki.authorities[plan.by].cert,
  });
