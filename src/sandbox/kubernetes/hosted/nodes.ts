/** The nodes of a hosted cluster: pod ranges, readiness by network and heartbeat, and the kubelets that run their pods. */

import { randomUUID } from 'node:crypto';
import { formatIpv6 } from '../../../domain/cidrV6.ts';
import { addressText, parseCidr, parseCidrV6, parseRanges } from '../addresses.ts';
import { type Cluster, writeBack } from '../cluster.ts';
import { recordEvent } from '../controllers/events.ts';
import { LEASE, NODE, POD } from '../kinds.ts';
import { createKubelets, type KubeletDeps, type KubeletSet } from '../kubelet.ts';
import { type AttachedKubelet, listenForKubelets } from '../machineRegistry.ts';
import { at, conditionStatus, type Dict, dicts, type KubeObject, spec, status, text, texts, timestamp, withCondition } from '../objects.ts';
import { StatusError } from '../statusError.ts';
import type { NodeProxy, PodLog } from '../subresources.ts';
import type { ApiServerConfig } from './apiServer.ts';
import { playMachineTask } from './machineTask.ts';
import { requireShown } from './pkiChecks.ts';
import type { Tunnels } from './tunnelAgents.ts';

/** How long a node may be silent before it counts as lost: 40 s in life, a tenth of it here so that tries stay short. */
const GRACE_MS = 4000;
const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';

const withTaint = (node: KubeObject, key: string, present: boolean): KubeObject => {
  const others = dicts(spec(node).taints).filter((t) => t.key !== key);
  const taints = present ? [...others, { key, effect: 'NoSchedule' }] : others;
  const { taints: _old, ...rest } = spec(node);
  return { ...node, spec: taints.length > 0 ? { ...rest, taints } : rest };
};

const mountsCni = (pod: KubeObject): boolean =>
  dicts(spec(pod).volumes).some((v) => text(at(v, 'hostPath', 'path')).replace(/\/$/, '') === '/etc/cni/net.d');

const CONDITIONS = ['MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;
const SUFFICIENT: Record<string, string> = {
  MemoryPressure: 'KubeletHasSufficientMemory',
  DiskPressure: 'KubeletHasNoDiskPressure',
  PIDPressure: 'KubeletHasSufficientPID',
};

const kubeletConditions = (node: KubeObject, networkReady: boolean, now: string): Dict[] => {
  const calm = CONDITIONS.reduce<unknown>(
    (all, type) => withCondition(all, { type, status: 'False', reason: SUFFICIENT[type] ?? '', message: 'kubelet has no pressure' }, now),
    status(node).conditions,
  );
  const ready = networkReady
    ? { type: 'Ready', status: 'True' as const, reason: 'KubeletReady', message: 'kubelet is posting ready status' }
    : {
        type: 'Ready',
        status: 'False' as const,
        reason: 'KubeletNotReady',
        message:
          'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized',
      };
  return withCondition(calm, ready, now);
};

export type ApiFiles = Pick<ApiServerConfig, 'clientCaPem' | 'certPem' | 'kubeletClientPem'>;

/** Of pods, for all nodes together, and how long the prefix of one node's share is. */
export interface Ranges {
  /** Of IPv4, and after a comma that of IPv6 if there is one. */
  clusterCidr: string | undefined;
  nodeMask: number;
  nodeMaskV6: number;
}

export interface NodeWorld {
  /** Both fail as in life where no tunnel leads from the API server to the kubelets. */
  podLog: PodLog;
  nodeProxy: NodeProxy;
  /** The kubelets look at their pods again. */
  poke(): void;
  /** The endpoints that machines dial, and what the API server there trusts and shows; undefined while none listens. */
  listenAt(endpoints: readonly string[], apiServer: ApiFiles | undefined): void;
  /** Controllers of the controller manager: pod ranges, taints, lost nodes. Undefined stops them. */
  manage(options: Ranges | undefined): void;
  close(): void;
}

/** `startProcess`: more programs that its kubelets know. */
export const createNodeWorld = (
  cluster: Cluster,
  tunnels: Tunnels,
  startProcess: KubeletDeps['startProcess'] = () => undefined,
): NodeWorld => {
  const alive = new Map<string, AttachedKubelet>();
  const networks = new Map<string, Set<string>>();
  const lost = new Map<string, NodeJS.Timeout>();
  let stops: (() => void)[] = [];
  let listening = '';
  let nobodyListens = false;
  let apiServer: ApiFiles | undefined;
  let managed: Ranges | undefined;
  let nextPod = 2;

  const node = (name: string): KubeObject | undefined => cluster.store.get(NODE, '', name);
  const networkReady = (name: string): boolean => (networks.get(name)?.size ?? 0) > 0;

  const reportNode = (name: string): void => {
    const live = node(name);
    if (!live || !alive.has(name)) return;
    const before = conditionStatus(live, 'Ready');
    const conditions = kubeletConditions(live, networkReady(name), timestamp(cluster.now()));
    if (JSON.stringify(conditions) === JSON.stringify(status(live).conditions)) return;
    const changed = writeBack(cluster, NODE, { ...live, status: { ...status(live), conditions } });
    if (changed && before !== 'True' && networkReady(name))
      recordEvent(cluster, changed, {
        type: 'Normal',
        reason: 'NodeReady',
        message: `Node ${name} status is now: NodeReady`,
        component: 'kubelet',
      });
  };

  const podAddress = (name: string): string => {
    const range = parseCidr(text(at(node(name), 'spec', 'podCIDR')));
    nextPod += 1;
    return range ? addressText(range.base + 2 + (nextPod % Math.max(1, range.size - 3))) : '';
  };

  const kubelets: KubeletSet = createKubelets({
    cluster,
    nodes: { address: (name) => (node(name) ? alive.get(name)?.address : undefined), networkReady, podAddress },
    startProcess: (pod) =>
      tunnels.startProcess(pod) ?? playMachineTask(pod, alive.get(text(spec(pod).nodeName))?.shell) ?? startProcess(pod),
    running(pod, runs) {
      if (!mountsCni(pod)) return;
      const name = text(spec(pod).nodeName);
      const pods = networks.get(name) ?? new Set<string>();
      const before = pods.size > 0;
      if (runs) pods.add(pod.metadata.uid);
      // What a network once wrote to /etc/cni/net.d stays there when its pod goes.
      networks.set(name, pods);
      if (before === pods.size > 0) return;
      reportNode(name);
      kubelets.poke(name);
    },
  });

  /** Written when the kubelet comes and not every ten seconds after: who is alive is known without it. */
  const renewLease = (name: string): void => {
    const known = cluster.store.get(LEASE, 'kube-node-lease', name);
    const now = cluster.now();
    const owner = node(name);
    const metadata = known?.metadata ?? {
      name,
      namespace: 'kube-node-lease',
      uid: randomUUID(),
      resourceVersion: '0',
      creationTimestamp: timestamp(now),
      ...(owner ? { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: owner.metadata.uid }] } : {}),
    };
    const renewTime = new Date(now).toISOString().replace('Z', '000Z');
    cluster.store.put(LEASE, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata,
      spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime },
    });
  };

  const shareV6 = (cidr: string, nodeMask: number): string => {
    const { base, prefix } = parseCidrV6(cidr) ?? { base: 0n, prefix: 0 };
    const taken = new Set(cluster.store.list(NODE).flatMap((n) => texts(spec(n).podCIDRs)));
    for (let i = 0n; i < 1n << BigInt(nodeMask - prefix); i += 1n) {
      const share = `${formatIpv6(base + (i << BigInt(128 - nodeMask)))}/${nodeMask}`;
      if (!taken.has(share)) return share;
    }
    return '';
  };

  const assignRange = (live: KubeObject): KubeObject => {
    const ranges = parseRanges(managed?.clusterCidr ?? '');
    const range = parseCidr(ranges?.ipv4 ?? '');
    if (!managed || !range || spec(live).podCIDR !== undefined) return live;
    const taken = new Set(cluster.store.list(NODE).map((n) => text(spec(n).podCIDR)));
    const size = 2 ** (32 - managed.nodeMask);
    for (let base = range.base; base + size <= range.base + range.size; base += size) {
      const podCIDR = `${addressText(base)}/${managed.nodeMask}`;
      if (taken.has(podCIDR)) continue;
      const second = ranges?.ipv6 === undefined ? [] : [shareV6(ranges.ipv6, managed.nodeMaskV6)];
      return { ...live, spec: { ...spec(live), podCIDR, podCIDRs: [podCIDR, ...second] } };
    }
    recordEvent(cluster, live, {
      type: 'Warning',
      reason: 'CIDRNotAvailable',
      message: `Node ${live.metadata.name} status is now: CIDRNotAvailable`,
      component: 'cidrAllocator',
    });
    return live;
  };

  const manageNode = (name: string): void => {
    const live = node(name);
    if (!managed || !live || live.metadata.deletionTimestamp) return;
    const ready = conditionStatus(live, 'Ready');
    const ranged = assignRange(live);
    const tainted = withTaint(withTaint(ranged, NOT_READY, ready === 'False' || ready === ''), UNREACHABLE, ready === 'Unknown');
    if (JSON.stringify(spec(tainted)) !== JSON.stringify(spec(live))) writeBack(cluster, NODE, tainted);
    if (!alive.has(name) && ready !== 'Unknown' && !lost.has(name))
      lost.set(
        name,
        setTimeout(() => declareLost(name), cluster.latency(GRACE_MS)),
      );
  };

  const declareLost = (name: string): void => {
    lost.delete(name);
    const live = node(name);
    if (!managed || !live || alive.has(name)) return;
    const now = timestamp(cluster.now());
    const conditions = dicts(status(live).conditions)
      .map((c) => text(c.type))
      .reduce<unknown>(
        (all, type) =>
          withCondition(
            all,
            { type, status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' },
            now,
          ),
        status(live).conditions,
      );
    writeBack(cluster, NODE, { ...live, status: { ...status(live), conditions } });
    for (const pod of cluster.store.list(POD)) {
      if (spec(pod).nodeName !== name) continue;
      cluster.store.put(POD, {
        ...pod,
        status: {
          ...status(pod),
          conditions: withCondition(status(pod).conditions, { type: 'Ready', status: 'False', reason: 'NodeNotReady' }, now),
        },
      });
    }
  };

  const unsubscribe = cluster.store.subscribe(({ kind, type, object }) => {
    if (kind !== NODE) return;
    const { name } = object.metadata;
    setImmediate(() => {
      if (type === 'DELETED') {
        // A kubelet whose Node object is deleted stays silent: it registers at its start only.
        networks.delete(name);
        return;
      }
      if (type === 'ADDED') kubelets.poke(name);
      reportNode(name);
      manageNode(name);
    });
  });

  const arrived = (kubelet: AttachedKubelet, { clientCaPem, certPem }: ApiFiles): void => {
    try {
      requireShown(kubelet.certPem, clientCaPem, cluster.now(), 'kubelet');
      requireShown(certPem, kubelet.caPem, cluster.now(), 'API server');
    } catch (error) {
      cluster.log.warn({ err: error, node: kubelet.nodeName }, 'a kubelet and its API server do not trust each other any more');
      return;
    }
    alive.set(kubelet.nodeName, kubelet);
    clearTimeout(lost.get(kubelet.nodeName));
    lost.delete(kubelet.nodeName);
    renewLease(kubelet.nodeName);
    reportNode(kubelet.nodeName);
    kubelets.poke(kubelet.nodeName);
  };

  /** A kubelet answers 401 to whom it does not know. */
  const refusalOf = ({ caPem }: AttachedKubelet): string | undefined => {
    try {
      if (apiServer?.kubeletClientPem) requireShown(apiServer.kubeletClientPem, caPem, cluster.now(), 'API server');
      return undefined;
    } catch {
      return 'Unauthorized';
    }
  };

  /** Why the API server does not reach a node's kubelet; undefined when it does. */
  const dial = (name: string): { address: string; why: string } | undefined => {
    const kubelet = alive.get(name);
    const address = kubelet?.address ?? name;
    const why = tunnels.failure(`${address}:10250`) ?? (kubelet ? refusalOf(kubelet) : `dial tcp ${address}:10250: i/o timeout`);
    return why === undefined ? undefined : { address, why };
  };

  return {
    podLog(pod, container) {
      const { namespace = '', name } = pod.metadata;
      const failed = dial(text(spec(pod).nodeName));
      if (failed === undefined) return kubelets.log(pod, container) || `${container} runs\n`;
      throw new StatusError(
        500,
        'InternalError',
        `Get "https://${failed.address}:10250/containerLogs/${namespace}/${name}": ${failed.why}`,
      );
    },
    nodeProxy(name, path) {
      if (!node(name)) throw new StatusError(404, 'NotFound', `nodes "${name}" not found`);
      const failed = dial(name);
      if (failed !== undefined) throw new StatusError(503, 'ServiceUnavailable', `error trying to reach service: ${failed.why}`);
      if (path === '/healthz') return 'ok';
      throw new StatusError(404, 'NotFound', 'the server could not find the requested resource');
    },
    poke: () => kubelets.poke(),
    listenAt(endpoints, files) {
      apiServer = files;
      const key = `${endpoints.join()} ${files?.clientCaPem} ${files?.certPem}`;
      if (key === listening) return;
      listening = key;
      for (const stop of stops) stop();
      stops = [];
      const unheard = nobodyListens;
      nobodyListens = files === undefined || endpoints.length === 0;
      if (files === undefined || endpoints.length === 0) return;
      // Who went while nobody listened said so to nobody.
      const still = new Set<string>();
      stops = endpoints.map((endpoint) =>
        listenForKubelets(endpoint, {
          attached(kubelet) {
            still.add(kubelet.nodeName);
            arrived(kubelet, files);
          },
          detached(kubelet) {
            if (alive.get(kubelet.nodeName) !== kubelet) return;
            alive.delete(kubelet.nodeName);
            manageNode(kubelet.nodeName);
          },
        }),
      );
      for (const name of [...alive.keys()].filter((one) => unheard && !still.has(one))) {
        alive.delete(name);
        manageNode(name);
      }
    },
    manage(options) {
      const same = JSON.stringify(options) === JSON.stringify(managed);
      managed = options;
      if (!same && options) for (const live of cluster.store.list(NODE)) manageNode(live.metadata.name);
    },
    close() {
      unsubscribe();
      kubelets.close();
      for (const stop of stops) stop();
      for (const timer of lost.values()) clearTimeout(timer);
    },
  };
};
