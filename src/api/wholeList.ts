/** Pages of lists that are had as a whole, such as what a cloud offers: by what their rows are sorted by, and never by their places. */
import { UserError } from '../domain/errors.ts';
import { type Page, sliceOf } from '../store/page.ts';
import type { ArgBuilder } from './builder.ts';
import { type NameOrder, NameOrderEnum } from './enums.ts';
import { connectionOf, type PageArgs, pageArgs, pageOf } from './paging.ts';

/** What tells a row from all others, in the order in which it counts; of rows of one list always as long, and of the same types. */
export type SortKey = readonly (string | number)[];

interface WholeOrder<Row> {
  keyOf(row: Row): SortKey;
  isBackwards: boolean;
  /** Which parts of the key count, the first first; all, in their order, without it. A cursor is good for each. */
  parts?: readonly number[];
}

/** The page of `rows`, which the filter has let through. Throws INVALID_INPUT for a cursor that is not one of this list. */
export const wholeConnection = <Row>(rows: readonly Row[], page: Page, { keyOf, isBackwards, parts }: WholeOrder<Row>) => {
  const sign = isBackwards ? -1 : 1;
  const compare = (a: SortKey, b: SortKey): number => {
    for (const part of parts ?? a.keys()) {
      const [left = '', right = ''] = [a[part], b[part]];
      if (left !== right) return left < right ? -sign : sign;
    }
    return 0;
  };
  const sorted = rows.map((row) => ({ row, key: keyOf(row) })).toSorted((a, b) => compare(a.key, b.key));
  const after = page.after == null ? null : decodeKey(page.after, sorted[0]?.key);
  const behind = after === null ? sorted : sorted.filter(({ key }) => compare(key, after) > 0);
  const slice = sliceOf(
    behind.map(({ row }) => row),
    page,
    async () => rows.length,
  );
  return connectionOf(slice, page, (row) => encodeKey(keyOf(row)));
};

const encodeKey = (key: SortKey): string => Buffer.from(JSON.stringify(key)).toString('base64url');

const MOST_CURSOR = 2_000;

/** `like`: the key of a row of the list. */
const decodeKey = (cursor: string, like: SortKey | undefined): SortKey => {
  const key = cursor.length > MOST_CURSOR ? null : parsed(Buffer.from(cursor, 'base64url').toString('utf8'));
  const isKey = Array.isArray(key) && key.every((part) => typeof part === 'string' || typeof part === 'number');
  if (!isKey || (like !== undefined && like.map((part) => typeof part).join() !== key.map((part) => typeof part).join()))
    throw new UserError('INVALID_INPUT', 'This cursor is not one of this list; leave it out to begin at the start.', { field: ['after'] });
  return key;
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

export interface NameArgs extends Omit<PageArgs, 'orderBy'> {
  orderBy?: NameOrder | null | undefined;
}

/** Arguments of a list that is in the order of names. */
export const nameArgs = (t: ArgBuilder) => ({
  ...pageArgs(t),
  orderBy: t({ type: NameOrderEnum, description: 'Which way it goes; A_TO_Z without it. A cursor is good both ways.' }),
});

/** A page of them, in the order of their names. */
export const namedConnection = <Row>(rows: readonly Row[], { first, after, orderBy }: NameArgs, keyOf: (row: Row) => SortKey) =>
  wholeConnection(rows, pageOf({ first, after }), { keyOf, isBackwards: orderBy === 'Z_TO_A' });

/** Whether a name has this in it, in capitals or not; every name without. */
export const isNamed = (name: string, part: string | null | undefined): boolean =>
  part == null || name.toLowerCase().includes(part.toLowerCase());
