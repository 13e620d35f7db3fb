/** What a cloud offers, in pages: by name, and by id where several may have a name. */
import { builder } from './builder.ts';
import { CloudType, FlavorType, ImageType, KeypairType, NetworkType, SecurityGroupType } from './cloud.ts';
import { isNamed, nameArgs, namedConnection } from './wholeList.ts';

const NAME = 'With this in the name, in capitals or not.';

const byName = ({ name, id }: { name: string; id: string }) => [name, id];

const FlavorConnection = builder.connectionObject(
  { type: FlavorType, name: 'FlavorConnection', description: 'A page of flavors.' },
  { name: 'FlavorEdge', description: 'A flavor and its place in the list.' },
);
const ImageConnection = builder.connectionObject(
  { type: ImageType, name: 'ImageConnection', description: 'A page of images.' },
  { name: 'ImageEdge', description: 'An image and its place in the list.' },
);
const NetworkConnection = builder.connectionObject(
  { type: NetworkType, name: 'NetworkConnection', description: 'A page of networks.' },
  { name: 'NetworkEdge', description: 'A network and its place in the list.' },
);
const KeypairConnection = builder.connectionObject(
  { type: KeypairType, name: 'KeypairConnection', description: 'A page of key pairs.' },
  { name: 'KeypairEdge', description: 'A key pair and its place in the list.' },
);
const SecurityGroupConnection = builder.connectionObject(
  { type: SecurityGroupType, name: 'SecurityGroupConnection', description: 'A page of security groups.' },
  { name: 'SecurityGroupEdge', description: 'A security group and its place in the list.' },
);

const FlavorFilterInput = builder.inputType('FlavorFilter', {
  description: 'Which flavors to list; without a field, all.',
  fields: (t) => ({
    name: t.string({ description: NAME }),
    minVcpus: t.int({ description: 'With so many virtual CPUs at least.' }),
    minRamMiB: t.int({ description: 'With so much memory at least.' }),
    isPublic: t.boolean({ description: 'For all projects, or not.' }),
  }),
});
const ImageFilterInput = builder.inputType('ImageFilter', {
  description: 'Which images to list; without a field, all.',
  fields: (t) => ({
    name: t.string({ description: NAME }),
    status: t.string({ description: 'Of this status, such as active.' }),
    visibility: t.string({ description: 'Of this visibility, such as public.' }),
    kubeVersion: t.string({ description: 'Which say that they have this kubelet.' }),
  }),
});
const NetworkFilterInput = builder.inputType('NetworkFilter', {
  description: 'Which networks to list; without a field, all.',
  fields: (t) => ({
    name: t.string({ description: NAME }),
    external: t.boolean({ description: 'From which floating IPs come, or not.' }),
    shared: t.boolean({ description: 'Shared between projects, or not.' }),
  }),
});
const KeypairFilterInput = builder.inputType('KeypairFilter', {
  description: 'Which key pairs to list; without a field, all.',
  fields: (t) => ({ name: t.string({ description: NAME }) }),
});
const SecurityGroupFilterInput = builder.inputType('SecurityGroupFilter', {
  description: 'Which security groups to list; without a field, all.',
  fields: (t) => ({ name: t.string({ description: NAME }) }),
});

/** Whether it is what was asked for; whatever it is where nothing was. */
const isAs = <Value>(value: Value, wanted: Value | null | undefined): boolean => wanted == null || value === wanted;

builder.objectFields(CloudType, (t) => ({
  flavorsConnection: t.field({
    type: FlavorConnection,
    description: 'Sizes of servers.',
    args: { ...nameArgs(t.arg), filter: t.arg({ type: FlavorFilterInput, description: 'Which ones.' }) },
    resolve: ({ flavors }, { filter, ...args }) => {
      const { name, minVcpus, minRamMiB, isPublic } = filter ?? {};
      const wanted = flavors.filter(
        (flavor) =>
          isNamed(flavor.name, name) &&
          flavor.vcpus >= (minVcpus ?? 0) &&
          flavor.ramMiB >= (minRamMiB ?? 0) &&
          isAs(flavor.isPublic, isPublic),
      );
      return namedConnection(wanted, args, byName);
    },
  }),
  imagesConnection: t.field({
    type: ImageConnection,
    description: 'Images.',
    args: { ...nameArgs(t.arg), filter: t.arg({ type: ImageFilterInput, description: 'Which ones.' }) },
    resolve: ({ images }, { filter, ...args }) => {
      const { name, status, visibility, kubeVersion } = filter ?? {};
      const wanted = images.filter(
        (image) =>
          isNamed(image.name, name) &&
          isAs(image.status, status) &&
          isAs(image.visibility, visibility) &&
          isAs(image.kubeVersion, kubeVersion),
      );
      return namedConnection(wanted, args, byName);
    },
  }),
  networksConnection: t.field({
    type: NetworkConnection,
    description: 'Networks with their subnets.',
    args: { ...nameArgs(t.arg), filter: t.arg({ type: NetworkFilterInput, description: 'Which ones.' }) },
    resolve: ({ networks }, { filter, ...args }) => {
      const { name, external, shared } = filter ?? {};
      const wanted = networks.filter(
        (network) => isNamed(network.name, name) && isAs(network.external, external) && isAs(network.shared, shared),
      );
      return namedConnection(wanted, args, byName);
    },
  }),
  keypairsConnection: t.field({
    type: KeypairConnection,
    description: "The caller's own key pairs.",
    args: { ...nameArgs(t.arg), filter: t.arg({ type: KeypairFilterInput, description: 'Which ones.' }) },
    resolve: ({ keypairs }, { filter, ...args }) =>
      namedConnection(
        keypairs.filter(({ name }) => isNamed(name, filter?.name)),
        args,
        ({ name }) => [name],
      ),
  }),
  securityGroupsConnection: t.field({
    type: SecurityGroupConnection,
    description: 'Security groups of the project.',
    args: { ...nameArgs(t.arg), filter: t.arg({ type: SecurityGroupFilterInput, description: 'Which ones.' }) },
    resolve: ({ securityGroups }, { filter, ...args }) =>
      namedConnection(
        securityGroups.filter(({ name }) => isNamed(name, filter?.name)),
        args,
        byName,
      ),
  }),
}));
