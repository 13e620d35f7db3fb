/** createNodeGroup, updateNodeGroup, resizeNodeGroup and deleteNodeGroup. */
import type { NodeGroupAnswer } from '../commands/call.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { plainId } from './ids.ts';
import { LabelInput } from './label.ts';
import { defineMutation, REPLAYED, targetFields } from './mutation.ts';
import { NodeGroupRef } from './nodeGroup.ts';
import { groupToCommand, nodeGroupInputFields, TaintInput } from './nodeGroupInput.ts';
import { OperationRef } from './operation.ts';
import { UpgradeStrategyInput } from './upgradeStrategy.ts';

export const nodeGroupPayload = (name: string, description: string) =>
  builder.objectRef<NodeGroupAnswer>(name).implement({
    description,
    fields: (t) => ({
      nodeGroup: t.field({ type: NodeGroupRef, description: 'The node group.', resolve: (answer) => answer.nodeGroup }),
      cluster: t.field({ type: ClusterRef, description: 'Its cluster.', resolve: (answer) => answer.cluster }),
      operation: t.field({ type: OperationRef, description: 'What carries it out.', resolve: (answer) => answer.operation }),
      replayed: t.exposeBoolean('replayed', { description: REPLAYED }),
    }),
  });

const CreateNodeGroupInput = builder.inputType('CreateNodeGroupInput', {
  description: "What createNodeGroup is asked; the expected generation is the cluster's.",
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
    ...nodeGroupInputFields(t),
  }),
});

defineMutation({
  name: 'createNodeGroup',
  description: 'Adds workers of another shape to a cluster; needs the role member.',
  input: CreateNodeGroupInput,
  payload: nodeGroupPayload('CreateNodeGroupPayload', 'The node group that is being made.'),
  toCommand: (input) => ({ ...groupToCommand(input), clusterId: plainId('Cluster', input.clusterId) }),
  command: (commands) => commands.createNodeGroup,
});

const REPLACES = 'A server cannot be changed in this: the group makes new workers, each drained before it goes.';

export const UpdateNodeGroupInput = builder.inputType('UpdateNodeGroupInput', {
  description: 'What updateNodeGroup is asked; what is left out stays.',
  fields: (t) => ({
    ...targetFields(t),
    nodeGroupId: t.id({ required: true, description: 'The node group, by its global or plain id.' }),
    minCount: t.int({ description: 'Fewest workers, from 0 to 1000.' }),
    maxCount: t.int({ description: 'Most workers, from 0 to 1000; null: no bound, and the group is not scaled by load.' }),
    flavor: t.string({ description: `Name or id of the workers' size. ${REPLACES}` }),
    image: t.string({
      description: `Name or id of the image that workers start from; the same name once more takes another image that has it by now. ${REPLACES}`,
    }),
    keypair: t.string({ description: `Key pair for SSH; null: none. ${REPLACES}` }),
    labels: t.field({ type: [LabelInput], description: `All Kubernetes labels that workers register with. ${REPLACES}` }),
    taints: t.field({ type: [TaintInput], description: `All taints that workers register with. ${REPLACES}` }),
    cloudInit: t.string({ description: `More for cloud-init to do on each server, as in createNodeGroup; null: nothing. ${REPLACES}` }),
    metadata: t.field({ type: [LabelInput], description: `All metadata of its servers in Nova, beside Seedbed's own. ${REPLACES}` }),
    kubernetesVersion: t.string({
      description: `The version that its workers stay at, at most three minor releases older than the control plane's and no newer; null: they follow the control plane. ${REPLACES}`,
    }),
    upgradeStrategy: t.field({
      type: UpgradeStrategyInput,
      description: 'How its workers are replaced by others; it holds at once, for those that are on their way as well.',
    }),
    healingProblems: t.stringList({
      description: "Types of conditions that its workers are healed for; empty: none; null: those of the cluster's healing.problems.",
    }),
  }),
});

export const updateGroupToCommand = (input: typeof UpdateNodeGroupInput.$inferInput): object => ({
  ...groupToCommand(input),
  nodeGroupId: plainId('NodeGroup', input.nodeGroupId),
});

defineMutation({
  name: 'updateNodeGroup',
  description:
    'Changes how many workers a node group may have, and what they are made of. A count outside new bounds follows into them; workers that were made with other settings are replaced. Needs the role member.',
  input: UpdateNodeGroupInput,
  payload: nodeGroupPayload('UpdateNodeGroupPayload', 'The node group that is being changed.'),
  toCommand: updateGroupToCommand,
  command: (commands) => commands.updateNodeGroup,
});

export const ResizeNodeGroupInput = builder.inputType('ResizeNodeGroupInput', {
  description: 'What resizeNodeGroup is asked.',
  fields: (t) => ({
    ...targetFields(t),
    nodeGroupId: t.id({ required: true, description: 'The node group, by its global or plain id.' }),
    count: t.int({ required: true, description: 'Workers that are wanted, from 0 to 1000.' }),
    nodesToRemove: t.idList({ description: 'Workers of the group that are to go first; the count must fall by at least as many.' }),
  }),
});

export const resizeToCommand = (input: typeof ResizeNodeGroupInput.$inferInput): object => ({
  ...input,
  nodeGroupId: plainId('NodeGroup', input.nodeGroupId),
  ...(input.nodesToRemove != null && { nodesToRemove: input.nodesToRemove.map((id) => plainId('ClusterNode', id)) }),
});

defineMutation({
  name: 'resizeNodeGroup',
  description: 'Changes how many workers a node group has; one that goes is drained first. Needs the role member.',
  input: ResizeNodeGroupInput,
  payload: nodeGroupPayload('ResizeNodeGroupPayload', 'The node group that is being resized.'),
  toCommand: resizeToCommand,
  command: (commands) => commands.resizeNodeGroup,
});

const DeleteNodeGroupInput = builder.inputType('DeleteNodeGroupInput', {
  description: 'What deleteNodeGroup is asked.',
  fields: (t) => ({
    ...targetFields(t),
    nodeGroupId: t.id({ required: true, description: 'The node group, by its global or plain id.' }),
  }),
});

defineMutation({
  name: 'deleteNodeGroup',
  description: 'Deletes a node group with its workers; the default group goes only with the cluster. Needs the role member.',
  input: DeleteNodeGroupInput,
  payload: nodeGroupPayload('DeleteNodeGroupPayload', 'The node group that is being deleted.'),
  toCommand: (input) => ({ ...input, nodeGroupId: plainId('NodeGroup', input.nodeGroupId) }),
  command: (commands) => commands.deleteNodeGroup,
});
