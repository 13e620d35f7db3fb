/** What the caller's cloud offers to choose from: a create form in one query. */
import { permittedProject } from '../domain/actor.ts';
import type {
  CatalogueNetwork,
  CloudAvailabilityZone,
  CloudFlavor,
  CloudImage,
  CloudKeypair,
  CloudSecurityGroup,
  CloudSubnet,
  CloudVolumeType,
  ProjectCatalogue,
} from '../domain/cloud.ts';
import type { ResourceQuota } from '../domain/quota.ts';
import { builder } from './builder.ts';
import { withoutPages } from './deprecated.ts';

export const FlavorType = builder.objectRef<CloudFlavor>('Flavor').implement({
  description: 'A size of servers.',
  fields: (t) => ({
    uuid: t.exposeString('id', { description: "Nova's id." }),
    name: t.exposeString('name', { description: 'Its name.' }),
    vcpus: t.exposeInt('vcpus', { description: 'Virtual CPUs.' }),
    ramMiB: t.exposeInt('ramMiB', { description: 'Memory, in MiB.' }),
    diskGiB: t.exposeInt('diskGiB', { description: 'Root disk, in GiB; 0: the size of the image or of a root volume.' }),
    isPublic: t.exposeBoolean('isPublic', { description: 'For all projects.' }),
  }),
});

export const ImageType = builder.objectRef<CloudImage>('Image').implement({
  description: 'An image that servers start from.',
  fields: (t) => ({
    uuid: t.exposeString('id', { description: "Glance's id." }),
    name: t.exposeString('name', { description: 'Its name.' }),
    status: t.exposeString('status', { description: 'As Glance says; servers start from active ones.' }),
    visibility: t.exposeString('visibility', { description: 'As Glance says.' }),
    osDistro: t.exposeString('osDistro', { nullable: true, description: 'The distribution, if the image says so.' }),
    osVersion: t.exposeString('osVersion', { nullable: true, description: "The distribution's version, if the image says so." }),
    kubeVersion: t.exposeString('kubeVersion', { nullable: true, description: "The kubelet's version, if the image says so." }),
    minDiskGiB: t.exposeInt('minDiskGiB', { description: 'Root disk needed, in GiB.' }),
    minRamMiB: t.exposeInt('minRamMiB', { description: 'Memory needed, in MiB.' }),
  }),
});

const SubnetType = builder.objectRef<CloudSubnet>('Subnet').implement({
  description: 'A subnet.',
  fields: (t) => ({
    uuid: t.exposeString('id', { description: "Neutron's id." }),
    name: t.exposeString('name', { description: 'Its name; may be empty.' }),
    cidr: t.exposeString('cidr', { description: 'Its range.' }),
    ipVersion: t.exposeInt('ipVersion', { description: '4 or 6.' }),
    gatewayIp: t.exposeString('gatewayIp', { nullable: true, description: 'Its gateway.' }),
  }),
});

export const NetworkType = builder.objectRef<CatalogueNetwork>('Network').implement({
  description: 'A network.',
  fields: (t) => ({
    uuid: t.exposeString('id', { description: "Neutron's id." }),
    name: t.exposeString('name', { description: 'Its name; may be empty.' }),
    external: t.exposeBoolean('external', { description: 'Floating IPs come from it.' }),
    shared: t.exposeBoolean('shared', { description: 'Shared between projects.' }),
    subnets: t.field({ type: [SubnetType], description: 'Its subnets that the project sees.', resolve: (network) => network.subnets }),
  }),
});

export const KeypairType = builder.objectRef<CloudKeypair>('Keypair').implement({
  description: 'A key pair of the caller for SSH.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name.' }),
    fingerprint: t.exposeString('fingerprint', { description: "The public key's fingerprint." }),
  }),
});

const AvailabilityZoneType = builder.objectRef<CloudAvailabilityZone>('AvailabilityZone').implement({
  description: 'An availability zone of servers.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name.' }),
    available: t.exposeBoolean('available', { description: 'Takes servers now.' }),
  }),
});

const VolumeTypeType = builder.objectRef<CloudVolumeType>('VolumeType').implement({
  description: 'A type of volumes.',
  fields: (t) => ({
    uuid: t.exposeString('id', { description: "Cinder's id." }),
    name: t.exposeString('name', { description: 'Its name.' }),
    description: t.exposeString('description', { description: 'What the operator says of it; may be empty.' }),
  }),
});

const QuotaType = builder.objectRef<ResourceQuota>('Quota').implement({
  description: 'How much of something the project may have.',
  fields: (t) => ({
    resource: t.exposeString('resource', { description: "The service's own name: cores, ram (MiB), gigabytes, port, floatingip …" }),
    used: t.exposeInt('used', { description: 'In use or promised.' }),
    limit: t.exposeInt('limit', { nullable: true, description: 'The limit; null: there is none.' }),
  }),
});

export const SecurityGroupType = builder.objectRef<CloudSecurityGroup>('SecurityGroup').implement({
  description: 'A security group.',
  fields: (t) => ({
    uuid: t.exposeString('id', { description: "Neutron's id." }),
    name: t.exposeString('name', { description: 'Its name, which several may have.' }),
    description: t.exposeString('description', { description: 'What it says of itself.' }),
  }),
});

export const CloudType = builder.objectRef<ProjectCatalogue>('Cloud').implement({
  description: "What the cloud offers the caller's project.",
  fields: (t) => ({
    loadedAt: t.expose('loadedAt', { type: 'DateTime', description: 'When it was read from the cloud.' }),
    flavors: t.field({
      type: [FlavorType],
      description: 'Sizes of servers.',
      deprecationReason: withoutPages('flavorsConnection'),
      resolve: (cloud) => cloud.flavors,
    }),
    images: t.field({
      type: [ImageType],
      description: 'Images.',
      deprecationReason: withoutPages('imagesConnection'),
      resolve: (cloud) => cloud.images,
    }),
    networks: t.field({
      type: [NetworkType],
      description: 'Networks with their subnets.',
      deprecationReason: withoutPages('networksConnection'),
      resolve: (cloud) => cloud.networks,
    }),
    keypairs: t.field({
      type: [KeypairType],
      description: "The caller's own key pairs.",
      deprecationReason: withoutPages('keypairsConnection'),
      resolve: (cloud) => cloud.keypairs,
    }),
    availabilityZones: t.field({
      type: [AvailabilityZoneType],
      description: 'Zones of servers.',
      resolve: (cloud) => cloud.availabilityZones,
    }),
    securityGroups: t.field({
      type: [SecurityGroupType],
      description: 'Security groups of the project.',
      deprecationReason: withoutPages('securityGroupsConnection'),
      resolve: (cloud) => cloud.securityGroups,
    }),
    volumeTypes: t.field({
      type: [VolumeTypeType],
      description: 'Types of volumes; empty without block storage.',
      resolve: (cloud) => cloud.volumeTypes,
    }),
    quotas: t.field({
      type: [QuotaType],
      description: "The project's quotas of servers, networks and volumes; empty where they cannot be read.",
      resolve: (cloud) => cloud.quotas,
    }),
  }),
});

builder.queryField('cloud', (t) =>
  t.field({
    type: CloudType,
    description: "What the cloud offers the caller's project; needs a token with a project.",
    resolve: (_root, _args, { actor, token, openstackRequestId, loadCloud }) => {
      permittedProject(actor, 'readCloud');
      return loadCloud(actor, token, openstackRequestId);
    },
  }),
);
