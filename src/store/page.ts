/** Pages of rows in a stable order, by key and never by offset; many parents' pages cost one statement. */
import { and, asc, count, desc, getTableColumns, gt, lt, type SQL, sql } from 'drizzle-orm';
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core';
import { UserError } from '../domain/errors.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db } from './open.ts';

export interface Page {
  /** Rows at most, from 1. */
  first: number;
  /** The cursor of the last row that the caller has. */
  after?: string | null;
  /** The other way round than the list usually goes, or as it goes; without it as it goes. A cursor is good in both. */
  newestFirst?: boolean | undefined;
}

/** Of rows whose number is their cursor. */
export interface NumberedPage extends Pick<Page, 'first' | 'newestFirst'> {
  /** The number of the last row that the caller has; null: none. */
  after: number | null;
}

export interface Slice<Row> {
  rows: Row[];
  hasNextPage: boolean;
  /** How many the whole list has, counted when it is asked for: as the page was, of what the reader may see and the filter lets through. */
  count(): Promise<number>;
}

/** For who may see nothing of a list. */
export const emptySlice = <Row>(): Slice<Row> => ({ rows: [], hasNextPage: false, count: async () => 0 });

/** The two columns that a list is ordered by: a time or number that seldom repeats, and the id that breaks ties. */
export interface Order {
  at: SQLiteColumn;
  id: SQLiteColumn;
  newestFirst?: boolean;
  /** The id is the parent's, and `at` the row's number below it: only both together name a row. */
  isNumbered?: boolean;
}

/** Opaque to clients: base64url of time and id. */
export const encodeCursor = (at: number, id: string): string => Buffer.from(`${at}:${id}`).toString('base64url');

/** @throws UserError INVALID_INPUT for anything that `encodeCursor` did not make. */
const decodeCursor = (cursor: string): { at: number; id: string } => {
  const match = /^(\d{1,15}):(.{1,100})$/.exec(Buffer.from(cursor.slice(0, 200), 'base64url').toString('utf8'));
  const [, at, id] = match ?? [];
  if (at === undefined || id === undefined)
    throw new UserError('INVALID_INPUT', 'This cursor is not one that Seedbed gave out; leave it out to begin at the start.', {
      field: ['after'],
    });
  return { at: Number(at), id };
};

const isNewestFirst = (order: Pick<Order, 'newestFirst'>, page?: Pick<Page, 'newestFirst'>): boolean =>
  page?.newestFirst ?? order.newestFirst ?? false;

export const orderBy = (order: Order, page?: Pick<Page, 'newestFirst'>): SQL[] =>
  isNewestFirst(order, page) ? [desc(order.at), desc(order.id)] : [asc(order.at), asc(order.id)];

/** Rows behind the number that the page goes on from; undefined on the first page. */
export const behindNumber = (order: Order, page: NumberedPage): SQL | undefined => {
  if (page.after === null) return undefined;
  return isNewestFirst(order, page) ? lt(order.at, page.after) : gt(order.at, page.after);
};

/** Rows behind the page's cursor; undefined on the first page. */
const behindCursor = (order: Order, page: Page): SQL | undefined => {
  if (page.after === undefined || page.after === null) return undefined;
  const { at, id } = decodeCursor(page.after);
  return isNewestFirst(order, page) ? sql`(${order.at}, ${order.id}) < (${at}, ${id})` : sql`(${order.at}, ${order.id}) > (${at}, ${id})`;
};

/** One row more than asked for is read, to know whether there is a next page. */
export const sliceOf = <Row>(rows: Row[], { first }: Pick<Page, 'first'>, countAll: () => Promise<number>): Slice<Row> => ({
  rows: rows.length > first ? rows.slice(0, first) : rows,
  hasNextPage: rows.length > first,
  count: countAll,
});

/** Narrows a select to each parent's first page, so that one statement serves all parents of a level. */
export const firstOfEach = (parent: SQLiteColumn, parentIds: readonly string[], order: Order, page: Page, where?: SQL): SQL => {
  const chosen = and(isOneOf(parent, parentIds), behindCursor(order, page), where);
  const direction = sql.raw(isNewestFirst(order, page) ? 'desc' : 'asc');
  const place = sql`row_number() over (partition by ${parent} order by ${order.at} ${direction}, ${order.id} ${direction})`;
  const [key, names] = order.isNumbered
    ? [sql`(${order.id}, ${order.at})`, sql.raw('chosen_id, chosen_at')]
    : [sql`${order.id}`, sql.raw('chosen_id')];
  return sql`${key} in (select ${names} from (select ${order.id} as chosen_id, ${order.at} as chosen_at, ${place} as place from ${order.id.table} where ${chosen}) where place <= ${page.first + 1})`;
};

/** How many each parent has, in one statement; a parent that is not in the answer has none. */
export const countOfEach = async (
  db: Db,
  parent: SQLiteColumn,
  parentIds: readonly string[],
  where?: SQL,
): Promise<Map<string, number>> => {
  const rows = await db
    .select({ id: sql<string>`${parent}`, many: count() })
    .from(parent.table)
    .where(and(isOneOf(parent, parentIds), where))
    .groupBy(parent);
  return new Map(rows.map(({ id, many }) => [id, many]));
};

/** Rows of many parents, sorted already, as one slice a parent; a parent without rows has an empty one. Whoever asks first counts for all. */
export const slicesBy = <Row>(
  rows: readonly Row[],
  parentIds: readonly string[],
  parentOf: (row: Row) => string | null,
  { first }: Pick<Page, 'first'>,
  countEach: () => Promise<Map<string, number>>,
): Map<string, Slice<Row>> => {
  let counts: Promise<Map<string, number>> | null = null;
  const countOf = async (id: string): Promise<number> => {
    counts ??= countEach();
    return (await counts).get(id) ?? 0;
  };
  const lists = new Map<string, Row[]>(parentIds.map((id) => [id, []]));
  for (const row of rows) lists.get(parentOf(row) ?? '')?.push(row);
  return new Map([...lists].map(([id, list]) => [id, sliceOf(list, { first }, () => countOf(id))]));
};

/** A page of a table's rows, in one statement; their count, where it is asked for, in another. */
export const readPage = async <Table extends SQLiteTable>(
  db: Db,
  { table, order, where }: Omit<Below<Table>, 'parent'>,
  page: Page,
): Promise<Slice<Table['$inferSelect']>> => {
  // Drizzle cannot say what a row of any table is.
  const rows = (await db
    .select()
    .from(table as SQLiteTable)
    .where(and(where, behindCursor(order, page)))
    .orderBy(...orderBy(order, page))
    .limit(page.first + 1)) as Table['$inferSelect'][];
  return sliceOf(rows, page, () => db.$count(table, where));
};

/** What pages below many parents are read from; `parent`: the property that has the parent's id. */
interface Below<Table extends SQLiteTable> {
  table: Table;
  parent: Extract<keyof Table['$inferSelect'], string>;
  order: Order;
  where: SQL | undefined;
}

/** A page of each parent's rows, in one statement for all of them; their counts, where one is asked for, in another. */
export const readPages = async <Table extends SQLiteTable>(
  db: Db,
  { table, parent, order, where }: Below<Table>,
  parentIds: readonly string[],
  page: Page,
): Promise<Map<string, Slice<Table['$inferSelect']>>> => {
  const column = getTableColumns(table)[parent] as SQLiteColumn;
  const rows = (await db
    .select()
    .from(table as SQLiteTable)
    .where(firstOfEach(column, parentIds, order, page, where))
    .orderBy(...orderBy(order, page))) as Table['$inferSelect'][];
  return slicesBy(
    rows,
    parentIds,
    (row) => row[parent] as string | null,
    page,
    () => countOfEach(db, column, parentIds, where),
  );
};
