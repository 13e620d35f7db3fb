/** One hosted cluster: its objects behind one etcd, the API servers that serve them, and the components that lead in it. */
import { cidrContains, parseCidr, parseIpv4 } from '../../../domain/cidr.ts';
import type { Counters, Faults, PlayFault } from '../../contract.ts';
import { type ApiOptions, createApiHandler } from '../apiHandler.ts';
import { type Cluster, type ClusterDeps, createCluster } from '../cluster.ts';
import { sharedObjects } from '../defaultRoles.ts';
import { createDeprecations } from '../deprecations.ts';
import { ensureInitialObjects } from '../initialObjects.ts';
import { type Listener, listen } from '../listener.ts';
import type { KubeObject } from '../objects.ts';
import type { ApiServerConfig } from './apiServer.ts';
import type { ManagerConfig } from './components.ts';
import { startManagerLoops, startSchedulerLoops } from './managerLoops.ts';
import { createNodeWorld } from './nodes.ts';
import type { Process } from './process.ts';
import { createTunnels } from './tunnelAgents.ts';

export interface Address {
  host: string;
  port: number;
  /** From where a load balancer lets connections through; none: from everywhere. */
  ranges?: readonly string[];
}

export interface PlaneDeps extends Omit<ClusterDeps, 'shared' | 'historyLimit' | 'version' | 'serviceCidr'> {
  counters: Counters;
  faults: Faults;
  playFault: PlayFault;
  /** Where the world reaches a port of an API server's pod: load balancer addresses and node ports. */
  addressesOf: (config: ApiServerConfig, port: number) => Address[];
  /** Its API server runs on a machine beside its nodes: it dials them, and their kubelets start what this says. */
  onMachines?: { startProcess: (pod: KubeObject) => Process | undefined };
}

export interface Plane {
  cluster: Cluster;
  apiServers: ReadonlyMap<string, ApiServerConfig>;
  serve(config: ApiServerConfig): void;
  lead(reachedAs: 'manager', config: ManagerConfig): void;
  lead(reachedAs: 'scheduler', config: { podUid: string; holder: string }): void;
  /** A pod of the plane stopped or lost what it needs. */
  withdraw(podUid: string): void;
  /** Looks again at the addresses: a Service changed. */
  refresh(): void;
  addresses(): string[];
  /** Resolves once it answers where it is dialled, or cannot. */
  listening(): Promise<void>;
  /** The volume is gone: so is everything the cluster held. */
  destroy(): void;
  close(): void;
}

const HISTORY = 300;

interface Loop {
  podUid: string;
  stop: () => void;
}

export const createPlane = (deps: PlaneDeps): Plane => {
  const cluster = createCluster({ ...deps, shared: sharedObjects, historyLimit: HISTORY, version: 'v0.0.0', serviceCidr: '' });
  const apiServers = new Map<string, ApiServerConfig>();
  const managers = new Map<string, ManagerConfig>();
  const schedulers = new Map<string, { podUid: string; holder: string }>();
  const listeners = new Map<string, { signature: string; listener: Promise<Listener | undefined> }>();
  const tunnels = createTunnels(cluster, {
    direct: deps.onMachines !== undefined,
    current: () => first(),
    serversAt: (host, port) =>
      [...apiServers.values()].flatMap((config) => {
        const { tunnel } = config;
        const open = tunnel && deps.addressesOf(config, tunnel.agentPort).some((a) => a.host === host && a.port === port);
        return open ? [tunnel] : [];
      }),
  });
  const nodes = createNodeWorld(cluster, tunnels, deps.onMachines?.startProcess);
  let managerLoop: Loop | undefined;
  let schedulerLoop: Loop | undefined;
  let closed = false;

  const deprecations = createDeprecations();
  const options: ApiOptions = {
    cluster,
    authentication: { bootstrapTokens: false, anonymous: 'none' },
    service: 'hosted',
    counters: deps.counters,
    faults: deps.faults,
    playFault: deps.playFault,
    podLog: nodes.podLog,
    nodeProxy: nodes.nodeProxy,
    deprecations,
    ready: () => apiServers.size > 0,
  };
  const handler = createApiHandler(options);
  /** As the Service says now, by address. */
  const ranges = new Map<string, readonly string[]>();
  const first = (): ApiServerConfig | undefined => apiServers.values().next().value;

  const open = async (address: Address, config: ApiServerConfig): Promise<Listener | undefined> => {
    try {
      const { host, port } = address;
      const { certPem, keyPem, clientCaPem } = config;
      const admits = (remote: string): boolean => isAdmitted(ranges.get(`${host}:${port}`) ?? [], remote);
      return await listen({ host, port, certPem, keyPem, clientCaPem, admits }, handler.handle);
    } catch (error) {
      deps.log.error({ err: error, address }, 'a hosted API server cannot listen');
      return undefined;
    }
  };

  const renewed = (listener: Listener | undefined, address: Address, config: ApiServerConfig): Promise<Listener | undefined> => {
    if (listener === undefined) return closed ? Promise.resolve(undefined) : open(address, config);
    listener.renew(config);
    return Promise.resolve(listener);
  };

  const shut = (key: string): void => {
    const known = listeners.get(key);
    listeners.delete(key);
    void known?.listener.then((l) => l?.close());
  };

  const refresh = (): void => {
    cluster.sealing.configure([...apiServers.values()].map(({ sealing }) => sealing));
    const wanted = new Map<string, { address: Address; config: ApiServerConfig }>();
    for (const config of apiServers.values())
      for (const address of deps.addressesOf(config, config.port))
        if (!wanted.has(`${address.host}:${address.port}`)) wanted.set(`${address.host}:${address.port}`, { address, config });
    for (const key of [...listeners.keys()]) if (!wanted.has(key)) shut(key);
    for (const [key, { address, config }] of wanted) {
      ranges.set(key, address.ranges ?? []);
      const signature = `${config.certPem}${config.keyPem}${config.clientCaPem}`;
      const known = listeners.get(key);
      if (known?.signature === signature) continue;
      // Behind an address another pod takes over where one goes, and nobody who dials is refused.
      const listener = known === undefined ? open(address, config) : known.listener.then((l) => renewed(l, address, config));
      listeners.set(key, { signature, listener });
    }
    nodes.listenAt([...wanted.keys()], first());
    // Agents that lost a server dial anew, and the kubelet sees it at their next probe.
    if (wanted.size > 0) nodes.poke();
  };

  const adopt = (config: ApiServerConfig): void => {
    cluster.version = config.version;
    cluster.serviceCidr = config.serviceCidr;
    cluster.tokenKeys = config.tokenKeys;
    options.authentication = config.authentication;
    ensureInitialObjects(cluster, [...new Set([...apiServers.values()].map((c) => c.advertiseAddress))], config.port);
  };

  const elect = <T extends { podUid: string }>(
    loop: Loop | undefined,
    candidates: Map<string, T>,
    start: (config: T) => () => void,
  ): Loop | undefined => {
    const serving = apiServers.size > 0;
    if (loop && serving && candidates.has(loop.podUid)) return loop;
    loop?.stop();
    const next: T | undefined = candidates.values().next().value;
    return serving && next ? { podUid: next.podUid, stop: start(next) } : undefined;
  };

  const electAll = (): void => {
    managerLoop = elect(managerLoop, managers, (config) => startManagerLoops(cluster, config));
    schedulerLoop = elect(schedulerLoop, schedulers, (config) => startSchedulerLoops(cluster, config.holder));
    nodes.manage(managerLoop ? managers.get(managerLoop.podUid) : undefined);
  };

  return {
    cluster,
    apiServers,
    serve(config) {
      if (apiServers.get(config.podUid) === config) return;
      apiServers.set(config.podUid, config);
      adopt(first() ?? config);
      refresh();
      electAll();
    },
    lead(role: 'manager' | 'scheduler', config: ManagerConfig | { podUid: string; holder: string }) {
      if (role === 'manager') managers.set(config.podUid, config as ManagerConfig);
      else schedulers.set(config.podUid, config);
      electAll();
    },
    withdraw(podUid) {
      const served = apiServers.delete(podUid);
      const led = managers.delete(podUid) || schedulers.delete(podUid);
      if (!served && !led) return;
      const next = first();
      if (served) {
        deprecations.forget();
        if (next) adopt(next);
        else handler.close();
        refresh();
      }
      electAll();
    },
    refresh,
    addresses: () => [...listeners.keys()],
    listening: async () => {
      await Promise.all([...listeners.values()].map(({ listener }) => listener));
    },
    destroy() {
      this.close();
      cluster.store.wipe();
    },
    close() {
      closed = true;
      apiServers.clear();
      managers.clear();
      schedulers.clear();
      electAll();
      handler.close();
      for (const key of [...listeners.keys()]) shut(key);
      nodes.close();
    },
  };
};

const isAdmitted = (ranges: readonly string[], remote: string): boolean => {
  const address = parseIpv4(remote.replace(/^::ffff:/, ''));
  return ranges.length === 0 || (address !== undefined && ranges.some((range) => cidrContains(parseCidr(range, []), address)));
};
