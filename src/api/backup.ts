/** Backups: what is kept of clusters' etcd, and whether it can be restored. */
import { may } from '../domain/actor.ts';
import { stableJson } from '../lib/json.ts';
import { type BackupRow, listBackups, listBackupsByClusters } from '../store/backups.ts';
import { emptySlice } from '../store/page.ts';
import { sightOf } from '../store/sight.ts';
import { builder, type InputBuilder, nodeType } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { ConditionType } from './condition.ts';
import { BackupReasonEnum, BackupStateEnum } from './enums.ts';
import { plainId } from './ids.ts';
import type { ReadPages } from './loaders.ts';
import { byCreation, connectionOf, filterOf, listArgs, pageOf } from './paging.ts';

export const BackupRef = builder.objectRef<BackupRow>(nodeType('Backup'));

builder.node(BackupRef, {
  description:
    "A snapshot of a cluster's etcd in an object store outside its seed, with the cluster's keys beside it, which only Seedbed can open.",
  id: { resolve: (row) => row.id, description: 'Id for `node`, unique in the whole API, opaque.' },
  loadMany: (ids, { loaders }) => Promise.all(ids.map((id) => loaders.backup.load(id))),
  fields: (t) => ({
    uuid: t.exposeString('id', { description: 'The plain id.' }),
    name: t.exposeString('name', { description: "The cluster's name, the time in UTC, and a mark of its own." }),
    state: t.expose('state', { type: BackupStateEnum, description: 'Where it is in its life.' }),
    reason: t.expose('reason', { type: BackupReasonEnum, description: 'Why it was made.' }),
    generation: t.exposeInt('generation', { description: 'Counts what was asked of it.' }),
    cluster: t.field({
      type: ClusterRef,
      nullable: true,
      description: 'The cluster that it is of; one that is deleted shows as such.',
      resolve: (row, _args, { loaders }) => loaders.cluster.load(row.clusterId),
    }),
    sizeBytes: t.float({
      nullable: true,
      description: 'How much the snapshot takes in the object store; null until it is stored.',
      resolve: ({ snapshot }) => snapshot?.sizeBytes ?? null,
    }),
    sha256: t.string({
      nullable: true,
      description:
        'The SHA-256 that etcd itself put at the end of the snapshot, over all before. A directory looks at it as it takes the snapshot in, and etcd does whenever the snapshot is restored: on trial, too.',
      resolve: ({ snapshot }) => snapshot?.sha256 ?? null,
    }),
    revision: t.float({
      nullable: true,
      description: "etcd's revision in it, which counts every write; null until it is stored.",
      resolve: ({ snapshot }) => snapshot?.revision ?? null,
    }),
    keyCount: t.int({
      nullable: true,
      description: 'Keys in it, as the etcd counted that ran on it; null until it was restored on trial.',
      resolve: ({ snapshot }) => snapshot?.keyCount ?? null,
    }),
    kubernetesVersion: t.string({
      nullable: true,
      description: 'Of the cluster, when it was taken.',
      resolve: ({ snapshot }) => snapshot?.kubernetesVersion ?? null,
    }),
    takenAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was stored; null until then.',
      resolve: ({ snapshot }) => snapshot?.takenAt ?? null,
    }),
    verifiedAt: t.expose('verifiedAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When it was fetched from the object store, restored into an etcd of its own, and that etcd had its revision; null: not yet, and the conditions say why.',
    }),
    conditions: t.field({
      type: [ConditionType],
      description: 'What is known of its aspects, in the order of its steps.',
      resolve: (row, _args, { loaders }) => loaders.conditions.load(row.id),
    }),
    createdBy: t.exposeString('createdBy', { description: 'Who asked for it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
  }),
});

const BackupConnection = builder.connectionObject(
  { type: BackupRef, name: 'BackupConnection', description: 'A page of backups.' },
  { name: 'BackupEdge', description: 'A backup and its place in the list.' },
);

const backupFilterFields = (t: InputBuilder) => ({
  states: t.field({ type: [BackupStateEnum], description: 'In one of these states.' }),
  reasons: t.field({ type: [BackupReasonEnum], description: 'Made for one of these reasons.' }),
});

const ClusterBackupFilterInput = builder.inputType('ClusterBackupFilter', {
  description: 'Which backups of a cluster to list; without a field, all.',
  fields: backupFilterFields,
});

builder.objectField(ClusterRef, 'backups', (t) =>
  t.field({
    type: BackupConnection,
    description: 'Its backups, newest first; what is unfinished or has failed included. None for who may not see backups.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: ClusterBackupFilterInput, description: 'Which ones.' }) },
    resolve: async (row, args, { loaders, actor }) => {
      const page = pageOf(args);
      const filter = filterOf(args.filter);
      const read: ReadPages<BackupRow> = (db, ids, wanted) => listBackupsByClusters(db, ids, filter, wanted);
      const isSeen = may(actor, 'readBackups', row);
      const slice = isSeen ? await loaders.page(read, row.id, page, `backups ${stableJson(filter)}`) : emptySlice<BackupRow>();
      return connectionOf(slice, page, byCreation);
    },
  }),
);

builder.objectField(ClusterRef, 'nextBackupAt', (t) =>
  t.field({
    type: 'DateTime',
    nullable: true,
    description: 'When it is backed up next by its schedule, which is spread over the hour; null without one, and before it has an etcd.',
    resolve: ({ backupPlan, spec, deleteRequestedAt }) =>
      spec.backup.enabled && deleteRequestedAt === null && backupPlan?.schedule === spec.backup.schedule ? backupPlan.nextAt : null,
  }),
);

const BackupFilterInput = builder.inputType('BackupFilter', {
  description: 'Which backups to list; without a field, all that you may see.',
  fields: (t) => ({
    clusterId: t.id({ description: 'Of this cluster, which may be gone.' }),
    ...backupFilterFields(t),
  }),
});

builder.queryField('backups', (t) =>
  t.field({
    type: BackupConnection,
    description: "The project's backups, newest first, also of clusters that are gone; all projects' for cloud admins and cloud readers.",
    args: { ...listArgs(t.arg), filter: t.arg({ type: BackupFilterInput, description: 'Which ones.' }) },
    resolve: async (_root, args, { store, actor }) => {
      const page = pageOf(args);
      const { clusterId, ...filter } = filterOf(args.filter);
      const wanted = { ...filter, ...(clusterId != null && { clusterId: plainId('Cluster', clusterId) }) };
      return connectionOf(await listBackups(store.db, sightOf(actor, 'readBackups'), wanted, page), page, byCreation);
    },
  }),
);

builder.queryField('backup', (t) =>
  t.field({
    type: BackupRef,
    nullable: true,
    description: 'A backup by its global or plain id; null when it is not there, or not yours to see.',
    args: { id: t.arg.id({ required: true, description: 'The backup.' }) },
    resolve: async (_root, { id }, { loaders }) => {
      const row = await loaders.backup.load(plainId('Backup', id));
      return row === null || row.deletedAt !== null ? null : row;
    },
  }),
);
