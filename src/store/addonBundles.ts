/** Addon bundles and their immutable revisions: of no project, and seen by who may read any. */
import { and, asc, desc, eq, inArray, isNull, or, type SQL, sql } from 'drizzle-orm';
import { inserter } from './insert.ts';
import type { Db, Tx } from './open.ts';
import { behindCursor, type Order, orderBy, type Page, type Slice, sliceOf } from './page.ts';
import type { Sight } from './sight.ts';
import { addonBundleRevisions, addonBundles, clusters, templateRevisions, templates } from './tables.ts';

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
  const rows = await db
    .select()
    .from(addonBundles)
    .where(
      and(
        isNull(addonBundles.deletedAt),
        visible(sight),
        filter.name == null ? undefined : eq(addonBundles.name, filter.name),
        behindCursor(order, page),
      ),
    )
    .orderBy(...orderBy(order))
    .limit(page.first + 1);
  return sliceOf(rows, page);
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
    .where(and(inArray(addonBundles.id, [...ids]), visible(sight)));

/** Revisions of many bundles, newest first. */
export const listRevisionsByBundles = async (db: Db, bundleIds: readonly string[]): Promise<Map<string, AddonBundleRevisionRow[]>> => {
  const rows = await db
    .select()
    .from(addonBundleRevisions)
    .where(inArray(addonBundleRevisions.bundleId, [...bundleIds]))
    .orderBy(desc(addonBundleRevisions.revision));
  return new Map(bundleIds.map((id) => [id, rows.filter((row) => row.bundleId === id)]));
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
