/** The simulated controller manager and scheduler as clients of their API server. */
import { parse } from 'yaml';
import { parseCidrV6, parseRanges } from '../addresses.ts';
import type { Cluster } from '../cluster.ts';
import { dict, dicts, text } from '../objects.ts';
import { isAllowed } from '../rbac.ts';
import type { ApiServerConfig } from './apiServer.ts';
import { type CommandLine, checkCommandLine, fileOf, versionOf } from './commandLine.ts';
import { parseCertificates, parsePair, publicKeyText, requireChain, requireHost, requireUsage, subjectOf } from './pkiChecks.ts';
import { messageOf, type Process } from './process.ts';
import { resolve } from './seedNames.ts';

/** The running plane a component reaches: its API server's settings and its objects. */
export interface Reached {
  config: ApiServerConfig;
  cluster: Cluster;
}

export type FindPlane = (apiServerPodUid: string) => Reached | undefined;

interface Access {
  url: URL;
  caPem: string;
  certPem: string;
  keyPem: string;
}

const decoded = (value: unknown): string => Buffer.from(text(value), 'base64').toString();

export const readKubeconfig = (line: CommandLine): Access => {
  const config = dict(parse(fileOf(line, 'kubeconfig')));
  const context = dict(dicts(config.contexts).find((c) => c.name === config['current-context'])?.context);
  const cluster = dict(dicts(config.clusters).find((c) => c.name === context.cluster)?.cluster);
  const user = dict(dicts(config.users).find((u) => u.name === context.user)?.user);
  if (!URL.canParse(text(cluster.server))) throw new Error('error loading kubeconfig: no server found for cluster');
  return {
    url: new URL(text(cluster.server)),
    caPem: decoded(cluster['certificate-authority-data']),
    certPem: decoded(user['client-certificate-data']),
    keyPem: decoded(user['client-key-data']),
  };
};

/** Dials the API server as the kubeconfig says. Throws what the component would log. */
const connect = (seed: Cluster, line: CommandLine, access: Access, findPlane: FindPlane): Reached => {
  const { hostname, port } = access.url;
  const { pods, targetPort } = resolve(seed, line.pod, hostname, Number(port || 443));
  for (const pod of pods) {
    const reached = findPlane(pod.metadata.uid);
    if (!reached || targetPort(pod) !== reached.config.port) continue;
    const [server] = parseCertificates(reached.config.certPem, 'server');
    if (server) {
      requireChain(server, access.caPem, seed.now(), access.url.host);
      requireHost(server, hostname, access.url.host);
    }
    const client = parsePair(access.certPem, access.keyPem, 'client certificate');
    requireUsage(client, 'client', 'client certificate');
    try {
      requireChain(client, reached.config.clientCaPem, seed.now(), '');
    } catch {
      throw new Error('Unauthorized');
    }
    return reached;
  }
  throw new Error(`dial tcp ${access.url.host}: connect: connection refused`);
};

const requireLease = (reached: Reached, access: Access, lease: string): void => {
  const [cert] = parseCertificates(access.certPem, 'client certificate');
  const subject = cert ? subjectOf(cert) : { name: '', groups: [] };
  const user = { name: subject.name, groups: [...subject.groups, 'system:authenticated'] };
  if (
    isAllowed(reached.cluster, user, {
      verb: 'update',
      group: 'coordination.k8s.io',
      resource: 'leases',
      namespace: 'kube-system',
      name: lease,
    })
  )
    return;
  throw new Error(
    `error retrieving resource lock kube-system/${lease}: leases.coordination.k8s.io "${lease}" is forbidden: User "${user.name}" cannot get resource "leases" in API group "coordination.k8s.io" in the namespace "kube-system"`,
  );
};

export interface ManagerConfig {
  podUid: string;
  holder: string;
  signingCertPem: string;
  signingKeyPem: string;
  rootCaPem: string | undefined;
  signsClusterInfo: boolean;
  cleansTokens: boolean;
  clusterCidr: string | undefined;
  nodeMask: number;
  nodeMaskV6: number;
}

const minorOf = (version: string): number => Number(version.split('.')[1]);

/** Beside an API server that is older it may ask for what is not there: none behind the name may be, or it depends on which one answers. */
const refuseNewer = (seed: Cluster, line: CommandLine, access: Access, findPlane: FindPlane): void => {
  const { pods } = resolve(seed, line.pod, access.url.hostname, Number(access.url.port || 443));
  const own = versionOf(line);
  const older = pods.map((pod) => findPlane(pod.metadata.uid)?.config.version).find((v) => v !== undefined && minorOf(v) < minorOf(own));
  if (older !== undefined) throw new Error(`version skew: ${line.program} is of ${own}, and an API server is of ${older}`);
};

const hasController = (line: CommandLine, names: string[]): boolean =>
  (line.flag('controllers') ?? '*').split(',').some((c) => names.includes(c));

/** As the node IPAM controller insists. */
const checkRanges = (line: CommandLine): void => {
  const ranges = parseRanges(line.flag('cluster-cidr') ?? '');
  if (line.flag('allocate-node-cidrs') !== 'true' || ranges === undefined) return;
  const [alone, ipv4, ipv6] = ['', '-ipv4', '-ipv6'].map((of) => line.flag(`node-cidr-mask-size${of}`));
  if (ranges.ipv6 === undefined) {
    if (ipv6 !== undefined) throw new Error('usage of --node-cidr-mask-size-ipv6 is not allowed with a single-stack IPv4 cluster');
    if (alone !== undefined && ipv4 !== undefined)
      throw new Error('usage of --node-cidr-mask-size-ipv4 and --node-cidr-mask-size at the same time is not allowed');
    return;
  }
  if (alone !== undefined) throw new Error('usage of --node-cidr-mask-size is not allowed with dual-stack clusters');
  const { prefix } = parseCidrV6(ranges.ipv6) ?? { prefix: 0 };
  const mask = Number(ipv6 ?? 64);
  if (mask < prefix) throw new Error('clusterCIDRs mask size is larger than the node mask size');
  if (mask - prefix > 16) throw new Error('new CIDR set failed; the node CIDR size is too big');
};

const readManager = (line: CommandLine): ManagerConfig => {
  checkCommandLine(line);
  const [signingCertPem, signingKeyPem] = [fileOf(line, 'cluster-signing-cert-file'), fileOf(line, 'cluster-signing-key-file')];
  parsePair(signingCertPem, signingKeyPem, 'failed to start certificate controller: error reading CA cert file');
  publicKeyText(fileOf(line, 'service-account-private-key-file'), 'error reading key for service account token controller');
  checkRanges(line);
  return {
    podUid: line.pod.metadata.uid,
    holder: `${line.pod.metadata.name}_${line.pod.metadata.uid}`,
    signingCertPem,
    signingKeyPem,
    rootCaPem: line.flag('root-ca-file') === undefined ? undefined : fileOf(line, 'root-ca-file'),
    signsClusterInfo: hasController(line, ['bootstrapsigner', 'bootstrap-signer-controller']),
    cleansTokens: hasController(line, ['tokencleaner', 'token-cleaner-controller']),
    clusterCidr: line.flag('allocate-node-cidrs') === 'true' ? line.flag('cluster-cidr') : undefined,
    nodeMask: Number(line.flag('node-cidr-mask-size') ?? line.flag('node-cidr-mask-size-ipv4') ?? 24),
    nodeMaskV6: Number(line.flag('node-cidr-mask-size-ipv6') ?? 64),
  };
};

export interface ClientDeps {
  seed: Cluster;
  findPlane: FindPlane;
  lead: (reached: Reached) => void;
  withdraw: () => void;
}

export const clientProcess = (deps: ClientDeps, line: CommandLine, lease: string, extra: (reached: Reached) => void): Process => {
  const access = readKubeconfig(line);
  return {
    check() {
      try {
        const reached = connect(deps.seed, line, access, deps.findPlane);
        requireLease(reached, access, lease);
        if (reached.cluster.isFrozen?.()) throw new Error('leaderelection lost: etcdserver: corrupt cluster');
        extra(reached);
        deps.lead(reached);
        return { state: 'ready' };
      } catch (error) {
        deps.withdraw();
        return { state: 'waiting', log: `failed to wait for apiserver being healthy: ${messageOf(error)}` };
      }
    },
    stop: deps.withdraw,
  };
};

export const startControllerManager = (
  line: CommandLine,
  deps: Omit<ClientDeps, 'lead'> & { lead: (reached: Reached, config: ManagerConfig) => void },
): Process => {
  const config = readManager(line);
  const own = publicKeyText(fileOf(line, 'service-account-private-key-file'), 'service account key');
  const trusted = (reached: Reached): void => {
    refuseNewer(deps.seed, line, readKubeconfig(line), deps.findPlane);
    if (!reached.config.tokenKeys.verifyKeyPems.includes(own))
      throw new Error(
        'error building controller client: the server has asked for the client to provide credentials: service account token is not valid: its key is not among those of the API server',
      );
  };
  return clientProcess({ ...deps, lead: (reached) => deps.lead(reached, config) }, line, 'kube-controller-manager', trusted);
};

export const startScheduler = (line: CommandLine, deps: ClientDeps): Process => {
  checkCommandLine(line);
  return clientProcess(deps, line, 'kube-scheduler', () => refuseNewer(deps.seed, line, readKubeconfig(line), deps.findPlane));
};
