/** A simulated etcd member: its certificates must fit, and its data lives as long as its volume claim. */
import type { Cluster } from '../cluster.ts';
import { PVC } from '../kinds.ts';
import { type KubeObject, namespaceOf } from '../objects.ts';
import { type CommandLine, checkCommandLine, fileOf } from './commandLine.ts';
import type { EtcdCluster, EtcdClusters, MemberRecord, Newcomer } from './etcdClusters.ts';
import { requireSameData } from './etcdCorruption.ts';
import { createDiskMetrics, type DiskMetrics } from './etcdMetrics.ts';
import { parseCertificates, parsePair, requireChain, requireHost, requireUsage } from './pkiChecks.ts';
import type { Process } from './process.ts';
import { resolve } from './seedNames.ts';

export interface EtcdMember {
  podUid: string;
  name: string;
  cluster: EtcdCluster;
  trustedCaPem: string;
  serverCertPem: string;
  disk: DiskMetrics;
  /** It tells others what it holds, and takes part when that is compared. */
  compares: boolean;
}

const hostsOf = (urls: string | undefined, flag: string): string[] =>
  (urls ?? '')
    .split(',')
    .filter(Boolean)
    .map((url) => {
      if (!URL.canParse(url)) throw new Error(`error verifying flags, --${flag}: invalid URL ${url}`);
      return new URL(url).hostname;
    });

const requireHttps = (line: CommandLine): void => {
  const listens = line.flag('listen-client-urls') ?? '';
  if (!listens.split(',').every((u) => u.startsWith('https://')))
    throw new Error('the sandbox serves etcd over TLS only: --listen-client-urls must be https');
};

const listOf = (line: CommandLine): Newcomer['list'] =>
  (line.flag('initial-cluster') ?? '')
    .split(',')
    .filter(Boolean)
    .map((entry) => ({ name: entry.slice(0, entry.indexOf('=')), url: entry.slice(entry.indexOf('=') + 1) }));

const newcomerOf = (seed: Cluster, line: CommandLine): Newcomer => {
  const [namespace, name] = [namespaceOf(line.pod), line.flag('name') ?? 'default'];
  const claim = line.files.claimAt(line.flag('data-dir') ?? `/${name}.etcd`);
  const volume = claim === undefined ? undefined : seed.store.get(PVC, namespace, claim);
  return {
    namespace,
    name,
    token: line.flag('initial-cluster-token') ?? 'etcd-cluster',
    volume: (volume ?? line.pod).metadata.uid,
    state: line.flag('initial-cluster-state') ?? 'new',
    list: listOf(line),
  };
};

/** Throws when etcd would not start; the result is what others can know of the member. */
const inspect = (seed: Cluster, line: CommandLine): Pick<EtcdMember, 'trustedCaPem' | 'serverCertPem'> => {
  checkCommandLine(line);
  requireHttps(line);
  const [caPem, peerCaPem, serverCertPem] = [
    fileOf(line, 'trusted-ca-file'),
    fileOf(line, 'peer-trusted-ca-file'),
    fileOf(line, 'cert-file'),
  ];
  const server = parsePair(serverCertPem, fileOf(line, 'key-file'), 'client TLS');
  const peer = parsePair(fileOf(line, 'peer-cert-file'), fileOf(line, 'peer-key-file'), 'peer TLS');
  requireChain(server, caPem, seed.now(), 'client TLS');
  requireChain(peer, peerCaPem, seed.now(), 'peer TLS');
  // etcd dials itself as a client, and its peers, with these very certificates.
  for (const usage of ['server', 'client'] as const) for (const cert of [server, peer]) requireUsage(cert, usage, 'etcd TLS');
  for (const host of hostsOf(line.flag('advertise-client-urls'), 'advertise-client-urls')) requireHost(server, host, 'client TLS');
  for (const host of hostsOf(line.flag('initial-advertise-peer-urls'), 'initial-advertise-peer-urls')) requireHost(peer, host, 'peer TLS');
  return { trustedCaPem: caPem, serverCertPem };
};

export interface EtcdRegistry {
  /** Those that run, by the uid of their pods. */
  members: Map<string, EtcdMember>;
  clusters: EtcdClusters;
}

const recordOf = ({ cluster, name }: EtcdMember): MemberRecord | undefined => cluster.members.find((m) => m.name === name);

export const isRunning = (registry: EtcdRegistry, cluster: EtcdCluster, record: MemberRecord): boolean =>
  [...registry.members.values()].some((m) => m.cluster === cluster && m.name === record.name);

/** Undefined without a quorum. */
export const leaderOf = (registry: EtcdRegistry, cluster: EtcdCluster): MemberRecord | undefined => {
  const voters = cluster.members.filter((m) => !m.learner);
  const running = voters.filter((m) => isRunning(registry, cluster, m));
  if (running.length <= voters.length / 2) return undefined;
  const leader = running.find((m) => m.id === cluster.leader) ?? running[0];
  cluster.leader = leader?.id ?? null;
  return leader;
};

/** Why a member does not answer its clients; undefined when it does. */
export const refusalOf = (registry: EtcdRegistry, member: EtcdMember): string | undefined => {
  if (leaderOf(registry, member.cluster) === undefined) return 'etcdserver: no leader';
  return recordOf(member)?.learner === false ? undefined : 'etcdserver: rpc not supported for learner';
};

export interface EtcdAccess {
  caPem: string;
  certPem: string;
  keyPem: string;
}

/** The member behind an endpoint, with both sides' certificates checked. Throws what a client logs. */
export const dialEtcd = (seed: Cluster, registry: EtcdRegistry, from: KubeObject, endpoint: string, access: EtcdAccess): EtcdMember => {
  const url = new URL(endpoint);
  if (url.protocol !== 'https:') throw new Error('http: server gave HTTPS response: etcd speaks TLS only');
  const { pods } = resolve(seed, from, url.hostname, Number(url.port || 2379));
  const member = pods.map((p) => registry.members.get(p.metadata.uid)).find((m) => m !== undefined);
  if (!member) throw new Error(`dial tcp ${url.host}: connect: connection refused`);
  const [certificate] = parseCertificates(member.serverCertPem, 'etcd');
  if (certificate) {
    requireChain(certificate, access.caPem, seed.now(), `etcd ${url.host}`);
    requireHost(certificate, url.hostname, `etcd ${url.host}`);
  }
  const client = parsePair(access.certPem, access.keyPem, 'etcd client');
  requireChain(client, member.trustedCaPem, seed.now(), 'remote error: etcd refuses the client certificate');
  requireUsage(client, 'client', 'remote error: etcd refuses the client certificate');
  return member;
};

/** Starts a member; throws when it cannot. It is ready once it has a vote and most of those who have one run. */
export const startEtcd = (seed: Cluster, registry: EtcdRegistry, line: CommandLine): Process => {
  const podUid = line.pod.metadata.uid;
  const files = inspect(seed, line);
  const newcomer = newcomerOf(seed, line);
  const cluster = registry.clusters.admit(newcomer, (c) => [...registry.members.values()].some((m) => m.cluster === c));
  const gates = (line.flag('feature-gates') ?? '').split(',');
  if (gates.includes('InitialCorruptCheck=true')) requireSameData(seed, registry, cluster, newcomer.name);
  const compares = gates.includes('CompactHashCheck=true');
  const member: EtcdMember = { podUid, name: newcomer.name, cluster, ...files, disk: createDiskMetrics(seed.now()), compares };
  registry.members.set(podUid, member);
  return {
    check() {
      if (recordOf(member) === undefined) return { state: 'crashed', log: 'the member has been permanently removed from the cluster' };
      const refusal = refusalOf(registry, member);
      return refusal === undefined ? { state: 'ready' } : { state: 'waiting', log: refusal };
    },
    stop: () => registry.members.delete(podUid),
  };
};
