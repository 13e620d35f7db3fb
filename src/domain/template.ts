/** Cluster templates: what an operator offers, in Magnum's words where they still mean something. */
import { type DeepPartial, leavesOf, mergeTrees, valueAt } from '../lib/tree.ts';
import type { BundleChoice } from './addonBundle.ts';
import { type AddonsSpec, DEFAULT_ADDONS } from './addons.ts';
import { type AutoScalingSpec, DEFAULT_AUTO_SCALING } from './autoScaling.ts';
import { type BackupSpec, DEFAULT_BACKUP } from './backupSchedule.ts';
import { type ControlPlaneSpec, DEFAULT_CONTROL_PLANE } from './controlPlane.ts';
import { DEFAULT_HEALING, type HealingSpec } from './healing.ts';
import { DEFAULT_HIBERNATION_SCHEDULE, type HibernationSchedule } from './hibernation.ts';
import { DEFAULT_MAINTENANCE, type MaintenanceSpec } from './maintenance.ts';
import { defaultRelease } from './version.ts';

export type Visibility = 'PUBLIC' | 'PRIVATE' | 'HIDDEN';
export type NetworkDriver = 'FLANNEL' | 'CALICO' | 'CILIUM' | 'NONE';
export type IpFamily = 'IPV4' | 'IPV6';
export type VolumeDriver = 'CINDER' | 'NONE';

export interface RootVolume {
  sizeGiB: number;
  type: string | null;
}

/** Everything a cluster takes from its template; a cluster's overrides have the same shape, all optional. */
export interface TemplateSpec {
  kubernetesVersion: string;
  image: string;
  keypair: string | null;
  externalNetwork: string | null;
  fixedNetwork: string | null;
  fixedSubnet: string | null;
  fixedSubnetV6: string | null;
  /** In bytes; of the network that is made, null: Neutron's own choice. */
  networkMtu: number | null;
  dnsNameservers: string[];
  flavor: string;
  /** Control-plane size by the name Magnum's users know; kept as data until sizes are served. */
  masterFlavor: string | null;
  networkDriver: NetworkDriver;
  volumeDriver: VolumeDriver;
  /** Kept as data: containerd has one storage driver. */
  dockerStorageDriver: string | null;
  floatingIpEnabled: boolean;
  masterLbFloatingIpEnabled: boolean;
  controlPlane: ControlPlaneSpec;
  addons: AddonsSpec;
  /** In the order in which they are installed. */
  bundles: BundleChoice[];
  rootVolume: RootVolume | null;
  /** The three are for the default node group. */
  availabilityZone: string | null;
  minNodeCount: number | null;
  maxNodeCount: number | null;
  /** Of pods, Services and workers: IPv4 alone, or IPv4 and then IPv6. The three ranges of IPv6 count for the latter. */
  ipFamilies: IpFamily[];
  podCidr: string;
  podCidrV6: string;
  serviceCidr: string;
  serviceCidrV6: string;
  nodeCidr: string;
  /** null: a unique local range that follows from the cluster's id. */
  nodeCidrV6: string | null;
  dnsDomain: string;
  keystoneAuthEnabled: boolean;
  autoHealingEnabled: boolean;
  healing: HealingSpec;
  autoScalingEnabled: boolean;
  autoScaling: AutoScalingSpec;
  backup: BackupSpec;
  maintenance: MaintenanceSpec;
  hibernationSchedule: HibernationSchedule;
  /** Labels that Magnum knows and that have no meaning here, with the value given. */
  ignoredLabels: Record<string, string>;
  /** Only seeds that carry all of these labels are considered. */
  seedSelector: Record<string, string>;
}

/**
 * What a template says when nobody says otherwise. Ranges lie outside 10.96.0.0/12 and 10.244.0.0/16, which most seeds use for
 * themselves; what is not served yet is off. A setting that is younger than a stored spec has its value from here, too.
 */
export const DEFAULT_SPEC: Omit<TemplateSpec, 'image' | 'flavor'> = {
  kubernetesVersion: defaultRelease.version,
  keypair: null,
  externalNetwork: null,
  fixedNetwork: null,
  fixedSubnet: null,
  fixedSubnetV6: null,
  networkMtu: null,
  dnsNameservers: [],
  masterFlavor: null,
  networkDriver: 'FLANNEL',
  volumeDriver: 'NONE',
  dockerStorageDriver: null,
  floatingIpEnabled: false,
  masterLbFloatingIpEnabled: false,
  controlPlane: DEFAULT_CONTROL_PLANE,
  addons: DEFAULT_ADDONS,
  bundles: [],
  rootVolume: null,
  availabilityZone: null,
  minNodeCount: null,
  maxNodeCount: null,
  ipFamilies: ['IPV4'],
  podCidr: '10.200.0.0/16',
  podCidrV6: 'fd00:10:200::/56',
  serviceCidr: '10.254.0.0/16',
  serviceCidrV6: 'fd00:10:254::/112',
  nodeCidr: '10.0.0.0/24',
  nodeCidrV6: null,
  dnsDomain: 'cluster.local',
  keystoneAuthEnabled: false,
  autoHealingEnabled: false,
  healing: DEFAULT_HEALING,
  autoScalingEnabled: false,
  autoScaling: DEFAULT_AUTO_SCALING,
  backup: DEFAULT_BACKUP,
  maintenance: DEFAULT_MAINTENANCE,
  hibernationSchedule: DEFAULT_HIBERNATION_SCHEDULE,
  ignoredLabels: {},
  seedSelector: {},
};

/** Pods, Services and workers have addresses of both families. */
export const isDualStack = ({ ipFamilies }: Pick<TemplateSpec, 'ipFamilies'>): boolean => ipFamilies.includes('IPV6');

/** For the router of a network that is made, and for floating IPs. When none is named, the only one there is serves. */
export const needsExternalNetwork = (spec: Pick<TemplateSpec, 'fixedNetwork'>, floatingIps: boolean): boolean =>
  spec.fixedNetwork === null || floatingIps;

/** Why somebody must choose. `names`: of the external networks that the project sees, none or several. */
export const sayExternalNetwork = (names: readonly string[]): string =>
  names.length === 0
    ? 'The project sees no external network, for a router and floating IPs; ask the cloud administrator for one, or name a network of your own with fixedNetwork and leave floating IPs out.'
    : `The project sees several external networks; choose one of ${names.toSorted().slice(0, 10).join(', ')} with externalNetwork.`;

/** Settings that are trees: a change names only what it changes in them. All others are replaced as a whole. */
const TREES = ['controlPlane', 'addons', 'healing', 'autoScaling', 'backup', 'maintenance', 'hibernationSchedule'] as const;
type TreeField = (typeof TREES)[number];

/** What an input or a cluster's overrides say of a spec. */
export type SpecChange = Partial<Omit<TemplateSpec, TreeField>> & { [K in TreeField]?: DeepPartial<TemplateSpec[K]> };

/** A setting by name; one in a tree by its path, such as "controlPlane.etcd.volumeSizeGiB". */
export type SpecPath = Exclude<keyof TemplateSpec, TreeField> | `${TreeField}.${string}`;

export const mergeSpec = (
  base: TemplateSpec,
  { controlPlane, addons, healing, autoScaling, backup, maintenance, hibernationSchedule, ...change }: SpecChange,
): TemplateSpec => ({
  ...base,
  ...change,
  controlPlane: mergeTrees(base.controlPlane, controlPlane),
  addons: mergeTrees(base.addons, addons),
  healing: mergeTrees(base.healing, healing),
  autoScaling: mergeTrees(base.autoScaling, autoScaling),
  backup: mergeTrees(base.backup, backup),
  maintenance: mergeTrees(base.maintenance, maintenance),
  hibernationSchedule: mergeTrees(base.hibernationSchedule, hibernationSchedule),
});

/** A spec as it was stored, with the settings that came after it. */
export const completeStored = (stored: Partial<TemplateSpec>): TemplateSpec =>
  mergeSpec({ ...DEFAULT_SPEC, image: '', flavor: '' }, stored);

/** Two changes as one; where both speak, `second` has the last word. */
export const mergeChanges = (first: SpecChange, second: SpecChange): SpecChange => {
  const merged: SpecChange = { ...first, ...second };
  for (const tree of TREES)
    if (first[tree] !== undefined || second[tree] !== undefined) merged[tree] = mergeTrees(first[tree] ?? {}, second[tree]);
  return merged;
};

/** What a change says, setting by setting. */
export const settingsOf = (change: SpecChange): [path: SpecPath, value: unknown][] =>
  Object.entries(change).flatMap(([field, value]): [SpecPath, unknown][] =>
    (TREES as readonly string[]).includes(field) ? (leavesOf(value, field) as [SpecPath, unknown][]) : [[field as SpecPath, value]],
  );

/** The value of a setting; undefined when a change does not speak of it. */
export const settingAt = (spec: SpecChange, path: SpecPath): unknown => valueAt(spec, path);
