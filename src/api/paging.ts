/** Relay connections over the store's pages. */
import { UserError } from '../domain/errors.ts';
import { encodeCursor, type NumberedPage, type Page, type Slice } from '../store/page.ts';
import { type ArgBuilder, badInput, builder } from './builder.ts';
import { type ListOrder, ListOrderEnum } from './enums.ts';

export const DEFAULT_PAGE = 50;
export const MAX_PAGE = 100;
/** Of a `totalCount`: it looks at each row of a list, which may have thousands. */
export const COUNT_COST = 500;

export interface PageArgs {
  first?: number | null | undefined;
  after?: string | null | undefined;
  orderBy?: ListOrder | null | undefined;
}

/** The page asked for. Throws BAD_USER_INPUT for a size that is not offered. */
export const pageOf = (args: PageArgs): Page => {
  const first = args.first ?? DEFAULT_PAGE;
  if (first < 1 || first > MAX_PAGE) throw badInput(`first must be from 1 to ${MAX_PAGE}; ${first} was asked for.`);
  return { first, after: args.after ?? null, ...(args.orderBy != null && { newestFirst: args.orderBy === 'NEWEST_FIRST' }) };
};

builder.globalConnectionField('totalCount', (t) =>
  t.int({
    nullable: false,
    description: `How many the whole list has, as you see it and with the filter; counted when it is asked for, which costs ${COUNT_COST}.`,
    resolve: ({ count }) => count(),
  }),
);

/** A page as a connection, with a cursor for each row. */
export const connectionOf = <Row>(slice: Slice<Row>, page: Page, cursorOf: (row: Row) => string) => ({
  edges: slice.rows.map((node) => new Edge(node, cursorOf)),
  count: slice.count,
  pageInfo: new PageInfo(slice, page, cursorOf),
});

class PageInfo<Row> {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  private readonly rows: readonly Row[];
  private readonly cursorOf: (row: Row) => string;

  constructor({ rows, hasNextPage }: Slice<Row>, { after }: Page, cursorOf: (row: Row) => string) {
    this.hasNextPage = hasNextPage;
    this.hasPreviousPage = after != null;
    this.rows = rows;
    this.cursorOf = cursorOf;
  }

  get startCursor(): string | null {
    return this.cursorAt(0);
  }

  get endCursor(): string | null {
    return this.cursorAt(this.rows.length - 1);
  }

  private cursorAt(place: number): string | null {
    const row = this.rows[place];
    return row === undefined ? null : this.cursorOf(row);
  }
}

/** Its cursor is made when it is asked for: most lists are read without. */
class Edge<Row> {
  readonly node: Row;
  private readonly cursorOf: (row: Row) => string;

  constructor(node: Row, cursorOf: (row: Row) => string) {
    this.node = node;
    this.cursorOf = cursorOf;
  }

  get cursor(): string {
    return this.cursorOf(this.node);
  }
}

export const byCreation = (row: { createdAt: number; id: string }): string => encodeCursor(row.createdAt, row.id);

/** A list whose rows are numbered: the cursor is the number itself. Throws INVALID_INPUT for another. */
export const numberedPageOf = (page: Page): NumberedPage => ({ ...page, after: numberOf(page.after) });

const numberOf = (cursor: string | null | undefined): number | null => {
  if (cursor == null) return null;
  const number = /^\d{1,15}$/.test(cursor) ? Number(cursor) : Number.NaN;
  if (Number.isNaN(number))
    throw new UserError('INVALID_INPUT', 'This cursor is not the number of a row of this list; leave it out to begin at the start.', {
      field: ['after'],
    });
  return number;
};

/** Arguments of a list that goes either way. */
export const listArgs = (t: ArgBuilder) => ({
  ...pageArgs(t),
  orderBy: t({ type: ListOrderEnum, description: 'Which way it goes; without it as its description says. A cursor is good both ways.' }),
});

/** Arguments of every list. */
export const pageArgs = (t: ArgBuilder) => ({
  first: t.int({ description: `How many objects at most, from 1 to ${MAX_PAGE}; ${DEFAULT_PAGE} without it.` }),
  after: t.string({ description: 'Cursor of the last object that you have.' }),
});

/** A filter without the fields that were left out. */
export const filterOf = <Filter extends object>(
  filter: Filter | null | undefined,
): { [K in keyof Filter]?: Exclude<Filter[K], undefined> } =>
  Object.fromEntries(Object.entries(filter ?? {}).filter(([, value]) => value !== undefined)) as {
    [K in keyof Filter]?: Exclude<Filter[K], undefined>;
  };
