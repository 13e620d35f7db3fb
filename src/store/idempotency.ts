/** Idempotency keys: what an earlier call with the same key answered. */
import { and, eq, inArray, lt, sql } from 'drizzle-orm';
import { inserter } from './insert.ts';
import type { Db, Tx } from './open.ts';
import { perConnection } from './prepared.ts';
import { idempotencyKeys, secrets } from './tables.ts';

export type IdempotencyRow = typeof idempotencyKeys.$inferSelect;

export const insertIdempotencyKey = inserter(idempotencyKeys);

const byKey = perConnection((db) =>
  db
    .select()
    .from(idempotencyKeys)
    .where(and(eq(idempotencyKeys.scope, sql.placeholder('scope')), eq(idempotencyKeys.key, sql.placeholder('key'))))
    .prepare(),
);

export const findIdempotencyKey = async (db: Db, scope: string, key: string): Promise<IdempotencyRow | undefined> => {
  const [row] = await byKey(db).execute({ scope, key });
  return row;
};

/** The owner id under which a sealed answer is kept among the secrets. */
export const sealedAnswerOwner = (scope: string, key: string): string => `idempotency/${scope}/${key}`;

/** Forgets up to 500 keys that are older than `before` (milliseconds since the epoch), and their sealed answers. Returns how many; call again while it is not 0. */
export const purgeIdempotency = async (tx: Tx, before: number): Promise<number> => {
  const old = await tx.db
    .select({ scope: idempotencyKeys.scope, key: idempotencyKeys.key })
    .from(idempotencyKeys)
    .where(lt(idempotencyKeys.createdAt, before))
    .limit(500);
  for (const { scope, key } of old) {
    await tx.db.delete(idempotencyKeys).where(and(eq(idempotencyKeys.scope, scope), eq(idempotencyKeys.key, key)));
  }
  const owners = old.map(({ scope, key }) => sealedAnswerOwner(scope, key));
  if (owners.length > 0) await tx.db.delete(secrets).where(inArray(secrets.ownerId, owners));
  return old.length;
};
