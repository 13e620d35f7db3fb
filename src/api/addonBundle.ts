/** Addon bundles: manifests that cloud admins register and clusters choose, with their immutable revisions. */
import { may } from '../domain/actor.ts';
import { stableJson } from '../lib/json.ts';
import {
  type AddonBundleRow,
  type BundleRevisionHead,
  findAddonBundle,
  listAddonBundles,
  listBundleRevisionPages,
  loadBundleRevision,
} from '../store/addonBundles.ts';
import { sightOf } from '../store/sight.ts';
import { badInput, builder, nodeType } from './builder.ts';
import type { Context } from './context.ts';
import { withoutPages } from './deprecated.ts';
import { plainId } from './ids.ts';
import type { ReadPages } from './loaders.ts';
import { byCreation, connectionOf, filterOf, listArgs, pageOf } from './paging.ts';
import { byRevision, RevisionFilterInput } from './revision.ts';

export const AddonBundleRevisionType = builder.objectRef<BundleRevisionHead>('AddonBundleRevision').implement({
  description: 'An immutable state of a bundle; clusters keep theirs.',
  fields: (t) => ({
    revision: t.exposeInt('revision', { description: 'From 1 on.' }),
    optionsSchema: t.string({ description: 'JSON schema of its options.', resolve: (row) => JSON.stringify(row.optionsSchema) }),
    kinds: t.exposeStringList('kinds', { description: 'Kinds of its objects with their versions, such as "apps/v1 Deployment".' }),
    objectCount: t.exposeInt('objectCount', { description: 'How many objects it has.' }),
    manifests: t.string({
      nullable: true,
      description: 'The YAML as it was given; for cloud admins and cloud readers, null for others.',
      resolve: async ({ bundleId, revision }, _args, { store, actor }) =>
        may(actor, 'readAddonBundleManifests') ? ((await loadBundleRevision(store.db, bundleId, revision))?.manifests ?? null) : null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
  }),
});

export const AddonBundleRef = builder.objectRef<AddonBundleRow>(nodeType('AddonBundle'));

/** Of a bundle that is there. */
export const newestRevisionOf = async ({ id }: AddonBundleRow, _args: object, { loaders }: Context): Promise<BundleRevisionHead> => {
  const revision = await loaders.newestBundleRevision.load(id);
  if (revision === null) throw new Error(`Bundle ${id} has no revision.`);
  return revision;
};

builder.node(AddonBundleRef, {
  description: 'What clusters may have beside the addons of Seedbed itself: manifests that a cloud admin registered.',
  id: { resolve: (row) => row.id, description: 'Id for `node`, unique in the whole API, opaque.' },
  loadMany: (ids, { loaders }) => Promise.all(ids.map((id) => loaders.addonBundle.load(id))),
  fields: (t) => ({
    uuid: t.exposeString('id', { description: 'The plain id.' }),
    name: t.exposeString('name', { description: 'Its name, unique.' }),
    description: t.exposeString('description', { description: 'What it is for; may be empty.' }),
    revision: t.exposeInt('revision', { description: "The newest revision's number: what clusters get that name none." }),
    newestRevision: t.field({
      type: AddonBundleRevisionType,
      description: 'The newest revision.',
      resolve: newestRevisionOf,
    }),
    revisions: t.field({
      type: [AddonBundleRevisionType],
      description: 'All revisions, newest first.',
      deprecationReason: withoutPages('revisionsConnection'),
      resolve: (row, _args, { loaders }) => loaders.bundleRevisions.load(row.id),
    }),
    generation: t.exposeInt('generation', { description: 'Raised by each change.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was registered.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    deletedAt: t.expose('deletedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was deleted: nobody can choose it any more.',
    }),
  }),
});

const AddonBundleRevisionConnection = builder.connectionObject(
  { type: AddonBundleRevisionType, name: 'AddonBundleRevisionConnection', description: "A page of a bundle's revisions." },
  { name: 'AddonBundleRevisionEdge', description: 'A revision and its place in the list.' },
);

builder.objectField(AddonBundleRef, 'revisionsConnection', (t) =>
  t.field({
    type: AddonBundleRevisionConnection,
    description: 'Its revisions, newest first.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: RevisionFilterInput, description: 'Which ones.' }) },
    resolve: async (row, args, { loaders }) => {
      const page = pageOf(args);
      const filter = filterOf(args.filter);
      const read: ReadPages<BundleRevisionHead> = (db, ids, wanted) => listBundleRevisionPages(db, ids, filter, wanted);
      const slice = await loaders.page(read, row.id, page, `bundle revisions ${stableJson(filter)}`);
      return connectionOf(slice, page, ({ bundleId, revision }) => byRevision(bundleId, revision));
    },
  }),
);

const AddonBundleConnection = builder.connectionObject(
  { type: AddonBundleRef, name: 'AddonBundleConnection', description: 'A page of addon bundles.' },
  { name: 'AddonBundleEdge', description: 'An addon bundle and its place in the list.' },
);

const AddonBundleFilter = builder.inputType('AddonBundleFilter', {
  description: 'Which addon bundles to list; without a field, all.',
  fields: (t) => ({ name: t.string({ description: 'This name.' }) }),
});

builder.queryField('addonBundles', (t) =>
  t.field({
    type: AddonBundleConnection,
    description: 'Addon bundles that clusters may choose, oldest first.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: AddonBundleFilter, description: 'Which ones.' }) },
    resolve: async (_root, args, { store, actor }) => {
      const page = pageOf(args);
      return connectionOf(
        await listAddonBundles(store.db, sightOf(actor, 'readAddonBundles'), filterOf(args.filter), page),
        page,
        byCreation,
      );
    },
  }),
);

builder.queryField('addonBundle', (t) =>
  t.field({
    type: AddonBundleRef,
    nullable: true,
    description: 'An addon bundle by its id or name; null when it is not there. By id, deleted ones are found, too.',
    args: {
      id: t.arg.id({ description: 'Its id, global or plain.' }),
      name: t.arg.string({ description: 'Its name.' }),
    },
    resolve: async (_root, { id, name }, { store, actor, loaders }) => {
      if ((id == null) === (name == null)) throw badInput('Give either id or name.');
      if (id != null) return await loaders.addonBundle.load(plainId('AddonBundle', id));
      const found = await findAddonBundle(store.db, sightOf(actor, 'readAddonBundles'), name ?? '');
      return found !== undefined && found.bundle.name === name ? found.bundle : null;
    },
  }),
);
