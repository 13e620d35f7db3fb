/** Kubernetes clusters whose control planes run on machines of the simulated cloud, by kubeadm: what Seedbed makes seeds of. */
import type { ControlPlaneFiles, ControlPlaneMachine, ControlPlanes, KubernetesDeps } from '../contract.ts';
import { systemContext } from './controllers/ownedPods.ts';
import { createPlane, type Plane, type PlaneDeps } from './hosted/plane.ts';
import { createPlanes, type Planes } from './hosted/planes.ts';
import { findKind } from './kinds.ts';
import { createMachineEtcd, type MachineEtcd } from './machineEtcd.ts';
import { type KubeObject, namespaceOf } from './objects.ts';
import { createObject } from './resources.ts';
import { UNSEALED } from './sealing.ts';

export interface MachinePlanes extends ControlPlanes {
  list(): { plane: Plane; planes: Planes }[];
  close(): void;
}

type Deps = Pick<KubernetesDeps, 'world' | 'latency' | 'log' | 'counters' | 'faults' | 'playFault' | 'isLostImage'> & { now: () => number };

/** How soon a floating IP that was moved leads elsewhere. */
const LOOK_MS = 100;

interface Member {
  files: ControlPlaneFiles;
  machine: ControlPlaneMachine;
  /** Its API server is, for a moment. */
  isAway?: boolean;
}

interface Running {
  plane: Plane;
  planes: Planes;
  /** Machines that are on, by their servers. */
  members: Map<string, Member>;
  /** Looks at who has a vote, and at where addresses lead. */
  settle(): void;
  close(): void;
}

export const createMachinePlanes = (deps: Deps): MachinePlanes => {
  const running = new Map<string, Running>();
  const etcd = createMachineEtcd(deps);
  const stop = (id: string, serverId: string): void => {
    const entry = running.get(id);
    etcd.stop(serverId);
    if (!entry?.members.delete(serverId)) return;
    entry.settle();
    if (entry.members.size > 0) return;
    running.delete(id);
    entry.close();
  };
  return {
    start: async (files, machine) => {
      etcd.start(files, machine);
      const entry = running.get(files.id) ?? open(deps, etcd, files);
      running.set(files.id, entry);
      entry.members.set(machine.serverId, { files, machine });
      entry.settle();
      await entry.plane.listening();
      return {
        stop: () => stop(files.id, machine.serverId),
        restart: async (changed, away) => {
          const member = entry.members.get(machine.serverId);
          if (member === undefined) return;
          member.isAway = true;
          entry.settle();
          await away();
          Object.assign(member, { files: changed, isAway: false });
          entry.settle();
          await entry.plane.listening();
        },
      };
    },
    join(files, machine) {
      const [id] = [...running].find(([, { members }]) => [...members.values()].some((m) => m.files.ca.certPem === files.ca.certPem)) ?? [];
      if (id === undefined)
        throw new Error('error execution phase etcd-join: could not retrieve the list of etcd endpoints: context deadline exceeded');
      etcd.join(id, files.address, machine);
      return id;
    },
    list: () => [...running.values()],
    close: () => {
      for (const entry of running.values()) entry.close();
      running.clear();
    },
  };
};

const open = (deps: Deps, etcd: MachineEtcd, files: ControlPlaneFiles): Running => {
  const { id, endpoint } = files;
  const members: Running['members'] = new Map();
  const serving = new Set<string>();
  /** Of a machine that is on and to which the address leads. */
  const isReached = ({ machine }: Member): boolean => machine.floatingIps().includes(endpoint.host);
  const plane = createPlane({
    ...deps,
    id,
    rows: deps.world.table(`kubernetes/hosted/${id}`),
    addressesOf: ({ podUid }, port) => {
      const member = [...members.values()].find(({ machine }) => apiServerOf(machine) === podUid);
      return port === endpoint.port && member !== undefined && isReached(member) ? [endpoint] : [];
    },
    onMachines: { startProcess: (pod) => etcd.playEtcdctl(plane.cluster, id, pod, settle) ?? planes.startProcess(pod) },
  } satisfies PlaneDeps);
  const planes = createPlanes({
    ...deps,
    seed: plane.cluster,
    // The others are behind their router, and have no floating IP.
    reachedAt: (node) => ([...members.values()].some((m) => m.files.address === node && isReached(m)) ? [endpoint.host] : []),
  });
  let seen = '';
  const lookAtAddresses = (): void => {
    const now = [...members.values()].map(({ machine }) => `${machine.serverId} ${machine.floatingIps().join()}`).join(';');
    if (now === seen) return;
    seen = now;
    plane.refresh();
    for (const hosted of planes.list()) hosted.plane.refresh();
  };
  const settle = (): void => {
    const willing = new Set(
      [...members].filter(([serverId, { isAway }]) => isAway !== true && etcd.answers(id, serverId)).map(([serverId]) => serverId),
    );
    for (const serverId of serving) {
      if (willing.has(serverId)) continue;
      serving.delete(serverId);
      for (const uid of podsOf({ serverId })) plane.withdraw(uid);
    }
    for (const [serverId, member] of members) {
      if (!willing.has(serverId) || serving.has(serverId)) continue;
      serving.add(serverId);
      serve(plane, member);
    }
    lookAtAddresses();
  };
  const timer = setInterval(lookAtAddresses, LOOK_MS).unref();
  return {
    plane,
    planes,
    members,
    settle,
    close() {
      clearInterval(timer);
      planes.close();
      plane.close();
    },
  };
};

type Named = Pick<ControlPlaneMachine, 'serverId'>;
const apiServerOf = ({ serverId }: Named): string => `kube-apiserver-${serverId}`;
const managerOf = ({ serverId }: Named): string => `kube-controller-manager-${serverId}`;
const schedulerOf = ({ serverId }: Named): string => `kube-scheduler-${serverId}`;
const podsOf = (machine: Named): string[] => [apiServerOf(machine), managerOf(machine), schedulerOf(machine)];

const serve = (plane: Plane, { files, machine }: Member): void => {
  const { endpoint, address, ca, server } = files;
  plane.serve({
    podUid: apiServerOf(machine),
    podName: 'kube-apiserver',
    namespace: 'kube-system',
    version: files.kubernetesVersion,
    port: endpoint.port,
    advertiseAddress: address,
    ...server,
    clientCaPem: ca.certPem,
    kubeletClientPem: files.kubeletClientPem,
    serviceCidr: files.serviceCidr,
    authentication: { bootstrapTokens: true, anonymous: 'any' },
    tokenKeys: {
      issuer: 'https://kubernetes.default.svc.cluster.local',
      signingKeyPem: files.serviceAccountKeyPem,
      verifyKeyPems: [files.serviceAccountPublicPem],
    },
    sealing: [UNSEALED],
    tunnel: undefined,
  });
  for (const object of files.objects) ensure(plane, object as KubeObject);
  plane.lead('manager', {
    podUid: managerOf(machine),
    holder: `${machine.name}_${machine.serverId}`,
    signingCertPem: ca.certPem,
    signingKeyPem: ca.keyPem,
    rootCaPem: ca.certPem,
    signsClusterInfo: true,
    cleansTokens: true,
    clusterCidr: files.podCidr,
    nodeMask: 24,
    nodeMaskV6: 64,
  });
  plane.lead('scheduler', { podUid: schedulerOf(machine), holder: `${machine.name}_${machine.serverId}` });
};

const ensure = (plane: Plane, object: KubeObject): void => {
  const kind = findKind(object.apiVersion, object.kind);
  if (kind === undefined) throw new Error(`no kind ${object.kind} in ${object.apiVersion}`);
  const namespace = namespaceOf(object);
  if (plane.cluster.store.get(kind, namespace, object.metadata.name) === undefined)
    createObject(plane.cluster, kind, namespace, object, systemContext());
};
