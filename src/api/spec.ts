/** The settings of a cluster as a template or the cluster itself gives them. */
import type { RootVolume, TemplateSpec } from '../domain/template.ts';
import { AddonsSpecType } from './addonSettings.ts';
import { AutoScalingSpecType } from './autoScaling.ts';
import { BackupSpecType } from './backupSchedule.ts';
import { builder } from './builder.ts';
import { BundleChoiceType } from './bundleChoice.ts';
import { ControlPlaneSpecType } from './controlPlane.ts';
import { IpFamilyEnum, NetworkDriverEnum, VolumeDriverEnum } from './enums.ts';
import { HealingSpecType } from './healing.ts';
import { HibernationScheduleType } from './hibernationSchedule.ts';
import { entriesOf, LabelType } from './label.ts';
import { MaintenanceSpecType } from './maintenance.ts';

/** Sentences that output and input share. */
export const SPEC = {
  kubernetesVersion: 'Kubernetes version, such as v1.36.3.',
  image: 'Name or id of the image that workers start from.',
  keypair: 'Name of the key pair for SSH to workers.',
  externalNetwork:
    'Name or id of the network that routers lead to and floating IPs come from; without it the only one that the project sees.',
  fixedNetwork: "Name or id of the workers' network; without it one is made.",
  fixedSubnet: "Name or id of the workers' subnet.",
  fixedSubnetV6: "Name or id of the workers' IPv6 subnet, in the network that is given, when that has several.",
  networkMtu: "The largest packet in the workers' network, in bytes, when it is made; without it Neutron chooses.",
  dnsNameservers: 'Addresses of the DNS servers that workers use.',
  flavor: "Name or id of the workers' size.",
  masterFlavor: "Size of the control plane, by a flavor's name; kept, and not served yet.",
  networkDriver: 'The pod network.',
  volumeDriver: 'Where persistent volumes come from.',
  dockerStorageDriver: 'Kept as data; containerd has one storage driver.',
  floatingIpEnabled: 'Each worker gets a floating IP.',
  masterLbFloatingIpEnabled:
    'The API server gets a floating IP, also where load balancers of the seed are internal by default. It takes a seed with load balancers.',
  controlPlane: 'The control plane.',
  addons: 'What runs inside the cluster beside its workloads.',
  bundles: 'Addon bundles that it has, in the order in which they are installed.',
  rootVolume: "Workers boot from a volume of this kind; without it from the flavor's disk.",
  availabilityZone: 'Availability zone of the default node group.',
  minNodeCount: 'Fewest workers of the default node group.',
  maxNodeCount: 'Most workers of the default node group.',
  ipFamilies:
    'Families of addresses that pods, services and workers have: [IPV4], or [IPV4, IPV6]. The API has an IPv4 address. It cannot be changed later.',
  podCidr: "Range of pods' addresses.",
  podCidrV6: "Range of pods' IPv6 addresses, between /48 and /112, when ipFamilies has IPV6.",
  serviceCidr: "Range of services' addresses.",
  serviceCidrV6: "Range of services' IPv6 addresses, between /108 and /124, when ipFamilies has IPV6.",
  nodeCidr: "Range of workers' addresses, when their network is made.",
  nodeCidrV6:
    "Range of workers' IPv6 addresses, a /64, when their network is made and ipFamilies has IPV6; without it a unique local one of the cluster's own, which nobody outside reaches.",
  dnsDomain: "The cluster's DNS domain.",
  keystoneAuthEnabled:
    "The cluster's API takes Keystone tokens of the project: the roles admin, member and reader are cluster-admin, edit and view.",
  autoHealingEnabled: 'Replace broken workers by new ones; without it they are only shown, but for those whose server is gone.',
  healing: 'When broken workers are replaced.',
  autoScaling: 'How node groups are scaled by load.',
  backup: 'When its etcd is backed up by itself, and how long such backups are kept.',
  maintenance: 'What Seedbed begins by itself that can be felt, and when it may.',
  hibernationSchedule: 'When it hibernates by itself, as hibernateCluster would have it do.',
  autoScalingEnabled:
    'Scale node groups that have a maximum by load, with the cluster-autoscaler; a resize by hand is where it goes on from.',
  seedSelector: 'Only seeds that carry all of these labels are considered.',
} as const;

export const RootVolumeType = builder.objectRef<RootVolume>('RootVolume').implement({
  description: 'A volume that a worker boots from.',
  fields: (t) => ({
    sizeGiB: t.exposeInt('sizeGiB', { description: 'Size, in GiB.' }),
    type: t.exposeString('type', { nullable: true, description: "Volume type; null: the cloud's default." }),
  }),
});

export const ClusterSpecType = builder.objectRef<TemplateSpec>('ClusterSpec').implement({
  description: "The settings of a cluster, in Magnum's words where they still mean something.",
  fields: (t) => ({
    kubernetesVersion: t.exposeString('kubernetesVersion', { description: SPEC.kubernetesVersion }),
    image: t.exposeString('image', { description: SPEC.image }),
    keypair: t.exposeString('keypair', { nullable: true, description: SPEC.keypair }),
    externalNetwork: t.exposeString('externalNetwork', { nullable: true, description: SPEC.externalNetwork }),
    fixedNetwork: t.exposeString('fixedNetwork', { nullable: true, description: SPEC.fixedNetwork }),
    fixedSubnet: t.exposeString('fixedSubnet', { nullable: true, description: SPEC.fixedSubnet }),
    fixedSubnetV6: t.exposeString('fixedSubnetV6', { nullable: true, description: SPEC.fixedSubnetV6 }),
    networkMtu: t.exposeInt('networkMtu', { nullable: true, description: SPEC.networkMtu }),
    dnsNameservers: t.exposeStringList('dnsNameservers', { description: SPEC.dnsNameservers }),
    flavor: t.exposeString('flavor', { description: SPEC.flavor }),
    masterFlavor: t.exposeString('masterFlavor', { nullable: true, description: SPEC.masterFlavor }),
    networkDriver: t.expose('networkDriver', { type: NetworkDriverEnum, description: SPEC.networkDriver }),
    volumeDriver: t.expose('volumeDriver', { type: VolumeDriverEnum, description: SPEC.volumeDriver }),
    dockerStorageDriver: t.exposeString('dockerStorageDriver', { nullable: true, description: SPEC.dockerStorageDriver }),
    floatingIpEnabled: t.exposeBoolean('floatingIpEnabled', { description: SPEC.floatingIpEnabled }),
    masterLbFloatingIpEnabled: t.exposeBoolean('masterLbFloatingIpEnabled', { description: SPEC.masterLbFloatingIpEnabled }),
    controlPlane: t.expose('controlPlane', { type: ControlPlaneSpecType, description: SPEC.controlPlane }),
    addons: t.expose('addons', { type: AddonsSpecType, description: SPEC.addons }),
    bundles: t.expose('bundles', { type: [BundleChoiceType], description: SPEC.bundles }),
    rootVolume: t.expose('rootVolume', { type: RootVolumeType, nullable: true, description: SPEC.rootVolume }),
    availabilityZone: t.exposeString('availabilityZone', { nullable: true, description: SPEC.availabilityZone }),
    minNodeCount: t.exposeInt('minNodeCount', { nullable: true, description: SPEC.minNodeCount }),
    maxNodeCount: t.exposeInt('maxNodeCount', { nullable: true, description: SPEC.maxNodeCount }),
    ipFamilies: t.expose('ipFamilies', { type: [IpFamilyEnum], description: SPEC.ipFamilies }),
    podCidr: t.exposeString('podCidr', { description: SPEC.podCidr }),
    podCidrV6: t.exposeString('podCidrV6', { description: SPEC.podCidrV6 }),
    serviceCidr: t.exposeString('serviceCidr', { description: SPEC.serviceCidr }),
    serviceCidrV6: t.exposeString('serviceCidrV6', { description: SPEC.serviceCidrV6 }),
    nodeCidr: t.exposeString('nodeCidr', { description: SPEC.nodeCidr }),
    nodeCidrV6: t.exposeString('nodeCidrV6', { nullable: true, description: SPEC.nodeCidrV6 }),
    dnsDomain: t.exposeString('dnsDomain', { description: SPEC.dnsDomain }),
    keystoneAuthEnabled: t.exposeBoolean('keystoneAuthEnabled', { description: SPEC.keystoneAuthEnabled }),
    autoHealingEnabled: t.exposeBoolean('autoHealingEnabled', { description: SPEC.autoHealingEnabled }),
    healing: t.expose('healing', { type: HealingSpecType, description: SPEC.healing }),
    autoScalingEnabled: t.exposeBoolean('autoScalingEnabled', { description: SPEC.autoScalingEnabled }),
    autoScaling: t.expose('autoScaling', { type: AutoScalingSpecType, description: SPEC.autoScaling }),
    backup: t.expose('backup', { type: BackupSpecType, description: SPEC.backup }),
    maintenance: t.expose('maintenance', { type: MaintenanceSpecType, description: SPEC.maintenance }),
    hibernationSchedule: t.expose('hibernationSchedule', { type: HibernationScheduleType, description: SPEC.hibernationSchedule }),
    ignoredLabels: t.field({
      type: [LabelType],
      description: 'Labels that Magnum knows and that mean nothing here, as given.',
      resolve: (spec) => entriesOf(spec.ignoredLabels),
    }),
    seedSelector: t.field({ type: [LabelType], description: SPEC.seedSelector, resolve: (spec) => entriesOf(spec.seedSelector) }),
  }),
});
