/** What the two halves of the sandbox (OpenStack and Kubernetes) and their shared process agree on: types only. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../lib/log.ts';

/** One value that outlives the process. Change `data` in place, then call `changed()`: the whole value is written again, so keep it small. */
export interface WorldSection<T> {
  readonly data: T;
  changed(): void;
}

/** Many values by key that outlive the process; a change costs one line in the world file, whatever the table's size. Values are JSON. */
export interface WorldTable<T> {
  readonly size: number;
  get(key: string): T | undefined;
  /** Also says that a value was changed in place. */
  set(key: string, value: T): void;
  delete(key: string): void;
  keys(): IterableIterator<string>;
  values(): IterableIterator<T>;
}

/** The sandbox's memory. Names are the halves' own: the Kubernetes half starts its names with `kubernetes/`. */
export interface World {
  section<T>(name: string, initial: T): WorldSection<T>;
  table<T>(name: string): WorldTable<T>;
  /** Writes what is pending, synchronously. */
  flush(): void;
}

/** The usual duration in milliseconds, scaled by the sandbox's latency scale (0 = at once). Read it each time: the scale can change. */
export type Latency = (usualMs: number) => number;

/** About how long the disk of a member of etcd takes for an fsync now, in milliseconds, by the name of its pod. */
export type DiskMs = (pod: string) => number;

/** Calls by service, method and path template (`/servers/{id}`); a write is a call that changed something or tried to. */
export interface Counters {
  /** `call`: which one it was, for who records them. */
  count(
    service: string,
    method: string,
    template: string,
    call?: { path: string; name: string; digest: string; requestId: string | null; fault: string | null },
  ): void;
}

export type Fault =
  /** `requestId`: of the service, for a body of JSON; without it a new one. */
  | { kind: 'status'; status: number; body: string | null; retryAfterSeconds: number | null; requestId?: string | null }
  | { kind: 'resetBefore' }
  | { kind: 'resetAfter' }
  | { kind: 'stall'; stallMs: number }
  | { kind: 'truncate' }
  | { kind: 'duplicate' }
  | { kind: 'staleList'; ageMs: number };

/** The faults that were switched on. `take` uses one up when it fits; undefined means: behave. */
export interface Faults {
  take(service: string, method: string, path: string): Fault | undefined;
}

/** Runs a request handler under a fault (see faults.ts `playFault`); the handler must not care whether its answer is delivered. */
export type PlayFault = (fault: Fault, request: IncomingMessage, response: ServerResponse, handle: () => void | Promise<void>) => void;

/** What startKubernetes gets. The service name it counts and fails under is `kubernetes` for seeds and `hosted` for hosted clusters. */
export interface KubernetesDeps {
  world: World;
  /** Where the kubeconfigs are written (mode 0600). */
  dataDir: string;
  /** The loopback address the seed's API listens on; its port is remembered in a world section. */
  host: string;
  /** The loopback addresses of a new world's clusters, 127.range.0.0/16; null takes the first that are free. */
  range: number | null;
  /** How many seeds there are, which share these addresses: one or two; one when left out. */
  seeds?: number;
  latency: Latency;
  /** Left out: 2 ms. */
  diskMs?: DiskMs;
  /** Whether no node can pull it. Left out: each can be. */
  isLostImage?: (image: string) => boolean;
  counters: Counters;
  faults: Faults;
  playFault: PlayFault;
  log: Log;
}

/** What `kubeadm init`, or `kubeadm join` as one more control plane, has on its machine's disk when it starts the control plane there. PEM throughout. */
export interface ControlPlaneFiles {
  /** Of the cluster: what it holds is kept by it. */
  id: string;
  kubernetesVersion: string;
  /** The machine's own address. */
  address: string;
  /** Where others dial the API. */
  endpoint: { host: string; port: number };
  serviceCidr: string;
  podCidr: string;
  ca: { certPem: string; keyPem: string };
  server: { certPem: string; keyPem: string };
  kubeletClientPem: string;
  serviceAccountKeyPem: string;
  serviceAccountPublicPem: string;
  /** What kubeadm makes in the cluster, by which others join it. */
  objects: { kind: string; apiVersion: string; [key: string]: unknown }[];
}

/** On one machine. */
export interface RunningControlPlane {
  /** What the cluster holds outlives it. */
  stop(): void;
  /** Its API server, scheduler and controller manager, as other files have them; `away` ends when they may come back. What its kubelets run goes on. */
  restart(files: ControlPlaneFiles, away: () => Promise<void>): Promise<void>;
}

/** A machine that runs a control plane. */
export interface ControlPlaneMachine {
  serverId: string;
  /** Of its node, and of its member of etcd. */
  name: string;
  /** That lead to it now. */
  floatingIps: () => readonly string[];
}

export interface ControlPlanes {
  /** Starts etcd and the API server on a machine; resolves once they answer or cannot for want of others. Throws etcd's last words when it does not start. */
  start(files: ControlPlaneFiles, machine: ControlPlaneMachine): Promise<RunningControlPlane>;
  /** What `kubeadm join` does of a machine that is to run etcd, too: it is let in as a learner. Gives the cluster's id; throws kubeadm's complaint. */
  join(files: Omit<ControlPlaneFiles, 'id'>, machine: ControlPlaneMachine): string;
}

export interface KubernetesHalf {
  /** Range of loopback addresses for the cloud's outside, so that what listens at a floating IP can be dialled; absent: nothing does. */
  outside?: string;
  /** Absent: no machine of this sandbox runs a control plane. */
  controlPlanes?: ControlPlanes;
  seeds: { name: string; kubeconfigFile: string; adminKubeconfigFile: string }[];
  /** Everything there is, for GET /control/world and leak checks. */
  snapshot(): unknown;
  close(): Promise<void>;
}

export type StartKubernetes = (deps: KubernetesDeps) => Promise<KubernetesHalf>;

/** What a simulated server gets when it goes ACTIVE, and again after each restart of the sandbox or of the server. */
export interface MachineSpec {
  serverId: string;
  name: string;
  /** The user data as text, already base64-decoded. */
  userData: string | null;
  /** Of the kubelet and kubeadm in its image, where the image says so; null: they are installed as the user data says. */
  kubeVersion: string | null;
  /** Its first fixed IPv4 address. */
  address: string;
  /** Of all its ports, both families. */
  addresses: readonly string[];
  /** Floating IPs that lead to it now; absent: none ever does. */
  floatingIps?: () => readonly string[];
  controlPlanes?: ControlPlanes;
  /** Milliseconds from power-on until cloud-init runs, already scaled. */
  bootMs: number;
  /** One line of console output, without newline. */
  log: (line: string) => void;
  /** What `save` stored last, or {}. */
  state: Record<string, unknown>;
  /** Stores the machine's disk, as it were. Set `joined: true` in it once the Node is registered: a fault may kill the machine then. */
  save: (state: Record<string, unknown>) => void;
}

export interface Machine {
  stop(): Promise<void>;
}

export type BootMachine = (spec: MachineSpec) => Machine;
