/** Lists as they were a little earlier: what one gets from a replica of the database that lags behind. */
import type { Answer } from './http.ts';

type Item = Record<string, unknown>;

export interface Staleness {
  /** Takes note of a good list on its way out; `ageMs` not null: gives it as it may have been so many milliseconds ago. */
  pass(service: string, path: string, method: string, answer: Answer, ageMs: number | null): Answer;
}

/** So long ago, at the most. */
const KEPT_MS = 30_000;

/** Remembers the lists of the last half minute by service and path. */
export const createStaleness = (now: () => number): Staleness => {
  const known = new Map<string, { at: number; items: Item[] }[]>();

  const earlier = (items: Item[], before: readonly { at: number; items: Item[] }[], ageMs: number): Item[] => {
    const since = now() - ageMs;
    const told = before.find(({ at }) => at >= since);
    // Nobody has seen it since then: what is new by its own date was not there.
    return told?.items ?? items.filter((item) => !(bornAt(item) >= since));
  };

  return {
    pass: (service, path, method, answer, ageMs) => {
      const [name, items] = listOf(answer) ?? [];
      if (method !== 'GET' || name === undefined || items === undefined) return answer;
      const key = `${service} ${path}`;
      const before = (known.get(key) ?? []).filter(({ at }) => at > now() - KEPT_MS);
      if (ageMs !== null) return { ...answer, body: { ...(answer.body as object), [name]: earlier(items, before, ageMs) } };
      known.delete(key);
      known.set(key, [...before, { at: now(), items: structuredClone(items) }]);
      for (const [oldest, told] of known) {
        if ((told.at(-1)?.at ?? 0) > now() - KEPT_MS) break;
        known.delete(oldest);
      }
      return answer;
    },
  };
};

const listOf = ({ status, body }: Answer): [string, Item[]] | undefined =>
  status !== 200 || body === null || typeof body !== 'object'
    ? undefined
    : (Object.entries(body).find(([, value]) => Array.isArray(value) && value.every((item) => typeof item === 'object')) as
        | [string, Item[]]
        | undefined);

/** Not a number where the service tells none. Times without a zone are UTC, and whole seconds. */
const bornAt = (item: Item): number => {
  const text = item['created_at'] ?? item['created'];
  return typeof text === 'string' ? Date.parse(/Z|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`) + 999 : Number.NaN;
};
