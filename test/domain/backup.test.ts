import { expect, test } from 'vitest';
import { isGivenUp, RESTORE_LIFT, retryAt, sayLoss } from '../../src/domain/backup.ts';

const MINUTE_MS = 60_000;
const facts = { sizeBytes: 1, sha256: '', revision: 100, keyCount: 1, takenAt: 0, kubernetesVersion: 'v1.36.3' };

test.each<[seen: number[], loss: string]>([
  [[], '5 minutes old, at revision 100'],
  [[90, 100], '5 minutes old, at revision 100'],
  [[101, 90], '5 minutes old, at revision 100, at least 1 revision before what the cluster has written'],
  [[160, 130], '5 minutes old, at revision 100, at least 60 revisions before what the cluster has written'],
  // Since a restore revisions have been lifted, and their difference counts no writes.
  [[RESTORE_LIFT + 130], '5 minutes old, at revision 100'],
])('what a restore costs, when the cluster was seen at %j: %s', (seen, loss) => {
  expect(sayLoss(facts, seen, 5 * MINUTE_MS)).toBe(loss);
});

test('tries come ever later, and end', () => {
  const failures = (count: number) => ({ count, lastAt: 0, message: '' });
  expect([1, 2, 3, 4].map((count) => retryAt(failures(count)) / 1_000)).toEqual([10, 60, 360, 900]);
  expect([null, failures(4), failures(5)].map(isGivenUp)).toEqual([false, false, true]);
});
