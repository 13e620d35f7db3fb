/** Cluster templates: what an operator offers, with their immutable revisions. */
import { forbidden } from '../domain/actor.ts';
import { stableJson } from '../lib/json.ts';
import { sightOf } from '../store/sight.ts';
import { findUsableTemplates, listRevisionPages, listTemplates, type TemplateRevisionRow, type TemplateRow } from '../store/templates.ts';
import { badInput, builder, nodeType } from './builder.ts';
import type { Context } from './context.ts';
import { withoutPages } from './deprecated.ts';
import { VisibilityEnum } from './enums.ts';
import { plainId } from './ids.ts';
import type { ReadPages } from './loaders.ts';
import { byCreation, connectionOf, filterOf, listArgs, pageOf } from './paging.ts';
import { byRevision, RevisionFilterInput } from './revision.ts';
import { ClusterSpecType } from './spec.ts';

/** `isHidden`: of a cluster that is seen, by who may see no templates. */
export const TemplateRevisionType = builder.objectRef<TemplateRevisionRow & { isHidden?: boolean }>('ClusterTemplateRevision').implement({
  description: 'An immutable state of a template; clusters keep theirs.',
  fields: (t) => ({
    revision: t.exposeInt('revision', { description: 'From 1 on.' }),
    spec: t.field({
      type: ClusterSpecType,
      description: 'The settings.',
      resolve: ({ spec, isHidden }) => {
        if (isHidden === true) throw forbidden('readClusterTemplates');
        return spec;
      },
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
  }),
});

export const ClusterTemplateRef = builder.objectRef<TemplateRow>(nodeType('ClusterTemplate'));

/** @throws an Error for a template without any. */
export const newestRevisionOf = async ({ loaders }: Context, row: TemplateRow): Promise<TemplateRevisionRow> => {
  const revision = await loaders.newestRevision.load(row.id);
  if (revision === null) throw new Error(`Template ${row.id} has no revision ${row.revision}.`);
  return revision;
};

builder.node(ClusterTemplateRef, {
  description: 'A shape of clusters that an operator or a project offers.',
  id: { resolve: (row) => row.id, description: 'Id for `node`, unique in the whole API, opaque.' },
  loadMany: async (ids, { loaders }) => Promise.all(ids.map((id) => loaders.template.load(id))),
  fields: (t) => ({
    uuid: t.exposeString('id', { description: 'The plain id.' }),
    name: t.exposeString('name', { description: 'Its name, unique in its project.' }),
    projectId: t.exposeString('projectId', { description: 'The project that owns it.' }),
    visibility: t.expose('visibility', { type: VisibilityEnum, description: 'Who sees it.' }),
    revision: t.exposeInt('revision', { description: "The newest revision's number: what new clusters get." }),
    spec: t.field({
      type: ClusterSpecType,
      description: "The newest revision's settings.",
      resolve: async (row, _args, context) => (await newestRevisionOf(context, row)).spec,
    }),
    revisions: t.field({
      type: [TemplateRevisionType],
      description: 'All revisions, newest first.',
      deprecationReason: withoutPages('revisionsConnection'),
      resolve: (row, _args, { loaders }) => loaders.revisions.load(row.id),
    }),
    generation: t.exposeInt('generation', { description: 'Raised by each change.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    deletedAt: t.expose('deletedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was deleted: clusters go on showing theirs; new ones cannot use it.',
    }),
  }),
});

const TemplateRevisionConnection = builder.connectionObject(
  { type: TemplateRevisionType, name: 'ClusterTemplateRevisionConnection', description: "A page of a template's revisions." },
  { name: 'ClusterTemplateRevisionEdge', description: 'A revision and its place in the list.' },
);

builder.objectField(ClusterTemplateRef, 'revisionsConnection', (t) =>
  t.field({
    type: TemplateRevisionConnection,
    description: 'Its revisions, newest first.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: RevisionFilterInput, description: 'Which ones.' }) },
    resolve: async (row, args, { loaders }) => {
      const page = pageOf(args);
      const filter = filterOf(args.filter);
      const read: ReadPages<TemplateRevisionRow> = (db, ids, wanted) => listRevisionPages(db, ids, filter, wanted);
      const slice = await loaders.page(read, row.id, page, `template revisions ${stableJson(filter)}`);
      return connectionOf(slice, page, ({ templateId, revision }) => byRevision(templateId, revision));
    },
  }),
);

const TemplateConnection = builder.connectionObject(
  { type: ClusterTemplateRef, name: 'ClusterTemplateConnection', description: 'A page of templates.' },
  { name: 'ClusterTemplateEdge', description: 'A template and its place in the list.' },
);

const TemplateFilter = builder.inputType('ClusterTemplateFilter', {
  description: 'Which templates to list; without a field, all that you may see.',
  fields: (t) => ({
    name: t.string({ description: 'This name.' }),
    visibility: t.field({ type: VisibilityEnum, description: 'This visibility.' }),
    projectId: t.string({ description: 'Owned by this project.' }),
  }),
});

builder.queryField('clusterTemplates', (t) =>
  t.field({
    type: TemplateConnection,
    description: 'Templates of the project and public ones, oldest first; hidden ones for cloud admins and cloud readers only.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: TemplateFilter, description: 'Which ones.' }) },
    resolve: async (_root, args, { store, actor }) => {
      const page = pageOf(args);
      return connectionOf(
        await listTemplates(store.db, sightOf(actor, 'readClusterTemplates'), filterOf(args.filter), page),
        page,
        byCreation,
      );
    },
  }),
);

builder.queryField('clusterTemplate', (t) =>
  t.field({
    type: ClusterTemplateRef,
    nullable: true,
    description: "A template by its id or name; null when it is not there, or not yours to see. A project's own comes before a public one.",
    args: {
      id: t.arg.id({ description: 'Its id, global or plain.' }),
      name: t.arg.string({ description: 'Its name.' }),
    },
    resolve: async (_root, { id, name }, { store, actor, loaders }) => {
      if ((id == null) === (name == null)) throw badInput('Give either id or name.');
      if (id != null) return await loaders.template.load(plainId('ClusterTemplate', id));
      const found = (await findUsableTemplates(store.db, sightOf(actor, 'readClusterTemplates'), name ?? '')).filter(
        (row) => row.template.name === name,
      );
      if (found.length > 1) throw badInput('Several templates have this name; use the id.');
      return found[0]?.template ?? null;
    },
  }),
);
