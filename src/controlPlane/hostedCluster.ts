/** What the builders of control-plane objects need to know of a cluster, and the names that follow from it. */
import type { AddonsSpec } from '../domain/addons.ts';
import type { AuditSpec } from '../domain/audit.ts';
import { nthAddress, parseCidr } from '../domain/cidr.ts';
import type { ControlPlaneResources, EtcdSpec, Tunnel } from '../domain/controlPlane.ts';
import type { EtcdMembership } from '../domain/etcd.ts';
import type { IssuerSpec } from '../domain/issuer.ts';
import type { KeystoneRole } from '../domain/keystoneRole.ts';
import type { Exposure } from '../domain/seed.ts';
import type { NetworkDriver, VolumeDriver } from '../domain/template.ts';
import type { Release } from '../domain/version.ts';
import type { ClusterPkiNames } from '../pki/bundle.ts';

export interface ApiEndpoint {
  /** IPv4 address that nodes and people dial. */
  host: string;
  /** Public port; equal to the API server's --secure-port. */
  port: number;
}

export interface HostedEtcd extends Omit<EtcdSpec, 'volumeType'>, EtcdMembership {
  storageClass: string | null;
}

export interface HostedCluster {
  id: string;
  name: string;
  projectId: string;
  /** DNS-safe, at most 20 characters: prefix of object names inside the namespace. */
  shortId: string;
  namespace: string;
  release: Release;
  /** null: upstream names. Else a prefix that replaces the registry host of every image. */
  imageRegistry: string | null;
  /** By the upstream name with its tag: what an image is pinned to. */
  imageDigests: ReadonlyMap<string, string>;
  /** Private ranges that the API server may call for the customer. */
  egressCidrs: readonly string[];
  /** null before the Service has an address. */
  endpoint: ApiEndpoint | null;
  exposure: Exposure;
  /** The load balancer is to have a floating IP, also where the seed's are internal by default; as it was when it got its address. */
  apiFloatingIp: boolean;
  /** The address has been taken from one seed to another, or is to be: it is asked for by name, and must not go with its load balancer. */
  address: 'GIVEN' | 'LET_GO' | 'ASKED_FOR';
  /** Of its pods in the seed; null: the seed's default. */
  priorityClass: string | null;
  /** Of the workers; null in a network that the customer brought. */
  nodeCidr: string | null;
  podCidr: string;
  serviceCidr: string;
  /** Of pods and Services, beside their IPv4 ranges; null: there are those alone. */
  ipv6: { podCidr: string; serviceCidr: string } | null;
  dnsDomain: string;
  apiServerReplicas: number;
  /** Of the controller manager and of the scheduler, which elect a leader among them. */
  managerReplicas: number;
  etcd: HostedEtcd;
  resources: ControlPlaneResources;
  networkDriver: NetworkDriver;
  volumeDriver: VolumeDriver;
  addons: AddonsSpec;
  tunnel: Tunnel;
  audit: AuditSpec;
  issuers: IssuerSpec[];
  /** Tokens of the cloud's Keystone are taken, too. */
  keystoneAuth: boolean;
  keystoneRoles: KeystoneRole[];
}

/** A cluster whose address is known, which certificates and everything after them need. */
export interface ReachableCluster extends HostedCluster {
  endpoint: ApiEndpoint;
}

export const isReachable = (cluster: HostedCluster): cluster is ReachableCluster => cluster.endpoint !== null;

/** The API server's port before the seed has given another. */
const DEFAULT_API_PORT = 6443;

export const apiPortOf = (cluster: HostedCluster): number => cluster.endpoint?.port ?? DEFAULT_API_PORT;

/** Names of Deployments, StatefulSet and Services in the cluster's namespace. */
export const namesOf = ({ shortId }: HostedCluster) => ({
  apiServer: `${shortId}-kube-apiserver`,
  etcd: `${shortId}-etcd`,
  etcdPeer: `${shortId}-etcd-peer`,
  etcdMembers: `${shortId}-etcd-members`,
  etcdTask: `${shortId}-etcd-task`,
  etcdBackup: `${shortId}-etcd-backup`,
  controllerManager: `${shortId}-kube-controller-manager`,
  scheduler: `${shortId}-kube-scheduler`,
  konnectivity: `${shortId}-konnectivity-server`,
  cloudController: `${shortId}-cloud-controller-manager`,
  cinderCsi: `${shortId}-cinder-csi`,
  keystoneAuth: `${shortId}-keystone-auth`,
  clusterAutoscaler: `${shortId}-cluster-autoscaler`,
});

/** "https://host:port" for nodes and people. */
export const publicServerOf = ({ endpoint }: ReachableCluster): string => `https://${endpoint.host}:${endpoint.port}`;

/** "https://service.namespace.svc:port" for pods beside it in the seed: no way through a load balancer. */
export const inSeedServerOf = (cluster: ReachableCluster): string =>
  `https://${namesOf(cluster).apiServer}.${cluster.namespace}.svc:${cluster.endpoint.port}`;

/** "IPv4" or "IPv4,IPv6", as flags and settings of Kubernetes have it; the first family is that of a Service which asks for none. */
export const podRangesOf = ({ podCidr, ipv6 }: HostedCluster): string => [podCidr, ipv6?.podCidr ?? []].flat().join();

export const serviceRangesOf = ({ serviceCidr, ipv6 }: HostedCluster): string => [serviceCidr, ipv6?.serviceCidr ?? []].flat().join();

/** The tenant's DNS service: kubeadm's convention is the tenth address of the service range. */
export const dnsAddressOf = ({ serviceCidr }: HostedCluster): string =>
  nthAddress(parseCidr(serviceCidr, ['serviceCidr']), 10, ['serviceCidr']);

/** Members are named by ordinal; all three that there can be are in the certificates, so that growth from 1 to 3 renews none. */
export const etcdMembersOf = (cluster: HostedCluster, count: number): { name: string; host: string }[] => {
  const { etcd, etcdPeer } = namesOf(cluster);
  return Array.from({ length: count }, (_, i) => ({ name: `${etcd}-${i}`, host: `${etcd}-${i}.${etcdPeer}.${cluster.namespace}.svc` }));
};

/** What the certificates must cover (kubeadm's list, plus the names inside the seed). */
export const pkiNamesOf = (cluster: ReachableCluster): ClusterPkiNames => {
  const { apiServer, etcd, keystoneAuth } = namesOf(cluster);
  const inSeed = (service: string): string[] => [
    service,
    `${service}.${cluster.namespace}.svc`,
    `${service}.${cluster.namespace}.svc.cluster.local`,
  ];
  const members = etcdMembersOf(cluster, 3).flatMap(({ name, host }) => [name, host, `${host}.cluster.local`]);
  const inTenant = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', `kubernetes.default.svc.${cluster.dnsDomain}`];
  // The `kubernetes` Service has one address, of the first family, which is IPv4 with both.
  const firstServiceAddress = nthAddress(parseCidr(cluster.serviceCidr, ['serviceCidr']), 1, ['serviceCidr']);
  return {
    clusterName: cluster.name,
    publicServer: publicServerOf(cluster),
    inSeedServer: inSeedServerOf(cluster),
    etcdName: etcd,
    apiServer: { dns: [...inTenant, ...inSeed(apiServer), 'localhost'], ips: [firstServiceAddress, cluster.endpoint.host, '127.0.0.1'] },
    etcdServer: { dns: [...inSeed(etcd), ...members, 'localhost'], ips: ['127.0.0.1', '::1'] },
    etcdPeer: { dns: members, ips: ['127.0.0.1'] },
    konnectivity: { dns: [], ips: [cluster.endpoint.host] },
    keystoneAuth: { dns: [...inSeed(keystoneAuth), 'localhost'], ips: [] },
    localServer: `https://localhost:${cluster.endpoint.port}`,
  };
};
