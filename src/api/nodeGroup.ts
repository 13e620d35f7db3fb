/** Node groups: workers of one shape. */
import { findByNameOrId } from '../domain/cloud.ts';
import { type AdditionalPort, type CloudInitDigest, machineOf, type Taint, warningsOf } from '../domain/nodeGroup.ts';
import { isOutdated, nodeVersionOf } from '../domain/roll.ts';
import { stableJson } from '../lib/json.ts';
import { listNodesByGroups } from '../store/nodes.ts';
import type { NodeGroupRow, NodeRow } from '../store/reconcile.ts';
import { builder, nodeType } from './builder.ts';
import { ConditionType } from './condition.ts';
import { NodeGroupStateEnum, NodeStateEnum, ServerGroupPolicyEnum, TaintEffectEnum, VnicTypeEnum } from './enums.ts';
import { entriesOf, LabelType } from './label.ts';
import type { ReadPages } from './loaders.ts';
import { ClusterNodeRef } from './node.ts';
import { byCreation, connectionOf, filterOf, listArgs, pageOf } from './paging.ts';
import { RootVolumeType } from './spec.ts';
import { UpgradeStrategyType } from './upgradeStrategy.ts';

const TaintType = builder.objectRef<Taint>('Taint').implement({
  description: 'A taint that workers register with.',
  fields: (t) => ({
    key: t.exposeString('key', { description: 'The key.' }),
    value: t.exposeString('value', { nullable: true, description: 'The value.' }),
    effect: t.expose('effect', { type: TaintEffectEnum, description: 'What it does.' }),
  }),
});

const CloudInitDigestType = builder.objectRef<CloudInitDigest>('CloudInitDigest').implement({
  description: "What can be told of a customer's own cloud-init, which may hold secrets.",
  fields: (t) => ({
    sha256: t.exposeString('sha256', { description: 'SHA-256 of the text as it was given, in hex.' }),
    sizeBytes: t.exposeInt('sizeBytes', { description: 'Its length in bytes.' }),
  }),
});

const AdditionalPortType = builder.objectRef<AdditionalPort>('AdditionalPort').implement({
  description: 'A further port of each worker.',
  fields: (t) => ({
    network: t.exposeString('network', { description: 'Name or id of the network that it is in.' }),
    subnets: t.exposeStringList('subnets', {
      description: 'Names or ids of the subnets in which it has an address; empty: where Neutron likes.',
    }),
    securityGroups: t.exposeStringList('securityGroups', {
      nullable: true,
      description: "Names or ids of its security groups; null: those of the worker's other ports.",
    }),
    vnicType: t.expose('vnicType', { type: VnicTypeEnum, description: 'How it is plugged into the server.' }),
  }),
});

export const NodeFilterInput = builder.inputType('NodeFilter', {
  description: 'Which workers to list; without a field, all that are not gone.',
  fields: (t) => ({
    states: t.field({ type: [NodeStateEnum], description: 'In one of these states.' }),
  }),
});

export const ClusterNodeConnection = builder.connectionObject(
  { type: ClusterNodeRef, name: 'ClusterNodeConnection', description: 'A page of workers.' },
  { name: 'ClusterNodeEdge', description: 'A worker and its place in the list.' },
);

export const NodeGroupRef = builder.objectRef<NodeGroupRow>(nodeType('NodeGroup'));

builder.node(NodeGroupRef, {
  description: 'Workers of one shape.',
  id: { resolve: (row) => row.id, description: 'Id for `node`, unique in the whole API, opaque.' },
  loadMany: (ids, { loaders }) => Promise.all(ids.map((id) => loaders.nodeGroup.load(id))),
  fields: (t) => ({
    uuid: t.exposeString('id', { description: 'The plain id.' }),
    name: t.exposeString('name', { description: 'Its name, unique in the cluster.' }),
    isDefault: t.exposeBoolean('isDefault', { description: 'The group that the cluster was made with; it goes only with the cluster.' }),
    state: t.expose('state', { type: NodeGroupStateEnum, description: 'Where it is in its life.' }),
    flavor: t.string({ description: "Name or id of the workers' size.", resolve: (row) => row.spec.flavor }),
    warnings: t.stringList({
      description: 'What was taken as it is and may be regretted, such as a flavor of less than 2 vCPU or 2 GiB; a sentence each.',
      resolve: async (row, _args, { loaders, actor, peekCatalogue }) => {
        const machine = row.resolved?.machine;
        if (machine !== undefined) return warningsOf(machine);
        const cluster = await loaders.cluster.load(row.clusterId);
        const known = cluster === null ? null : peekCatalogue(cluster.projectId, actor.userId);
        const flavor = findByNameOrId(known?.flavors ?? [], row.spec.flavor);
        return flavor === undefined ? [] : warningsOf(machineOf(flavor));
      },
    }),
    image: t.string({ description: 'Name or id of the image that workers start from.', resolve: (row) => row.spec.image }),
    keypair: t.string({ nullable: true, description: 'Key pair for SSH.', resolve: (row) => row.spec.keypair }),
    count: t.int({
      description: 'Workers that are wanted, by whoever said so last: a person, or the cluster-autoscaler.',
      resolve: (row) => row.spec.count,
    }),
    minCount: t.int({ description: 'Fewest workers.', resolve: (row) => row.spec.minCount }),
    maxCount: t.int({
      nullable: true,
      description: "Most workers; null: the API's own limit, and the group is never scaled by load.",
      resolve: (row) => row.spec.maxCount,
    }),
    availabilityZones: t.stringList({
      description: 'Zones that workers are spread over; empty: the cloud chooses.',
      resolve: (row) => row.spec.availabilityZones,
    }),
    rootVolume: t.field({
      type: RootVolumeType,
      nullable: true,
      description: "The volume that workers boot from; null: the flavor's disk.",
      resolve: (row) => row.spec.rootVolume,
    }),
    labels: t.field({ type: [LabelType], description: 'Labels that workers register with.', resolve: (row) => entriesOf(row.spec.labels) }),
    taints: t.field({ type: [TaintType], description: 'Taints that workers register with.', resolve: (row) => row.spec.taints }),
    floatingIpEnabled: t.boolean({ description: 'Each worker has a floating IP.', resolve: (row) => row.spec.floatingIpEnabled }),
    cloudInit: t.field({
      type: CloudInitDigestType,
      nullable: true,
      description: 'What its servers are told beside how to join; null: nothing.',
      resolve: (row) => row.spec.cloudInit,
    }),
    subnets: t.stringList({
      description: "Subnets of the cluster's network in each of which workers have an address; empty: its fixedSubnet alone.",
      resolve: (row) => row.spec.subnets,
    }),
    additionalPorts: t.field({
      type: [AdditionalPortType],
      description: 'Further ports of each worker that were asked for one by one.',
      resolve: (row) => row.spec.additionalPorts,
    }),
    existingPorts: t.stringList({
      description: "Ids of the customer's own ports, of which each worker has one; empty: workers have none.",
      resolve: (row) => row.spec.existingPorts,
    }),
    additionalNetworks: t.stringList({
      description: "Networks in which workers have a port beside the one in the cluster's.",
      resolve: (row) => row.spec.additionalNetworks,
    }),
    securityGroups: t.stringList({
      description: "Security groups that the workers' ports have beside the cluster's own.",
      resolve: (row) => row.spec.securityGroups,
    }),
    metadata: t.field({
      type: [LabelType],
      description: "Metadata of its servers in Nova, beside Seedbed's own.",
      resolve: (row) => entriesOf(row.spec.metadata),
    }),
    schedulerHints: t.field({
      type: [LabelType],
      description: "What Nova's schedulers are told with each server.",
      resolve: (row) => entriesOf(row.spec.schedulerHints),
    }),
    configDrive: t.boolean({
      description: 'Servers find what they are told on a disk of their own.',
      resolve: (row) => row.spec.configDrive,
    }),
    serverGroupPolicy: t.field({
      type: ServerGroupPolicyEnum,
      description: 'How its servers are placed among hosts.',
      resolve: (row) => row.spec.serverGroupPolicy,
    }),
    upgradeStrategy: t.field({
      type: UpgradeStrategyType,
      description: 'How its workers are replaced by others.',
      resolve: (row) => row.spec.upgradeStrategy,
    }),
    healingProblems: t.stringList({
      nullable: true,
      description: "Types of conditions that its workers are healed for, in place of the cluster's healing.problems; null: those.",
      resolve: (row) => row.spec.healingProblems,
    }),
    version: t.string({
      nullable: true,
      description:
        'The Kubernetes version of its next worker: that of the image, where the image says it (kube_version), else its kubernetesVersion, else what the control plane runs.',
      resolve: async (row, _args, { loaders }) => {
        const cluster = await loaders.cluster.load(row.clusterId);
        return cluster && nodeVersionOf(row, cluster);
      },
    }),
    kubernetesVersion: t.exposeString('kubernetesVersion', {
      nullable: true,
      description: 'The Kubernetes version that its workers stay at; null: they follow the control plane.',
    }),
    outdatedNodes: t.int({
      description: 'Workers that were made with another version, image, flavor or other settings than it has now, and will be replaced.',
      resolve: async (row, _args, { loaders }) => {
        const [nodes, cluster] = await Promise.all([loaders.nodesOfGroup.load(row.id), loaders.cluster.load(row.clusterId)]);
        return cluster === null ? 0 : nodes.filter((node) => isOutdated(node, row, cluster)).length;
      },
    }),
    nodes: t.field({
      type: ClusterNodeConnection,
      description: 'Its workers, oldest first.',
      args: { ...listArgs(t.arg), filter: t.arg({ type: NodeFilterInput, description: 'Which ones.' }) },
      resolve: async (row, args, { loaders }) => {
        const page = pageOf(args);
        const filter = filterOf(args.filter);
        const read: ReadPages<NodeRow> = (db, ids, wanted) => listNodesByGroups(db, ids, filter, wanted);
        return connectionOf(await loaders.page(read, row.id, page, `nodes of groups ${stableJson(filter)}`), page, byCreation);
      },
    }),
    conditions: t.field({
      type: [ConditionType],
      description: 'What is known of its aspects, in the order of its steps.',
      resolve: (row, _args, { loaders }) => loaders.conditions.load(row.id),
    }),
    generation: t.exposeInt('generation', { description: 'Raised by each change that is asked for.' }),
    observedGeneration: t.exposeInt('observedGeneration', { description: 'The generation that has been carried out.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
  }),
});
