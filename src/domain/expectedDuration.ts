/** How long an operation takes, by those of its kind that have succeeded here. */
import type { OperationKind } from './operation.ts';
import type { ExpectedDuration } from './plan.ts';

/** So many of a kind say what is usual. */
const ENOUGH = 5;
/** Older ones are of another time. */
const MOST_SAMPLES = 50;

export interface PastOperation {
  projectId: string | null;
  tookMs: number;
}

/**
 * How long an operation of a kind takes here, by those that succeeded, the newest first. A project's own tell most of what it asks for; where they
 * are few, everybody's do. Few of others' are not used: they would tell of a single one of them.
 */
export const expectedDurationOf = (kind: OperationKind, projectId: string, past: readonly PastOperation[]): ExpectedDuration => {
  const own = past.filter((operation) => operation.projectId === projectId);
  const basis = own.length < ENOUGH && past.length - own.length >= ENOUGH ? 'INSTALLATION' : 'PROJECT';
  const used = (basis === 'PROJECT' ? own : past).slice(0, MOST_SAMPLES);
  const sorted = used.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
  const at = (share: number): number | null => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
  if (sorted.length === 0) return { kind, basis: 'NONE', samples: 0, medianMs: null, p90Ms: null, reason: NO_HISTORY };
  return { kind, basis, samples: sorted.length, medianMs: at(0.5), p90Ms: at(0.9), reason: null };
};

const NO_HISTORY = 'Too few operations of this kind have succeeded here for a time that could be relied on.';
