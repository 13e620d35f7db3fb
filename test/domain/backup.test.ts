import { expect, test } from 'vitest';
import { isGivenUp, lossOf, RESTORE_LIFT, retryAt, sayLoss } from '../../src/domain/backup.ts';

const MINUTE_MS = 60_000;
const facts = { sizeBytes: 1, sha256: '', revision: 100, keyCount: 1, takenAt: 0, kubernetesVersion: 'v1.36.3' };

test.each<[seen: number[], revisions: number | null, said: string]>([
  [[], null, 'the last 5 minutes'],
  // No look has been since, so nobody knows what was written.
  [[90, 100], null, 'the last 5 minutes'],
  [[101, 90], 1, 'the last 5 minutes, at least 1 revision'],
  [[160, 130], 60, 'the last 5 minutes, at least 60 revisions'],
  // Since a restore revisions have been lifted, and their difference counts no writes.
  [[RESTORE_LIFT + 130], null, 'the last 5 minutes'],
])('what a restore costs, when the cluster was seen at %j', (seen, revisions, said) => {
  const loss = lossOf(facts, seen, 5 * MINUTE_MS);
  expect(loss).toEqual({ minutes: 5, revisions });
  expect(sayLoss(loss)).toBe(said);
});

test('a loss is never less than a minute, and never negative', () => {
  expect([-MINUTE_MS, 0, 1, 61_000].map((until) => lossOf(facts, [], until).minutes)).toEqual([1, 1, 1, 2]);
  expect(sayLoss({ minutes: 1, revisions: null })).toBe('the last minute');
});

test('tries come ever later, and end', () => {
  const failures = (count: number) => ({ count, lastAt: 0, message: '' });
  expect([1, 2, 3, 4].map((count) => retryAt(failures(count)) / 1_000)).toEqual([10, 60, 360, 900]);
  expect([null, failures(4), failures(5)].map(isGivenUp)).toEqual([false, false, true]);
});
