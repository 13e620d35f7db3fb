/** What hangs below a cluster (node groups, workers, operations, events, resources), and the ways back up. */

import { stableJson } from '../lib/json.ts';
import { listClustersBySeeds } from '../store/clusters.ts';
import type { InventoryRow } from '../store/inventory.ts';
import { listNodeGroupsByClusters } from '../store/nodeGroups.ts';
import { listNodesByClusters } from '../store/nodes.ts';
import { listOperationsByClusters } from '../store/operations.ts';
import { encodeCursor } from '../store/page.ts';
import type { OperationRow } from '../store/progress.ts';
import type { ClusterRow, NodeGroupRow, NodeRow } from '../store/reconcile.ts';
import { listResourcesByClusters } from '../store/resources.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { ClusterFilterInput, clusterFilterOf } from './clusterFilter.ts';
import { InventoryServiceEnum, InventoryStateEnum, NodeGroupStateEnum, OperationKindEnum, OperationStateEnum } from './enums.ts';
import { EventConnection, EventFilterInput, eventFilterOf, eventsOf } from './eventList.ts';
import type { ReadPages } from './loaders.ts';
import { ClusterNodeRef } from './node.ts';
import { ClusterNodeConnection, NodeFilterInput, NodeGroupRef } from './nodeGroup.ts';
import { OperationRef } from './operation.ts';
import { byCreation, connectionOf, filterOf, listArgs, pageOf } from './paging.ts';
import { ResourceRef } from './resource.ts';
import { SeedRef } from './seed.ts';

export const ClusterConnection = builder.connectionObject(
  { type: ClusterRef, name: 'ClusterConnection', description: 'A page of clusters.' },
  { name: 'ClusterEdge', description: 'A cluster and its place in the list.' },
);
const NodeGroupConnection = builder.connectionObject(
  { type: NodeGroupRef, name: 'NodeGroupConnection', description: 'A page of node groups.' },
  { name: 'NodeGroupEdge', description: 'A node group and its place in the list.' },
);
const OperationConnection = builder.connectionObject(
  { type: OperationRef, name: 'OperationConnection', description: 'A page of operations.' },
  { name: 'OperationEdge', description: 'An operation and its place in the list.' },
);
const ResourceConnection = builder.connectionObject(
  { type: ResourceRef, name: 'ResourceConnection', description: 'A page of resources.' },
  { name: 'ResourceEdge', description: 'A resource and its place in the list.' },
);
const ResourceFilterInput = builder.inputType('ResourceFilter', {
  description: 'Which resources to list; without a field, all that are not gone.',
  fields: (t) => ({
    services: t.field({ type: [InventoryServiceEnum], description: 'In one of these services.' }),
    states: t.field({ type: [InventoryStateEnum], description: 'In one of these states.' }),
  }),
});

const OperationFilterInput = builder.inputType('OperationFilter', {
  description: 'Which operations to list; without a field, all.',
  fields: (t) => ({
    kinds: t.field({ type: [OperationKindEnum], description: 'Of one of these kinds.' }),
    states: t.field({ type: [OperationStateEnum], description: 'In one of these states.' }),
  }),
});

const NodeGroupFilterInput = builder.inputType('NodeGroupFilter', {
  description: 'Which node groups to list; without a field, all that are not gone.',
  fields: (t) => ({
    name: t.string({ description: 'This name.' }),
    states: t.field({ type: [NodeGroupStateEnum], description: 'In one of these states.' }),
    isDefault: t.boolean({ description: 'Made with its cluster, or not.' }),
  }),
});

builder.objectFields(ClusterRef, (t) => ({
  nodeGroups: t.field({
    type: NodeGroupConnection,
    description: 'Its node groups, oldest first.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: NodeGroupFilterInput, description: 'Which ones.' }) },
    resolve: async (row, args, { loaders }) => {
      const page = pageOf(args);
      const filter = filterOf(args.filter);
      const read: ReadPages<NodeGroupRow> = (db, ids, wanted) => listNodeGroupsByClusters(db, ids, filter, wanted);
      return connectionOf(await loaders.page(read, row.id, page, `node groups ${stableJson(filter)}`), page, byCreation);
    },
  }),
  nodes: t.field({
    type: ClusterNodeConnection,
    description: 'Its workers, oldest first.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: NodeFilterInput, description: 'Which ones.' }) },
    resolve: async (row, args, { loaders }) => {
      const page = pageOf(args);
      const filter = filterOf(args.filter);
      const read: ReadPages<NodeRow> = (db, ids, wanted) => listNodesByClusters(db, ids, filter, wanted);
      return connectionOf(await loaders.page(read, row.id, page, `nodes ${stableJson(filter)}`), page, byCreation);
    },
  }),
  operations: t.field({
    type: OperationConnection,
    description: 'What was asked of it and of its node groups, newest first.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: OperationFilterInput, description: 'Which ones.' }) },
    resolve: async (row, args, { loaders }) => {
      const page = pageOf(args);
      const filter = filterOf(args.filter);
      const read: ReadPages<OperationRow> = (db, ids, wanted) => listOperationsByClusters(db, ids, filter, wanted);
      const slice = await loaders.page(read, row.id, page, `operations ${stableJson(filter)}`);
      return connectionOf(slice, page, (o) => encodeCursor(o.requestedAt, o.id));
    },
  }),
  events: t.field({
    type: EventConnection,
    description: "What happened to it, from the first on; the cursor is the event's number.",
    args: { ...listArgs(t.arg), filter: t.arg({ type: EventFilterInput, description: 'Which ones.' }) },
    resolve: ({ id }, args, { loaders }) => eventsOf(loaders, id, pageOf(args), eventFilterOf(args.filter)),
  }),
  resources: t.field({
    type: ResourceConnection,
    description: 'Every outside thing that was made for it, oldest first.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: ResourceFilterInput, description: 'Which ones.' }) },
    resolve: async (row, args, { loaders }) => {
      const page = pageOf(args);
      const filter = filterOf(args.filter);
      const read: ReadPages<InventoryRow> = (db, ids, wanted) => listResourcesByClusters(db, ids, filter, wanted);
      return connectionOf(await loaders.page(read, row.id, page, `resources ${stableJson(filter)}`), page, byCreation);
    },
  }),
}));

builder.objectField(SeedRef, 'clusters', (t) =>
  t.field({
    type: ClusterConnection,
    description: 'The clusters on it, oldest first.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: ClusterFilterInput, description: 'Which ones.' }) },
    resolve: async (row, args, { loaders }) => {
      const page = pageOf(args);
      const filter = clusterFilterOf(args.filter);
      const read: ReadPages<ClusterRow> = (db, ids, wanted) => listClustersBySeeds(db, ids, filter, wanted);
      return connectionOf(await loaders.page(read, row.id, page, `clusters of seeds ${stableJson(filter)}`), page, byCreation);
    },
  }),
);

builder.objectField(SeedRef, 'events', (t) =>
  t.field({
    type: EventConnection,
    description: "What happened to it, from the first on; the cursor is the event's number.",
    args: { ...listArgs(t.arg), filter: t.arg({ type: EventFilterInput, description: 'Which ones.' }) },
    resolve: ({ id }, args, { loaders }) => eventsOf(loaders, id, pageOf(args), eventFilterOf(args.filter)),
  }),
);

builder.objectField(NodeGroupRef, 'cluster', (t) =>
  t.field({
    type: ClusterRef,
    nullable: true,
    description: 'The cluster it belongs to.',
    resolve: (row, _args, { loaders }) => loaders.cluster.load(row.clusterId),
  }),
);

builder.objectFields(ClusterNodeRef, (t) => ({
  cluster: t.field({
    type: ClusterRef,
    nullable: true,
    description: 'The cluster it belongs to.',
    resolve: (row, _args, { loaders }) => loaders.cluster.load(row.clusterId),
  }),
  nodeGroup: t.field({
    type: NodeGroupRef,
    nullable: true,
    description: 'The node group it belongs to.',
    resolve: (row, _args, { loaders }) => loaders.nodeGroup.load(row.nodeGroupId),
  }),
}));

builder.objectField(OperationRef, 'cluster', (t) =>
  t.field({
    type: ClusterRef,
    nullable: true,
    description: "The cluster it was asked of, or of a part of; null for a seed's.",
    resolve: (row, _args, { loaders }) => (row.clusterId === null ? null : loaders.cluster.load(row.clusterId)),
  }),
);
