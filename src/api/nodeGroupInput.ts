/** A node group as input: what is left out comes from the cluster. */
import { builder, type InputBuilder } from './builder.ts';
import { ServerGroupPolicyEnum, TaintEffectEnum, VnicTypeEnum } from './enums.ts';
import { LabelInput } from './label.ts';
import { RootVolumeInput, withMaps } from './specInput.ts';
import { UpgradeStrategyInput } from './upgradeStrategy.ts';

export const TaintInput = builder.inputType('TaintInput', {
  description: 'A taint that workers register with.',
  fields: (t) => ({
    key: t.string({ required: true, description: 'The key.' }),
    value: t.string({ description: 'The value.' }),
    effect: t.field({ type: TaintEffectEnum, required: true, description: 'What it does.' }),
  }),
});

const AdditionalPortInput = builder.inputType('AdditionalPortInput', {
  description: 'A further port of each worker.',
  fields: (t) => ({
    network: t.string({ required: true, description: 'Name or id of the network that it is in.' }),
    subnets: t.stringList({
      description: 'Names or ids of subnets of that network, at most 4: it has an address in each; without them where Neutron likes.',
    }),
    securityGroups: t.stringList({
      description: "Names or ids of security groups; without them those of the worker's other ports.",
    }),
    vnicType: t.field({ type: VnicTypeEnum, description: 'How it is plugged into the server; NORMAL without it.' }),
  }),
});

export const nodeGroupInputFields = (t: InputBuilder) => ({
  name: t.string({ required: true, description: 'DNS label of at most 30 characters, unique in the cluster.' }),
  count: t.int({ description: 'Workers that are wanted, from 0 to 1000; 1 (or minCount) without it.' }),
  minCount: t.int({ description: 'Fewest workers; 0 without it.' }),
  maxCount: t.int({ description: 'Most workers; a group without it is not scaled by load.' }),
  flavor: t.string({ description: "Name or id of the workers' size." }),
  image: t.string({ description: 'Name or id of the image that workers start from.' }),
  keypair: t.string({ description: 'Key pair for SSH.' }),
  availabilityZones: t.stringList({ description: 'Zones to spread workers over; at most 10.' }),
  rootVolume: t.field({ type: RootVolumeInput, description: 'Boot from a volume of this kind.' }),
  labels: t.field({ type: [LabelInput], description: 'Kubernetes labels that workers register with.' }),
  taints: t.field({ type: [TaintInput], description: 'Taints that workers register with.' }),
  floatingIpEnabled: t.boolean({ description: 'Each worker gets a floating IP.' }),
  cloudInit: t.string({
    description:
      "More for cloud-init to do on each server: a YAML map of cloud-config, merged with what makes it join. Files are written after ours and none in their place; runcmd runs before the join; what touches the join is refused by name. Nova takes 48 KiB with ours. It is never shown again, yet whatever runs on a worker can read it from the cloud's metadata.",
  }),
  subnets: t.stringList({
    description:
      "Names or ids of subnets, at most 4, of the network that the cluster was given with fixedNetwork: each worker has an address in each of them, and is known by the one in the first. Without them it has one in the cluster's fixedSubnet. For workers in one subnet or another make a group for each. They stay for the life of the group.",
  }),
  additionalPorts: t.field({
    type: [AdditionalPortInput],
    description:
      'Further ports of each worker, where additionalNetworks say too little: with subnets, security groups or a kind of their own; at most 8 with those. They stay for the life of the group.',
  }),
  existingPorts: t.stringList({
    description:
      'Ids of ports that you have made in the project and that nothing uses: each worker has one of them beside its others, so the group can have no more workers than these. One is free again when its worker goes, and is never deleted nor changed. They stay for the life of the group.',
  }),
  additionalNetworks: t.stringList({
    description:
      "Names or ids of networks in which workers have a port beside the one in the cluster's, at most 8. Give their subnets no gateway, or a server has two ways out. They stay for the life of the group.",
  }),
  securityGroups: t.stringList({
    description:
      "Names or ids of security groups that the workers' ports have beside the cluster's own, at most 10. They stay for the life of the group.",
  }),
  metadata: t.field({
    type: [LabelInput],
    description: 'Metadata of its servers in Nova, beside Seedbed\'s own; at most 100 keys, none that begins with "seedbed".',
  }),
  schedulerHints: t.field({
    type: [LabelInput],
    description:
      "What Nova's schedulers are told with each server, such as different_host; the hint `group` is what serverGroupPolicy makes. It stays for the life of the group.",
  }),
  configDrive: t.boolean({
    description:
      'Servers find what they are told on a disk of their own, which needs no metadata service; true without it. It stays for the life of the group.',
  }),
  serverGroupPolicy: t.field({
    type: ServerGroupPolicyEnum,
    description: 'How servers are placed among hosts; SOFT_ANTI_AFFINITY without it. It stays for the life of the group.',
  }),
  upgradeStrategy: t.field({ type: UpgradeStrategyInput, description: 'How its workers are replaced by others.' }),
  healingProblems: t.stringList({
    description:
      "Types of conditions that its workers are healed for, in place of the cluster's healing.problems and by the same rules; empty: none; without them the cluster's.",
  }),
});

export const NodeGroupFieldsInput = builder.inputType('NodeGroupInput', {
  description: 'A node group; what is left out comes from the cluster.',
  fields: (t) => nodeGroupInputFields(t),
});

export const groupToCommand = (input: object): object => withMaps(input, 'labels', 'metadata', 'schedulerHints');
