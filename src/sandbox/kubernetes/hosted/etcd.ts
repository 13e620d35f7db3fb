/** A simulated etcd member: its certificates must fit, and its data lives as long as its volume claim. */
import type { Cluster } from '../cluster.ts';
import { PVC } from '../kinds.ts';
import { namespaceOf } from '../objects.ts';
import { type CommandLine, checkCommandLine, fileOf } from './commandLine.ts';
import { parsePair, requireChain, requireHost, requireUsage } from './pkiChecks.ts';
import type { Process } from './process.ts';

export interface EtcdMember {
  podUid: string;
  namespace: string;
  podName: string;
  token: string;
  members: number;
  /** Names the data: the first member's claim, or the pod when the data dies with it. */
  dataId: string;
  trustedCaPem: string;
  serverCertPem: string;
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

/** All members hold the same data, so it is named after one claim: that of the StatefulSet's first pod. */
const dataIdOf = (seed: Cluster, line: CommandLine, claim: string | undefined): string => {
  const first = claim?.replace(/-\d+$/, '-0');
  const found = [first, claim]
    .map((name) => (name ? seed.store.get(PVC, namespaceOf(line.pod), name) : undefined))
    .find((c) => c !== undefined);
  return found?.metadata.uid ?? line.pod.metadata.uid;
};

/** Throws when etcd would not start; the result is what others can know of the member. */
const inspect = (seed: Cluster, line: CommandLine): EtcdMember => {
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
  const names = (line.flag('initial-cluster') ?? '').split(',').map((m) => m.split('=')[0]);
  const name = line.flag('name') ?? 'default';
  if (!names.includes(name)) throw new Error(`couldn't find local name "${name}" in the initial cluster configuration`);
  const namespace = namespaceOf(line.pod);
  const token = line.flag('initial-cluster-token') ?? 'etcd-cluster';
  return {
    podUid: line.pod.metadata.uid,
    namespace,
    podName: line.pod.metadata.name,
    token,
    members: names.length,
    dataId: dataIdOf(seed, line, line.files.claimAt(line.flag('data-dir') ?? `/${name}.etcd`)),
    trustedCaPem: caPem,
    serverCertPem,
  };
};

export interface EtcdRegistry {
  members: Map<string, EtcdMember>;
}

/** Starts a member; throws when it cannot. It is ready once most of its cluster's members run. */
export const startEtcd = (seed: Cluster, registry: EtcdRegistry, line: CommandLine): Process => {
  const siblings = (namespace: string, token: string): EtcdMember[] =>
    [...registry.members.values()].filter((m) => m.namespace === namespace && m.token === token);
  const member = inspect(seed, line);
  registry.members.set(member.podUid, member);
  return {
    check() {
      const running = siblings(member.namespace, member.token).length;
      return running > member.members / 2
        ? { state: 'ready' }
        : { state: 'waiting', log: `health check for peer could not connect: ${running} of ${member.members} members, no leader` };
    },
    stop: () => registry.members.delete(member.podUid),
  };
};
