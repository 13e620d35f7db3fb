import { expect, test } from 'vitest';
import { judgeQuorum, missingAt, type QuorumSight, type QuorumVerdict } from '../../src/domain/etcdQuorum.ts';

const MINUTE_MS = 60_000;
const NOW = 100 * MINUTE_MS;

type Numbers = Partial<Record<'replaced' | 'empty' | 'failing', number[]>>;
const sight = (members: number, ready: number, minutes: number, { replaced = [], empty = [], failing = [] }: Numbers): QuorumSight => ({
  members,
  ready,
  replaced: new Set(replaced),
  empty: new Set(empty),
  failing: new Set(failing),
  missing: { since: NOW - minutes * MINUTE_MS, lookedAt: NOW, goneSince: null },
});

test.each<[what: string, sight: QuorumSight, verdict: QuorumVerdict]>([
  ['all restart', sight(3, 0, 60, {}), 'BAD_MINUTE'],
  ['one of three has lost its claim while another restarts', sight(3, 1, 60, { replaced: [0] }), 'BAD_MINUTE'],
  ['one is lost, and the others serve', sight(3, 2, 60, { replaced: [0], failing: [0] }), 'BAD_MINUTE'],
  ['two of three claims are gone', sight(3, 1, 0, { replaced: [0, 2] }), 'GONE'],
  ['the only one is', sight(1, 0, 0, { replaced: [0] }), 'GONE'],
  // Pods may be the last to hear of it.
  ['claims are new, and members serve all the same', sight(3, 2, 0, { replaced: [0, 2] }), 'BAD_MINUTE'],
  ['two say that they are empty', sight(3, 0, 0, { empty: [0, 1] }), 'EMPTY'],
  ['one claim is gone, and another member is empty', sight(3, 0, 0, { replaced: [0], empty: [1] }), 'EMPTY'],
  ['the same one twice', sight(3, 0, 60, { replaced: [0], empty: [0], failing: [0] }), 'BAD_MINUTE'],
  ['two fail for four minutes', sight(3, 0, 4, { failing: [0, 1] }), 'BAD_MINUTE'],
  ['two fail for five', sight(3, 0, 5, { failing: [0, 1] }), 'FAILING'],
  ['one is gone and another fails', sight(3, 1, 5, { replaced: [0], failing: [1] }), 'FAILING'],
])('%s', (_what, seen, verdict) => {
  expect(judgeQuorum(seen, NOW)).toBe(verdict);
});

test('the time without a majority begins anew after a gap in which nobody looked', () => {
  const first = missingAt(null, NOW);
  expect(first).toEqual({ since: NOW, lookedAt: NOW, goneSince: null });
  expect(missingAt(first, NOW + 10_000)).toBe(first);
  expect(missingAt(first, NOW + MINUTE_MS)).toEqual({ since: NOW, lookedAt: NOW + MINUTE_MS, goneSince: null });
  expect(missingAt(first, NOW + 4 * MINUTE_MS)).toEqual({ since: NOW + 4 * MINUTE_MS, lookedAt: NOW + 4 * MINUTE_MS, goneSince: null });
});
