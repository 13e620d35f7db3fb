/** Secrets at rest: kubeconfigs, keys, callers' tokens. Sealed going in, opened only here. */
import { and, eq, sql } from 'drizzle-orm';
import type { Db, Tx } from './open.ts';
import { perConnection } from './prepared.ts';
import { NONCE_BYTES, type Sealer } from './sealing.ts';
import { secrets } from './tables.ts';

export interface Secrets {
  find(db: Db, ownerId: string, name: string): Promise<string | undefined>;
  /** Another one whenever the secret was put, without opening it; undefined when there is none. */
  version(db: Db, ownerId: string, name: string): Promise<string | undefined>;
  put(tx: Tx, ownerId: string, name: string, value: string, now: number): Promise<void>;
  remove(tx: Tx, ownerId: string, name?: string): Promise<void>;
  /** For a secret in another row's value: text that only `open` reads, and only at the same place. */
  seal(value: string, place: string): string;
  open(sealed: string, place: string): string;
}

const upsert = perConnection((db) => {
  const now = sql.placeholder('now');
  return db
    .insert(secrets)
    .values({
      ownerId: sql.placeholder('ownerId'),
      name: sql.placeholder('name'),
      keyId: sql.placeholder('keyId'),
      sealed: sql`${sql.placeholder('sealed')}`,
      createdAt: now,
      updatedAt: now,
    })
    .onConflictDoUpdate({
      target: [secrets.ownerId, secrets.name],
      set: { keyId: sql`excluded.key_id`, sealed: sql`excluded.sealed`, updatedAt: sql`excluded.updated_at` },
    })
    .prepare();
});

const atPlace = () => and(eq(secrets.ownerId, sql.placeholder('ownerId')), eq(secrets.name, sql.placeholder('name')));
const byPlace = perConnection((db) => db.select().from(secrets).where(atPlace()).prepare());
const nonceByPlace = perConnection((db) =>
  db
    .select({ nonce: sql<string>`hex(substr(${secrets.sealed}, 1, ${sql.raw(String(NONCE_BYTES))}))` })
    .from(secrets)
    .where(atPlace())
    .prepare(),
);

export const createSecrets = (sealer: Sealer): Secrets => {
  const place = (ownerId: string, name: string) => `${ownerId}/${name}`;
  return {
    find: async (db, ownerId, name) => {
      const [row] = await byPlace(db).execute({ ownerId, name });
      return row && sealer.open(row.sealed, row.keyId, place(ownerId, name));
    },
    version: async (db, ownerId, name) => {
      const [row] = await nonceByPlace(db).execute({ ownerId, name });
      return row?.nonce;
    },
    put: async (tx, ownerId, name, value, now) => {
      const sealed = sealer.seal(value, place(ownerId, name));
      await upsert(tx.db).execute({ ownerId, name, keyId: sealer.keyId, sealed, now });
    },
    remove: async (tx, ownerId, name) => {
      await tx.db
        .delete(secrets)
        .where(name === undefined ? eq(secrets.ownerId, ownerId) : and(eq(secrets.ownerId, ownerId), eq(secrets.name, name)));
    },
    seal: (value, at) => `${sealer.keyId}:${sealer.seal(value, at).toString('base64')}`,
    open: (sealed, at) => {
      const [keyId = '', text = ''] = sealed.split(':');
      return sealer.open(Buffer.from(text, 'base64'), keyId, at);
    },
  };
};
