/** Node groups: workers of one shape. */
import type { CloudFlavor } from './cloud.ts';
import type { RootVolume } from './template.ts';
import { DEFAULT_STRATEGY, type UpgradeStrategy } from './upgradeStrategy.ts';

export type NodeGroupState = 'PENDING' | 'CREATING' | 'READY' | 'UPDATING' | 'DEGRADED' | 'FAILED' | 'DELETING' | 'DELETED';

export interface Taint {
  key: string;
  value: string | null;
  effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

export const SERVER_GROUP_POLICIES = ['SOFT_ANTI_AFFINITY', 'ANTI_AFFINITY', 'AFFINITY', 'SOFT_AFFINITY', 'NONE'] as const;
/** How Nova places a group's servers among the cloud's hosts. */
export type ServerGroupPolicy = (typeof SERVER_GROUP_POLICIES)[number];

export interface NodeGroupSpec extends NodeGroupExtras {
  flavor: string;
  image: string;
  keypair: string | null;
  count: number;
  minCount: number;
  maxCount: number | null;
  availabilityZones: string[];
  rootVolume: RootVolume | null;
  labels: Record<string, string>;
  taints: Taint[];
  floatingIpEnabled: boolean;
}

/** Settings that groups made by older releases do not have. */
export interface NodeGroupExtras {
  serverGroupPolicy: ServerGroupPolicy;
  /** What is known in the open of the customer's own cloud-init, which may hold secrets and lies sealed. */
  cloudInit: CloudInitDigest | null;
  /** Names or ids: workers have a port in each beside the one in the cluster's network. */
  additionalNetworks: string[];
  /** Names or ids, in the cluster's given network: a worker's port there has an address in each; empty: in the cluster's one. */
  subnets: string[];
  /** Workers have one of each beside all others. */
  additionalPorts: AdditionalPort[];
  /** Ids of ports that the customer made and keeps: each worker has one of them beside its others; empty: none has. */
  existingPorts: string[];
  /** Names or ids: of the workers' ports, beside ours. */
  securityGroups: string[];
  /** Of Nova's servers, beside what is ours there. */
  metadata: Record<string, string>;
  schedulerHints: Record<string, string>;
  /** Servers find their data on a disk of their own; without it only the metadata service has it. */
  configDrive: boolean;
  upgradeStrategy: UpgradeStrategy;
  /** Types of conditions that its workers are healed for; null: as the cluster says. */
  healingProblems: string[] | null;
}

export const VNIC_TYPES = ['NORMAL', 'DIRECT', 'DIRECT_PHYSICAL', 'MACVTAP', 'VIRTIO_FORWARDER'] as const;
/** How a port is plugged into a server, in Neutron's words in capitals. */
export type VnicType = (typeof VNIC_TYPES)[number];

/** A further port of each worker. */
export interface AdditionalPort {
  /** Name or id, as are all below. */
  network: string;
  /** It has an address in each; empty: where Neutron likes. */
  subnets: string[];
  /** Null: those of the worker's other ports. */
  securityGroups: string[] | null;
  vnicType: VnicType;
}

export interface CloudInitDigest {
  /** Of the text as it was given, in hex. */
  sha256: string;
  sizeBytes: number;
}

export const DEFAULT_EXTRAS: NodeGroupExtras = {
  serverGroupPolicy: 'SOFT_ANTI_AFFINITY',
  cloudInit: null,
  additionalNetworks: [],
  subnets: [],
  additionalPorts: [],
  existingPorts: [],
  securityGroups: [],
  metadata: {},
  schedulerHints: {},
  configDrive: true,
  upgradeStrategy: DEFAULT_STRATEGY,
  healingProblems: null,
};

/** A group's spec as it was stored, with the settings that came after it. */
export const completeStoredGroup = (stored: Omit<NodeGroupSpec, keyof NodeGroupExtras> & Partial<NodeGroupExtras>): NodeGroupSpec => ({
  ...DEFAULT_EXTRAS,
  ...stored,
});

export const MAX_NODES_PER_GROUP = 1000;

/** Where the text of a group's cloud-init lies sealed. */
export const CLOUD_INIT = 'cloudInit';

/** Names made ids once, at the group's first look at the cloud. */
export interface ResolvedGroup {
  flavorId: string;
  imageId: string;
  /** What its flavor gives a worker; absent on groups that were resolved before it was kept. */
  machine?: Machine;
  /** The kubelet's version that the image says it has; absent: it says none, or was looked up before that was kept. */
  kubeVersion?: string;
  /** Ids of images before the present one was made anew under their name: nobody has asked for nodes from another, so theirs stay. */
  formerImageIds?: string[];
  /** The same of flavors. */
  formerFlavorIds?: string[];
  /** The group's `namesGeneration` for which the ids above were looked up; absent: the first. */
  namesGeneration?: number;
  /** Absent on groups that were resolved before there were any, and have none, as are those below. Of additionalNetworks, then of additionalPorts. */
  networks?: ResolvedNetwork[];
  /** In the cluster's network; none: its one. */
  subnets?: ResolvedSubnet[];
  securityGroupIds?: string[];
  /** How many workers the project's quotas have been found to have room for; absent until they were looked at. */
  roomFor?: number;
  /** The cloud had no room for more nodes than wanted while they were replaced; absent: none was refused. */
  surgeRefused?: { generation: number; message: string };
}

export interface ResolvedNetwork {
  id: string;
  /** False: ports in it can have no security groups. */
  portSecurity: boolean;
  subnetIds?: string[];
  /** Absent: those of the worker's port in the cluster's network. */
  securityGroupIds?: string[];
  vnicType?: VnicType;
}

export interface ResolvedSubnet {
  id: string;
  cidr: string;
}

/** Further ports of each worker, made with it. */
export const furtherPortsOf = ({
  additionalNetworks,
  additionalPorts,
}: Pick<NodeGroupSpec, 'additionalNetworks' | 'additionalPorts'>): number => additionalNetworks.length + additionalPorts.length;

/** Those of the customer's ports that no worker has; null: workers need none. `nodes`: all that are there, those on their way out included. */
export const freePortsOf = ({ existingPorts }: NodeGroupSpec, nodes: readonly { existingPortId: string | null }[]): string[] | null => {
  const taken = new Set(nodes.map(({ existingPortId }) => existingPortId));
  return existingPorts.length === 0 ? null : existingPorts.filter((id) => !taken.has(id));
};

/** Its servers have several addresses, so the kubelet must be told which is the node's. */
export const hasSeveralAddresses = (spec: NodeGroupSpec): boolean =>
  furtherPortsOf(spec) > 0 || spec.subnets.length > 1 || spec.existingPorts.length > 0;

/** How many workers a group is to have by now: more than there is room for are only wished for. */
export const targetOf = ({ spec, resolved }: { spec: NodeGroupSpec; resolved: ResolvedGroup | null }): number =>
  Math.min(spec.count, resolved?.roomFor ?? spec.count);

/** diskGiB 0: the size of the image, or of a root volume. */
export interface Machine {
  flavor: string;
  vcpus: number;
  ramMiB: number;
  diskGiB: number;
}

/** kubeadm refuses a smaller control plane; a smaller worker has little left beside the kubelet, the network and the addons. */
const LEAST_VCPUS = 2;
const LEAST_RAM_MIB = 2048;

/** What is taken as it is, and may be regretted. */
export const warningsOf = ({ flavor, vcpus, ramMiB }: Machine): string[] =>
  vcpus >= LEAST_VCPUS && ramMiB >= LEAST_RAM_MIB
    ? []
    : [
        `Flavor ${flavor} has ${vcpus} vCPU and ${ramMiB} MiB of memory; workers with less than ${LEAST_VCPUS} vCPU or ${LEAST_RAM_MIB} MiB have little left for pods beside what each worker runs itself.`,
      ];

export const machineOf = ({ name, vcpus, ramMiB, diskGiB }: CloudFlavor): Machine => ({ flavor: name, vcpus, ramMiB, diskGiB });

/** A group without a maximum is nobody's to scale but its owner's: one pod that never fits would start a thousand servers. */
export const isScalable = (group: { spec: NodeGroupSpec; deleteRequestedAt: number | null }): boolean =>
  group.spec.maxCount !== null && group.deleteRequestedAt === null;

/** The database was put back to a copy since the group was asked for, and servers of its that it does not know have not been looked for yet. */
export const awaitsAdoption = (group: { createdAt: number; adoptedAt: number | null }, cluster: { restoredAt: number | null }): boolean =>
  (cluster.restoredAt ?? 0) > Math.max(group.adoptedAt ?? 0, group.createdAt);
