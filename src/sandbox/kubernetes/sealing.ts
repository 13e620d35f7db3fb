/** Which key each Secret of a hosted cluster is sealed with, and whether every API server that runs could read it. */
import { type Kind, SECRET, storageKind } from './kinds.ts';
import { StatusError } from './statusError.ts';
import type { Store } from './store.ts';

/** What one API server reads: ids of keys, the first of which writes. UNSEALED among them: what is not sealed is read, too. */
export type SealingKeys = readonly string[];

export const UNSEALED = '';

export interface Sealing {
  /** The API servers that run, in the order in which they started. */
  configure(servers: readonly SealingKeys[]): void;
  /** An update that changes nothing is stored all the same when it would be sealed otherwise. */
  isStale(kind: Kind, uid: string): boolean;
  /** Throws what an API server answers that finds something it cannot open. */
  requireReadable(kind: Kind, namespace: string | undefined, name: string | undefined): void;
  /** How many Secrets are sealed with each key. */
  counts(): Record<string, number>;
}

export const createSealing = (store: Store): Sealing => {
  const sealedWith = new Map<string, string>();
  let servers: readonly SealingKeys[] = [];
  let loaded = store.list(SECRET).length > 0;
  const isSecret = (kind: Kind): boolean => storageKind(kind) === storageKind(SECRET);
  // Any of them may be asked, so the one whose mistake would show is the newest.
  const writer = (): string => servers.at(-1)?.[0] ?? UNSEALED;
  store.subscribe(({ kind, type, object }) => {
    if (!isSecret(kind)) return;
    if (type === 'DELETED') sealedWith.delete(object.metadata.uid);
    else sealedWith.set(object.metadata.uid, writer());
  });
  return {
    configure(now) {
      servers = now;
      // The sandbox was restarted: it does not keep with what things were sealed.
      if (loaded && now.length > 0) for (const { metadata } of store.list(SECRET)) sealedWith.set(metadata.uid, writer());
      if (now.length > 0) loaded = false;
    },
    isStale: (kind, uid) => isSecret(kind) && servers.length > 0 && (sealedWith.get(uid) ?? UNSEALED) !== writer(),
    requireReadable(kind, namespace, name) {
      if (!isSecret(kind)) return;
      for (const { metadata } of store.list(SECRET, namespace)) {
        if (name !== undefined && metadata.name !== name) continue;
        const key = sealedWith.get(metadata.uid) ?? UNSEALED;
        if (servers.some((server) => server.length > 0 && !server.includes(key)))
          throw new StatusError(
            500,
            'InternalError',
            `Internal error occurred: unable to transform key "/registry/secrets/${metadata.namespace}/${metadata.name}": no matching prefix found`,
          );
      }
    },
    counts() {
      const counts: Record<string, number> = {};
      for (const { metadata } of store.list(SECRET)) {
        const key = sealedWith.get(metadata.uid) ?? UNSEALED;
        counts[key] = (counts[key] ?? 0) + 1;
      }
      return counts;
    },
  };
};
