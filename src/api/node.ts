/** Workers. Called ClusterNode, for Relay has a Node of its own. */
import type { NodeFault } from '../domain/node.ts';
import { isOutdated } from '../domain/roll.ts';
import type { NodeRow } from '../store/reconcile.ts';
import { builder, nodeType } from './builder.ts';
import { ConditionType } from './condition.ts';
import { NodeStateEnum } from './enums.ts';
import { NodeRebootType, NodeTroubleType } from './healing.ts';
import { FaultType } from './problem.ts';

const NodeFaultType = builder.objectRef<NodeFault>('NodeFault').implement({
  description: 'Why a worker could not be made or lost.',
  fields: (t) => ({
    problem: t.expose('problem', { type: FaultType, description: 'What went wrong.' }),
    consoleTail: t.exposeString('consoleTail', { nullable: true, description: "The last lines of the server's console." }),
  }),
});

export const ClusterNodeRef = builder.objectRef<NodeRow>(nodeType('ClusterNode'));

builder.node(ClusterNodeRef, {
  description: "A worker: an OpenStack server in the customer's project that is a node of the cluster.",
  id: { resolve: (row) => row.id, description: 'Id for `node`, unique in the whole API, opaque.' },
  loadMany: (ids, { loaders }) => Promise.all(ids.map((id) => loaders.node.load(id))),
  fields: (t) => ({
    uuid: t.exposeString('id', { description: 'The plain id.' }),
    name: t.exposeString('name', { description: 'Name of the server and of the Kubernetes node.' }),
    state: t.expose('state', { type: NodeStateEnum, description: 'Where it is in its life.' }),
    serverId: t.exposeString('serverId', { nullable: true, description: "Nova's id; null until it is made." }),
    portId: t.exposeString('portId', { nullable: true, description: "Neutron's id of its port." }),
    existingPortId: t.exposeString('existingPortId', {
      nullable: true,
      description: "Neutron's id of the port of its group's existingPorts that it has; null: none.",
    }),
    volumeId: t.exposeString('volumeId', { nullable: true, description: "Cinder's id of its root volume, if it has one." }),
    address: t.exposeString('address', { nullable: true, description: "Its address in the nodes' network." }),
    addressV6: t.exposeString('addressV6', {
      nullable: true,
      description: 'Beside it, its IPv6 address, in a cluster that has both families.',
    }),
    floatingIp: t.exposeString('floatingIp', { nullable: true, description: 'Its floating IP, if it has one.' }),
    zone: t.exposeString('zone', { nullable: true, description: 'Its availability zone.' }),
    version: t.exposeString('kubernetesVersion', {
      nullable: true,
      description:
        "The Kubernetes version that it was made with; null until its server is asked for. Its group's `version` is that of the next.",
    }),
    outdated: t.boolean({
      description: 'It was made with another version, image, flavor or other settings than its group has now, and will be replaced.',
      resolve: async (row, _args, { loaders }) => {
        const [group, cluster] = await Promise.all([loaders.nodeGroup.load(row.nodeGroupId), loaders.cluster.load(row.clusterId)]);
        return group !== null && cluster !== null && isOutdated(row, group, cluster);
      },
    }),
    kubeletVersion: t.exposeString('kubeletVersion', { nullable: true, description: 'As its kubelet says.' }),
    fault: t.expose('fault', { type: NodeFaultType, nullable: true, description: 'Why it failed, if it did.' }),
    trouble: t.expose('trouble', { type: NodeTroubleType, nullable: true, description: 'What is wrong with it now, if anything.' }),
    reboot: t.expose('reboot', {
      type: NodeRebootType,
      nullable: true,
      description: 'When Seedbed rebooted it last, to heal it (healing.rebootFirst); null: never.',
    }),
    replaceRequestedAt: t.expose('replaceRequestedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When another was asked for in its place; null: it stays.',
    }),
    conditions: t.field({
      type: [ConditionType],
      description: 'What is known of its aspects, in the order of its steps.',
      resolve: (row, _args, { loaders }) => loaders.conditions.load(row.id),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was first wanted.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
  }),
});
