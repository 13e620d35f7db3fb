/** Which trusts Keystone honours, believed for a while: whether settled clusters may still act costs calls by the trustor, not by the cluster. */
import type { TrustReference } from '../domain/cluster.ts';
import type { Clock } from '../lib/clock.ts';

export interface TrustSights {
  /**
   * Whether a trust that has long been in use still holds. `look` asks Keystone by the trust's own token; it is not called when another trust of the
   * same trustor, project and roles was seen to hold a moment ago, as they end together but for one that was deleted by itself, which the list tells.
   */
  holds(trust: TrustReference & { trustId: string; projectId: string }, look: () => Promise<boolean>): Promise<boolean>;
}

/** `listIds`: all that are lent to Seedbed. `maxAgeMs`: how long what was seen is believed, in milliseconds. */
export const createTrustSights = (deps: { clock: Clock; listIds: () => Promise<ReadonlySet<string>>; maxAgeMs: number }): TrustSights => {
  const { clock, listIds, maxAgeMs } = deps;
  const seen = new Map<string, number>();
  let listed: { at: number; ids: Promise<ReadonlySet<string>> } | null = null;
  const list = (): Promise<ReadonlySet<string>> => {
    if (listed !== null && clock.now() - listed.at < maxAgeMs) return listed.ids;
    const fresh = { at: clock.now(), ids: listIds() };
    listed = fresh;
    fresh.ids.catch(() => {
      if (listed === fresh) listed = null;
    });
    return fresh.ids;
  };
  return {
    holds: async ({ trustId, projectId, trustorUserId, roles }, look) => {
      const now = clock.now();
      for (const [key, at] of seen) if (now - at >= maxAgeMs) seen.delete(key);
      const key = JSON.stringify([trustorUserId, projectId, roles.toSorted()]);
      if (seen.has(key) && (await list()).has(trustId)) return true;
      if (!(await look())) return false;
      seen.set(key, clock.now());
      return true;
    },
  };
};
