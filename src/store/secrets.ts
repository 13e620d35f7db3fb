/** Secrets at rest: kubeconfigs, keys, callers' tokens. Sealed going in, opened only here. */
import { and, eq } from 'drizzle-orm';
import type { Db, Tx } from './open.ts';
import type { Sealer } from './sealing.ts';
import { secrets } from './tables.ts';

export interface Secrets {
  find(db: Db, ownerId: string, name: string): Promise<string | undefined>;
  put(tx: Tx, ownerId: string, name: string, value: string, now: number): Promise<void>;
  remove(tx: Tx, ownerId: string, name?: string): Promise<void>;
}

export const createSecrets = (sealer: Sealer): Secrets => {
  const place = (ownerId: string, name: string) => `${ownerId}/${name}`;
  return {
    find: async (db, ownerId, name) => {
      const [row] = await db
        .select()
        .from(secrets)
        .where(and(eq(secrets.ownerId, ownerId), eq(secrets.name, name)));
      return row && sealer.open(row.sealed, row.keyId, place(ownerId, name));
    },
    put: async (tx, ownerId, name, value, now) => {
      const sealed = sealer.seal(value, place(ownerId, name));
      await tx.db
        .insert(secrets)
        .values({ ownerId, name, keyId: sealer.keyId, sealed, createdAt: now, updatedAt: now })
        .onConflictDoUpdate({ target: [secrets.ownerId, secrets.name], set: { keyId: sealer.keyId, sealed, updatedAt: now } });
    },
    remove: async (tx, ownerId, name) => {
      await tx.db
        .delete(secrets)
        .where(name === undefined ? eq(secrets.ownerId, ownerId) : and(eq(secrets.ownerId, ownerId), eq(secrets.name, name)));
    },
  };
};
