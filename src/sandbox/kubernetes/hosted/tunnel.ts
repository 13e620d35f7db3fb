/** A simulated konnectivity server: what it insists on beside its API server, and which agents it lets in. */
import { parse } from 'yaml';
import type { Cluster, User } from '../cluster.ts';
import { at, dict, dicts, text } from '../objects.ts';
import { isAllowed } from '../rbac.ts';
import { type CommandLine, checkCommandLine, fileOf, parseCommandLine } from './commandLine.ts';
import { readKubeconfig } from './components.ts';
import { parsePair, requireChain, requireUsage, subjectOf } from './pkiChecks.ts';

export interface TunnelServer {
  podUid: string;
  agentPort: number;
  certPem: string;
  audience: string;
  /** The only service account whose tokens open it. */
  account: string;
  /** As whom it has tokens reviewed. */
  reviewer: User;
}

/** What an agent shows. */
export interface AgentToken {
  audience: string;
  /** `namespace:name` of its service account. */
  account: string;
}

/** The socket through which an API server reaches its cluster; undefined when it dials by itself. */
const socketOf = (line: CommandLine): string | undefined => {
  if (line.flag('egress-selector-config-file') === undefined) return undefined;
  const failed = 'failed to setup egress selector with config file';
  const config = dict(parse(fileOf(line, 'egress-selector-config-file')));
  if (config.kind !== 'EgressSelectorConfiguration' || !/^apiserver\.k8s\.io\/v1(beta1|alpha1)$/.test(text(config.apiVersion)))
    throw new Error(`${failed}: no kind "${text(config.kind)}" is registered for version "${text(config.apiVersion)}"`);
  const selection = dicts(config.egressSelections).find((s) => s.name === 'cluster');
  if (!selection || at(selection, 'connection', 'proxyProtocol') === 'Direct') return undefined;
  const socket = text(at(selection, 'connection', 'transport', 'uds', 'udsName'));
  if (at(selection, 'connection', 'proxyProtocol') !== 'GRPC' || socket === '')
    throw new Error(`${failed}: the sandbox plays GRPC over a UNIX socket only`);
  return socket;
};

/** Both containers must see the socket in one volume that lives as long as the pod. */
const requireSharedSocket = (api: CommandLine, server: CommandLine, socket: string): void => {
  if (server.flag('uds-name') !== socket)
    throw new Error(`dial unix ${socket}: connect: no such file or directory (the server listens at ${server.flag('uds-name') ?? 'none'})`);
  const [ours, theirs] = [api, server].map((line) => line.files.volumeAt(socket));
  if (!ours || ours.emptyDir === undefined || text(ours.name) !== text(theirs?.name))
    throw new Error(`failed to listen(unix) name ${socket}: the containers share no folder for it`);
};

/**
 * The server beside an API server; undefined when the API server uses none.
 * Throws what either of the two would log when it does not start.
 */
export const readTunnelServer = (
  seed: Cluster,
  api: CommandLine,
  apiServer: { port: number; clientCaPem: string },
): TunnelServer | undefined => {
  const socket = socketOf(api);
  if (socket === undefined) return undefined;
  const line = parseCommandLine(seed, api.pod, 'proxy-server');
  if (!line) throw new Error(`dial unix ${socket}: connect: no such file or directory`);
  checkCommandLine(line);
  if (line.flag('mode') !== 'grpc') throw new Error('the API server speaks GRPC to a konnectivity server of another --mode');
  if (line.flag('server-port') !== '0') throw new Error(`server port should be set to 0 not ${line.flag('server-port') ?? 8090} for UDS`);
  requireSharedSocket(api, line, socket);
  const certPem = fileOf(line, 'cluster-cert');
  requireUsage(parsePair(certPem, fileOf(line, 'cluster-key'), 'failed to load X509 key pair'), 'server', 'agents');
  const account = `${line.flag('agent-namespace') ?? ''}:${line.flag('agent-service-account') ?? ''}`;
  const audience = line.flag('authentication-audience') ?? '';
  if (/^:|:$/.test(account) || audience === '') throw new Error('agent authentication is not complete: any agent would be let in');
  return {
    podUid: api.pod.metadata.uid,
    agentPort: agentPortOf(line),
    certPem,
    audience,
    account,
    reviewer: reviewerOf(seed, line, apiServer),
  };
};

const agentPortOf = (line: CommandLine): number => {
  const port = Number(line.flag('agent-port') ?? 8091);
  if (port < 1024) throw new Error(`please do not try to use reserved port ${port} for the agent port`);
  if (port > 49_151) throw new Error(`please do not try to use ephemeral port ${port} for the agent port`);
  return port;
};

const reviewerOf = (seed: Cluster, line: CommandLine, apiServer: { port: number; clientCaPem: string }): User => {
  const { url, certPem, keyPem } = readKubeconfig(line);
  if (!['localhost', '127.0.0.1'].includes(url.hostname) || Number(url.port) !== apiServer.port)
    throw new Error(`dial tcp ${url.host}: connect: connection refused`);
  const cert = parsePair(certPem, keyPem, 'client certificate');
  requireUsage(cert, 'client', 'client certificate');
  requireChain(cert, apiServer.clientCaPem, seed.now(), 'client certificate');
  const { name, groups } = subjectOf(cert);
  return { name, groups: [...groups, 'system:authenticated'] };
};

/** Throws what the server answers to an agent that it does not let in. */
export const admit = (tenant: Cluster, server: TunnelServer, token: AgentToken): void => {
  const { reviewer } = server;
  if (!isAllowed(tenant, reviewer, { verb: 'create', group: 'authentication.k8s.io', resource: 'tokenreviews', name: '' }))
    throw new Error(
      `Failed to authenticate request. err:tokenreviews.authentication.k8s.io is forbidden: User "${reviewer.name}" cannot create resource "tokenreviews" in API group "authentication.k8s.io" at the cluster scope`,
    );
  if (token.audience !== server.audience) throw new Error('lookup failed: service account jwt not valid');
  if (token.account !== server.account)
    throw new Error(`lookup failed: incoming request from "${token.account}". Expected "${server.account}"`);
};
