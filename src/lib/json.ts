import { createHash } from 'node:crypto';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** JSON with object keys in order, so that equal values give equal text. Keys whose value is undefined are left out. */
export const stableJson = (value: unknown): string =>
  JSON.stringify(value, (_key, v: unknown) =>
    v !== null && typeof v === 'object' && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : v,
  ) ?? 'null';

/** A SHA-256 over the value's stable JSON, in hex. */
export const fingerprint = (value: unknown): string => createHash('sha256').update(stableJson(value)).digest('hex');
