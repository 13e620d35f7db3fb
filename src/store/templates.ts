/** Cluster templates and their immutable revisions. */
import { and, asc, desc, eq, isNull, ne, or, type SQL, sql } from 'drizzle-orm';
import type { Visibility } from '../domain/template.ts';
import { inserter } from './insert.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db, Tx } from './open.ts';
import { type Order, type Page, readPage, readPages, type Slice } from './page.ts';
import { perConnection } from './prepared.ts';
import { inSight, type Sight } from './sight.ts';
import { clusters, templateRevisions, templates } from './tables.ts';

export type TemplateRow = typeof templates.$inferSelect;
export type TemplateRevisionRow = typeof templateRevisions.$inferSelect;
export interface TemplateWithRevision {
  template: TemplateRow;
  revision: TemplateRevisionRow;
}

export interface TemplateFilter {
  name?: string | null;
  projectId?: string | null;
  visibility?: Visibility | null;
}

const order: Order = { at: templates.createdAt, id: templates.id };

export const insertTemplate = inserter(templates);
export const insertTemplateRevision = inserter(templateRevisions);

export const patchTemplate = async (tx: Tx, id: string, patch: Partial<typeof templates.$inferInsert>): Promise<void> => {
  await tx.db.update(templates).set(patch).where(eq(templates.id, id));
};

/** Own ones and public ones; to be had by id or name. */
const usable = (sight: Sight): SQL | undefined => {
  const own = inSight(templates.projectId, sight);
  if (own === undefined) return undefined;
  return sight.projectId === null ? own : or(own, eq(templates.visibility, 'PUBLIC'));
};

/** Usable ones; hidden ones are listed for cloud admins only. Oldest first. */
export const listTemplates = async (db: Db, sight: Sight, filter: TemplateFilter, page: Page): Promise<Slice<TemplateRow>> => {
  const where = and(
    isNull(templates.deletedAt),
    usable(sight),
    sight.all ? undefined : ne(templates.visibility, 'HIDDEN'),
    filter.name == null ? undefined : eq(templates.name, filter.name),
    filter.projectId == null ? undefined : eq(templates.projectId, filter.projectId),
    filter.visibility == null ? undefined : eq(templates.visibility, filter.visibility),
  );
  return readPage(db, { table: templates, order, where }, page);
};

const usableByKey = perConnection((db) => {
  const key = sql.placeholder('key');
  return db
    .select({ template: templates, revision: templateRevisions })
    .from(templates)
    .innerJoin(templateRevisions, and(eq(templateRevisions.templateId, templates.id), eq(templateRevisions.revision, templates.revision)))
    .where(
      and(
        or(eq(templates.id, key), eq(templates.name, key)),
        isNull(templates.deletedAt),
        or(sql`${sql.placeholder('all')}`, eq(templates.projectId, sql.placeholder('projectId')), eq(templates.visibility, 'PUBLIC')),
      ),
    )
    .orderBy(asc(templates.createdAt))
    .limit(20)
    .prepare();
});

/** All live templates that the id or the name may mean, with their newest revision; an id comes alone, own ones come first. */
export const findUsableTemplates = async (db: Db, sight: Sight, idOrName: string): Promise<TemplateWithRevision[]> => {
  if (!sight.all && sight.projectId === null) return [];
  const rows = await usableByKey(db).execute({ key: idOrName, all: sight.all ? 1 : 0, projectId: sight.projectId });
  const byId = rows.filter((row) => row.template.id === idOrName);
  if (byId.length > 0) return byId;
  const own = rows.filter((row) => row.template.projectId === sight.projectId);
  return own.length > 0 ? own : rows;
};

const liveById = perConnection((db) =>
  db
    .select({ id: templates.id })
    .from(templates)
    .where(and(eq(templates.id, sql.placeholder('id')), isNull(templates.deletedAt)))
    .prepare(),
);

export const isLiveTemplate = async (db: Db, id: string): Promise<boolean> => (await liveById(db).execute({ id })).length > 0;

/** By id, deleted ones included: clusters go on showing theirs. Only those whose template the reader may see. */
export const loadTemplates = (db: Db, sight: Sight, ids: readonly string[]): Promise<TemplateRow[]> =>
  db
    .select()
    .from(templates)
    .where(and(isOneOf(templates.id, ids), usable(sight)));

/** The newest revision of each template. */
export const loadNewestRevisions = (db: Db, templateIds: readonly string[]): Promise<TemplateRevisionRow[]> =>
  db
    .select({
      templateId: templateRevisions.templateId,
      revision: templateRevisions.revision,
      spec: templateRevisions.spec,
      createdBy: templateRevisions.createdBy,
      createdAt: templateRevisions.createdAt,
    })
    .from(templateRevisions)
    .innerJoin(templates, and(eq(templates.id, templateRevisions.templateId), eq(templates.revision, templateRevisions.revision)))
    .where(isOneOf(templateRevisions.templateId, templateIds));

export const loadRevisions = (db: Db, keys: readonly { templateId: string; revision: number }[]): Promise<TemplateRevisionRow[]> =>
  db
    .select()
    .from(templateRevisions)
    .where(or(...keys.map((key) => and(eq(templateRevisions.templateId, key.templateId), eq(templateRevisions.revision, key.revision)))));

const revisionOrder: Order = { at: templateRevisions.revision, id: templateRevisions.templateId, newestFirst: true, isNumbered: true };

export interface RevisionFilter {
  revisions?: readonly number[] | null;
}

/** A page of each template's revisions, newest first. */
export const listRevisionPages = async (
  db: Db,
  templateIds: readonly string[],
  filter: RevisionFilter,
  page: Page,
): Promise<Map<string, Slice<TemplateRevisionRow>>> => {
  const where = filter.revisions == null ? undefined : isOneOf(templateRevisions.revision, filter.revisions);
  return readPages(db, { table: templateRevisions, parent: 'templateId', order: revisionOrder, where }, templateIds, page);
};

/** Revisions of many templates, newest first. */
export const listRevisionsByTemplates = async (db: Db, templateIds: readonly string[]): Promise<Map<string, TemplateRevisionRow[]>> => {
  const rows = await db
    .select()
    .from(templateRevisions)
    .where(isOneOf(templateRevisions.templateId, templateIds))
    .orderBy(desc(templateRevisions.revision));
  return new Map(templateIds.map((id) => [id, rows.filter((row) => row.templateId === id)]));
};

export const countClustersOfTemplate = (db: Db, templateId: string): Promise<number> =>
  db.$count(clusters, and(eq(clusters.templateId, templateId), isNull(clusters.deletedAt)));
