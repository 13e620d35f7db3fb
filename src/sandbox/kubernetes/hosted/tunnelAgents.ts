/** Simulated konnectivity agents in the pods of a hosted cluster, and what the API server reaches through them. */
import type { Cluster } from '../cluster.ts';
import { CONFIG_MAP, SERVICE_ACCOUNT } from '../kinds.ts';
import { at, dict, dicts, type KubeObject, namespaceOf, spec, text } from '../objects.ts';
import type { ApiServerConfig } from './apiServer.ts';
import { type CommandLine, checkCommandLine, parseCommandLine } from './commandLine.ts';
import { parseCertificates, requireChain, requireHost } from './pkiChecks.ts';
import { messageOf, type Process } from './process.ts';
import { type AgentToken, admit, type TunnelServer } from './tunnel.ts';

export interface Tunnels {
  /** For the cluster's kubelets: an agent, or undefined for any other pod. Throws the line with which it ends at once. */
  startProcess(pod: KubeObject): Process | undefined;
  /** Why the API server does not get to `host:port` in the cluster; undefined when the way is open. */
  failure(target: string): string | undefined;
}

export interface TunnelDeps {
  /** Without a tunnel the API server has a way to its nodes. */
  direct: boolean;
  /** The API server that answers now. */
  current: () => ApiServerConfig | undefined;
  serversAt: (host: string, port: number) => TunnelServer[];
}

const MOUNTED_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

export const createTunnels = (cluster: Cluster, deps: TunnelDeps): Tunnels => {
  /** Agent's pod → the servers' pods that let it in. */
  const connected = new Map<string, Set<string>>();
  return {
    startProcess(pod) {
      const line = parseCommandLine(cluster, pod, 'proxy-agent');
      if (!line) return undefined;
      checkCommandLine(line);
      const { uid } = pod.metadata;
      return {
        check() {
          const { servers, log } = dial(cluster, deps, line);
          connected.set(uid, new Set(servers));
          return servers.length > 0 ? { state: 'ready' } : { state: 'waiting', log };
        },
        stop: () => connected.delete(uid),
      };
    },
    failure(target) {
      const server = deps.current()?.tunnel;
      if (server === undefined) return deps.direct ? undefined : `dial tcp ${target}: i/o timeout`;
      const through = [...connected.values()].some((servers) => servers.has(server.podUid));
      return through ? undefined : 'No agent available';
    },
  };
};

/** The servers that let the agent in, by their pods; what it logs when there is none. */
const dial = (cluster: Cluster, { serversAt }: TunnelDeps, line: CommandLine): { servers: string[]; log: string } => {
  const host = line.flag('proxy-server-host') ?? '127.0.0.1';
  const port = Number(line.flag('proxy-server-port') ?? 8091);
  const found = serversAt(host, port);
  let log = found.length === 0 ? `cannot connect once: dial tcp ${host}:${port}: connect: connection refused` : '';
  const servers = found.flatMap((server) => {
    try {
      const [certificate] = parseCertificates(server.certPem, 'konnectivity server');
      if (certificate) {
        requireChain(certificate, authorityOf(cluster, line), cluster.now(), host);
        requireHost(certificate, host, host);
      }
      admit(cluster, server, tokenOf(cluster, line));
      return [server.podUid];
    } catch (error) {
      log = `cannot connect once: ${messageOf(error)}`;
      return [];
    }
  });
  return { servers, log };
};

const authorityOf = (cluster: Cluster, line: CommandLine): string => {
  const path = line.flag('ca-cert') ?? '';
  const mounted = path === `${MOUNTED_ACCOUNT}/ca.crt` && spec(line.pod).automountServiceAccountToken !== false;
  const published = cluster.store.get(CONFIG_MAP, namespaceOf(line.pod), 'kube-root-ca.crt');
  const pem = mounted ? text(dict(published?.data)['ca.crt']) : line.files.read(path);
  if (!pem) throw new Error(`failed to read agent CA cert ${path}: open ${path}: no such file or directory`);
  return pem;
};

const tokenOf = (cluster: Cluster, line: CommandLine): AgentToken => {
  const path = line.flag('service-account-token-path') ?? '';
  const volume = line.files.volumeAt(path);
  const projected = dicts(at(volume, 'projected', 'sources'))
    .map((source) => dict(source.serviceAccountToken))
    .find((token) => text(token.path) !== '' && path.endsWith(`/${text(token.path)}`));
  const namespace = namespaceOf(line.pod);
  const name = text(spec(line.pod).serviceAccountName) || 'default';
  if (!projected || !cluster.store.get(SERVICE_ACCOUNT, namespace, name)) throw new Error(`failed to read token file "${path}"`);
  return { audience: text(projected.audience), account: `${namespace}:${name}` };
};
