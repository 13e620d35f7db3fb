/** Addon bundles and their immutable revisions: of no project, and seen by who may read any. */
import { and, asc, desc, eq, isNull, or, type SQL, sql } from 'drizzle-orm';
import type { OptionsSchema } from '../domain/addonBundleOption.ts';
import { inserter } from './insert.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db, Tx } from './open.ts';
import { countOfEach, firstOfEach, type Order, orderBy, type Page, readPage, type Slice, slicesBy } from './page.ts';
import type { Sight } from './sight.ts';
import { addonBundleRevisions, addonBundles, clusters, templateRevisions, templates } from './tables.ts';
import type { RevisionFilter } from './templates.ts';

export type AddonBundleRow = typeof addonBundles.$inferSelect;
export type AddonBundleRevisionRow = typeof addonBundleRevisions.$inferSelect;
export interface BundleWithRevision {
  bundle: AddonBundleRow;
  revision: AddonBundleRevisionRow;
}

export interface AddonBundleFilter {
  name?: string | null;
}

const order: Order = { at: addonBundles.createdAt, id: addonBundles.id };

export const insertAddonBundle = inserter(addonBundles);
export const insertAddonBundleRevision = inserter(addonBundleRevisions);

export const patchAddonBundle = async (tx: Tx, id: string, patch: Partial<typeof addonBundles.$inferInsert>): Promise<void> => {
  await tx.db.update(addonBundles).set(patch).where(eq(addonBundles.id, id));
};

/** Nothing for who may read no project. */
const visible = (sight: Sight): SQL | undefined => (sight.all || sight.projectId !== null ? undefined : sql`false`);

/** Live ones, oldest first. */
export const listAddonBundles = async (db: Db, sight: Sight, filter: AddonBundleFilter, page: Page): Promise<Slice<AddonBundleRow>> => {
  const where = and(isNull(addonBundles.deletedAt), visible(sight), filter.name == null ? undefined : eq(addonBundles.name, filter.name));
  return readPage(db, { table: addonBundles, order, where }, page);
};

/** A live one by id or name, with its newest revision. */
export const findAddonBundle = async (db: Db, sight: Sight, idOrName: string): Promise<BundleWithRevision | undefined> => {
  const [row] = await db
    .select({ bundle: addonBundles, revision: addonBundleRevisions })
    .from(addonBundles)
    .innerJoin(
      addonBundleRevisions,
      and(eq(addonBundleRevisions.bundleId, addonBundles.id), eq(addonBundleRevisions.revision, addonBundles.revision)),
    )
    .where(and(or(eq(addonBundles.id, idOrName), eq(addonBundles.name, idOrName)), isNull(addonBundles.deletedAt), visible(sight)))
    .orderBy(asc(addonBundles.createdAt))
    .limit(1);
  return row;
};

/** A revision of the live bundle of this name. */
export const findBundleRevision = async (db: Db, name: string, revision: number): Promise<AddonBundleRevisionRow | undefined> => {
  const [row] = await db
    .select({ revision: addonBundleRevisions })
    .from(addonBundles)
    .innerJoin(addonBundleRevisions, eq(addonBundleRevisions.bundleId, addonBundles.id))
    .where(and(eq(addonBundles.name, name), isNull(addonBundles.deletedAt), eq(addonBundleRevisions.revision, revision)))
    .limit(1);
  return row?.revision;
};

/** By id, deleted ones included. */
export const loadAddonBundles = (db: Db, sight: Sight, ids: readonly string[]): Promise<AddonBundleRow[]> =>
  db
    .select()
    .from(addonBundles)
    .where(and(isOneOf(addonBundles.id, ids), visible(sight)));

/** What lists show of a revision: its objects and manifests may be large, and stay in the database. */
export interface BundleRevisionHead {
  bundleId: string;
  revision: number;
  optionsSchema: OptionsSchema;
  /** Such as "apps/v1 Deployment", each once. */
  kinds: string[];
  objectCount: number;
  createdAt: number;
}

const { bundleId, revision, objects, optionsSchema, createdAt } = addonBundleRevisions;
const kindOfOne = sql`json_extract(one.value, '$.apiVersion') || ' ' || json_extract(one.value, '$.kind')`;
const head = {
  bundleId,
  revision,
  optionsSchema,
  kinds: sql`(select json_group_array(distinct ${kindOfOne}) from json_each(${objects}) as one)`.mapWith(
    (text: string) => JSON.parse(text) as string[],
  ),
  objectCount: sql<number>`json_array_length(${objects})`,
  createdAt,
};

/** The newest revision of each bundle. */
export const loadNewestBundleRevisions = (db: Db, bundleIds: readonly string[]): Promise<BundleRevisionHead[]> =>
  db
    .select(head)
    .from(addonBundleRevisions)
    .innerJoin(addonBundles, and(eq(addonBundles.id, bundleId), eq(addonBundles.revision, revision)))
    .where(isOneOf(bundleId, bundleIds));

const revisionOrder: Order = { at: revision, id: bundleId, newestFirst: true, isNumbered: true };

/** A page of each bundle's revisions, newest first. */
export const listBundleRevisionPages = async (
  db: Db,
  bundleIds: readonly string[],
  filter: RevisionFilter,
  page: Page,
): Promise<Map<string, Slice<BundleRevisionHead>>> => {
  const where = filter.revisions == null ? undefined : isOneOf(revision, filter.revisions);
  const rows = await db
    .select(head)
    .from(addonBundleRevisions)
    .where(firstOfEach(bundleId, bundleIds, revisionOrder, page, where))
    .orderBy(...orderBy(revisionOrder, page));
  return slicesBy(
    rows,
    bundleIds,
    (row) => row.bundleId,
    page,
    () => countOfEach(db, bundleId, bundleIds, where),
  );
};

/** Revisions of many bundles, newest first. */
export const listRevisionsByBundles = async (db: Db, bundleIds: readonly string[]): Promise<Map<string, BundleRevisionHead[]>> => {
  const rows = await db.select(head).from(addonBundleRevisions).where(isOneOf(bundleId, bundleIds)).orderBy(desc(revision));
  return new Map(bundleIds.map((id) => [id, rows.filter((row) => row.bundleId === id)]));
};

/** Of a bundle by its id, deleted ones included. */
export const loadBundleRevision = async (db: Db, id: string, number: number): Promise<AddonBundleRevisionRow | undefined> => {
  const [row] = await db
    .select()
    .from(addonBundleRevisions)
    .where(and(eq(bundleId, id), eq(revision, number)));
  return row;
};

export interface BundleUses {
  /** Those that have it, or are still getting rid of it. */
  clusters: number;
  /** Those whose newest revision has it. */
  templates: number;
}

export const countBundleUses = async (db: Db, name: string): Promise<BundleUses> => {
  const named = (column: typeof clusters.spec | typeof clusters.bundleStates | typeof templateRevisions.spec, path: string): SQL =>
    sql`exists (select 1 from json_each(${column}, ${path}) as one where json_extract(one.value, '$.name') = ${name})`;
  const [ofTemplates] = await db
    .select({ count: sql<number>`count(*)` })
    .from(templates)
    .innerJoin(templateRevisions, and(eq(templateRevisions.templateId, templates.id), eq(templateRevisions.revision, templates.revision)))
    .where(and(isNull(templates.deletedAt), named(templateRevisions.spec, '$.bundles')));
  return {
    clusters: await db.$count(
      clusters,
      and(isNull(clusters.deletedAt), or(named(clusters.spec, '$.bundles'), named(clusters.bundleStates, '$'))),
    ),
    templates: ofTemplates?.count ?? 0,
  };
};
