/** etcd on the machines of control planes that kubeadm made: who is a member, who runs, and the etcdctl that a pod of such a machine runs. */
import type { ControlPlaneFiles, ControlPlaneMachine, KubernetesDeps } from '../contract.ts';
import type { Cluster } from './cluster.ts';
import { type EtcdMember, type EtcdRegistry, isRunning, leaderOf, refusalOf } from './hosted/etcd.ts';
import { createEtcdClusters, type EtcdCluster, newMember } from './hosted/etcdClusters.ts';
import { playEtcdctl } from './hosted/etcdctl.ts';
import { createDiskMetrics } from './hosted/etcdMetrics.ts';
import { containerFiles } from './hosted/podFiles.ts';
import type { Process } from './hosted/process.ts';
import { at, type Dict, dicts, type KubeObject, spec, text } from './objects.ts';

export interface MachineEtcd {
  /** Throws a member's last words. */
  start(files: ControlPlaneFiles, machine: ControlPlaneMachine): void;
  /** Lets a machine in as a learner, which it is until it starts. Throws kubeadm's complaint. */
  join(id: string, address: string, machine: ControlPlaneMachine): void;
  stop(serverId: string): void;
  /** Whether the machine's member answers its clients. */
  answers(id: string, serverId: string): boolean;
  /** Undefined for a pod that runs something else. `changed`: its members did. */
  playEtcdctl(cluster: Cluster, id: string, pod: KubeObject, changed: () => void): Process | undefined;
}

const TOKEN = 'etcd-cluster';
/** What kubeadm puts there that a client needs. */
const CLIENT_FILES = [
  '/etc/kubernetes/pki/etcd/ca.crt',
  '/etc/kubernetes/pki/etcd/healthcheck-client.crt',
  '/etc/kubernetes/pki/etcd/healthcheck-client.key',
];

export const createMachineEtcd = (deps: Pick<KubernetesDeps, 'world'> & { now: () => number }): MachineEtcd => {
  const table = deps.world.table<EtcdCluster>('kubernetes/machine-etcd');
  const clusters = createEtcdClusters(table);
  const registry: EtcdRegistry = { members: new Map(), clusters };
  const clusterOf = (id: string): EtcdCluster | undefined => [...table.values()].find(({ namespace }) => namespace === id);
  const runs = (cluster: EtcdCluster): boolean => [...registry.members.values()].some((m) => m.cluster === cluster);

  return {
    start({ id, address }, { serverId, name }) {
      const newcomer = { namespace: id, token: TOKEN, name, volume: serverId, state: 'new', list: [{ name, url: peerUrlOf(address) }] };
      const cluster = clusters.admit(newcomer, runs);
      const member = {
        podUid: serverId,
        name,
        cluster,
        trustedCaPem: '',
        serverCertPem: '',
        compares: false,
        disk: createDiskMetrics(deps.now()),
      };
      registry.members.set(serverId, member);
      const own = cluster.members.find((m) => m.volume === serverId);
      if (own === undefined || (!own.learner && own.started)) return;
      own.learner = false;
      clusters.changed(cluster);
    },
    join(id, address, { serverId, name }) {
      const failed = (why: string): never => {
        throw new Error(`error execution phase etcd-join: error creating local etcd static pod manifest file: ${why}`);
      };
      const cluster = clusterOf(id);
      if (cluster === undefined || leaderOf(registry, cluster) === undefined) return failed('context deadline exceeded');
      const url = peerUrlOf(address);
      const old = cluster.members.find((m) => m.peerUrl === url);
      if (old?.volume === serverId) return undefined;
      // kubeadm takes the entry that has its address for its own; what that one had promised the others is on a disk that is gone.
      if (old?.started === true)
        return failed(
          `timeout waiting for etcd cluster to be available: etcd of member ${old.id} ended with "tocommit is out of range [lastIndex(0)]. Was the raft log corrupted, truncated, or lost?"`,
        );
      if (old === undefined && cluster.members.some((m) => m.learner)) return failed('etcdserver: too many learner members in cluster');
      if (old === undefined && cluster.members.some((m) => !isRunning(registry, cluster, m)))
        return failed('etcdserver: unhealthy cluster');
      if (old === undefined) cluster.members.push(newMember(name, url, true));
      const list = cluster.members.map((m) => ({ name: m.peerUrl === url ? name : m.name, url: m.peerUrl }));
      clusters.admit({ namespace: id, token: TOKEN, name, volume: serverId, state: 'existing', list }, runs);
    },
    stop: (serverId) => registry.members.delete(serverId),
    answers(id, serverId) {
      const member = registry.members.get(serverId);
      return member !== undefined && clusterOf(id) === member.cluster && refusalOf(registry, member) === undefined;
    },
    playEtcdctl(cluster, id, pod, changed) {
      const told = {
        ...clusters,
        changed(one: EtcdCluster) {
          clusters.changed(one);
          setImmediate(changed);
        },
      };
      const dial = (endpoint: string, container: Dict, flag: (name: string) => string): EtcdMember => {
        requireClientFiles(cluster, pod, container, flag);
        const own = clusterOf(id);
        const { hostname, host } = new URL(endpoint);
        const record = own?.members.find((m) =>
          hostname === '127.0.0.1' ? m.name === text(spec(pod).nodeName) : new URL(m.peerUrl).hostname === hostname,
        );
        const member = [...registry.members.values()].find((m) => m.cluster === own && m.name === record?.name);
        if (member === undefined) throw new Error(`dial tcp ${host}: connect: connection refused`);
        return member;
      };
      if (spec(pod).hostNetwork !== true) return undefined;
      return playEtcdctl(
        { seed: cluster, registry: { ...registry, clusters: told }, sizeOf: () => 20_480, revisionOf: () => 1, dial },
        pod,
      );
    },
  };
};

const peerUrlOf = (address: string): string => `https://${address}:2380`;

/** They are the machine's own, and there only for what mounts them from it. */
const requireClientFiles = (cluster: Cluster, pod: KubeObject, container: Dict, flag: (name: string) => string): void => {
  const files = containerFiles(cluster, pod, container);
  const mounts = dicts(container.volumeMounts);
  for (const path of [flag('cacert'), flag('cert'), flag('key')]) {
    const folder = text(at(files.volumeAt(path), 'hostPath', 'path'));
    const mount = mounts.find(({ mountPath }) => path.startsWith(`${text(mountPath)}/`));
    if (folder === '' || mount === undefined || !CLIENT_FILES.includes(`${folder}${path.slice(text(mount.mountPath).length)}`))
      throw new Error(`open ${path}: no such file or directory`);
  }
};
