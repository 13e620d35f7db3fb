import { expect, test } from 'vitest';
import { DEFAULT_BACKUP, type KeptBackup, listExpired, planAfter } from '../../src/domain/backupSchedule.ts';

const DAY_MS = 86_400_000;
const NOW = Date.parse('2026-11-26T12:34:56.000Z');

/** Newest first: "S" scheduled, "O" on demand; then "g"ood, "x" could be restored and is not found now, "f"ailed, "l" being made, "d" being deleted; one a day, from now on back. */
const rows = (...words: string[]): KeptBackup[] =>
  words.map((word, days) => ({
    id: `${days}`,
    reason: word.startsWith('S') ? 'SCHEDULED' : 'ON_DEMAND',
    state: word.endsWith('g')
      ? 'READY'
      : word.endsWith('x')
        ? 'LOST'
        : word.endsWith('f')
          ? 'FAILED'
          : word.endsWith('d')
            ? 'DELETING'
            : 'CREATING',
    verifiedAt: /[gx]$/.test(word) ? 1 : null,
    createdAt: NOW - days * DAY_MS - 1,
    deleteRequestedAt: word.endsWith('d') ? 1 : null,
  }));
const expired = (words: string, more: { keepCount?: number; keepDays?: number | null; inUse?: string[] } = {}): string =>
  listExpired(rows(...words.split(' ')), { ...DEFAULT_BACKUP, keepCount: 2, ...more }, new Set(more.inUse ?? []), NOW)
    .map(({ id }) => id)
    .join(' ');

test.each<[what: string, words: string, more: Parameters<typeof expired>[1], gone: string]>([
  ['by number', 'Sg Sg Sg Sg', {}, '2 3'],
  ['what is asked for neither goes nor counts', 'Og Sg Og Sg Sg Og', {}, '4'],
  ['what is being made neither goes nor counts', 'Sl Sg Sg Sl', {}, ''],
  ['what is on its way out counts no more', 'Sd Sg Sg Sg', {}, '3'],
  ['not what is in use', 'Sg Sg Sg Sg', { inUse: ['3'] }, '2'],
  ['by age', 'Sg Sg Sg Sg', { keepCount: 9, keepDays: 2 }, '2 3'],
  ['never the newest that is good', 'Sf Sf Sf Sg', { keepDays: 1 }, '1 2'],
  ['one that failed is shown until another is good', 'Sf Sf Sg Sf', {}, '1 3'],
  ['and goes then, also when somebody asked for that one', 'Og Sf Sf', {}, '1 2'],
  ['what is not found now stays, until good ones have taken its place', 'Sg Sx Sx Sg Sx', {}, '4'],
  ['also when it is old', 'Sx Sx Sx', { keepDays: 1 }, ''],
  ['with none that is good, one is shown', 'Sf Sf Sf', {}, '1 2'],
])('%s: %s', (_what, words, more, gone) => {
  expect(expired(words, more)).toBe(gone);
});

test('the schedule alone never fills what a cluster may have, even when nothing succeeds', () => {
  expect(listExpired(rows(...Array(30).fill('Sf')), { ...DEFAULT_BACKUP, keepCount: 20 }, new Set(), NOW)).toHaveLength(29);
});

test('after however long, the next time is in the future, at the same minute for the same cluster', () => {
  const id = 'aaaa-0007';
  expect(planAfter(id, '0 * * * *', NOW)?.nextAt).toBe(Date.parse('2026-11-26T13:07:00.000Z'));
  // One that was to be at 12:07 and is late does not lose that of 13:07, whatever its minute.
  expect(planAfter('aaaa-0059', '0 * * * *', Date.parse('2026-11-26T13:01:00.000Z'))?.nextAt).toBe(Date.parse('2026-11-26T13:59:00.000Z'));
  // At the time itself the next one is an hour later, not the same again.
  expect(planAfter(id, '0 * * * *', Date.parse('2026-11-26T13:07:00.000Z'))?.nextAt).toBe(Date.parse('2026-11-26T14:07:00.000Z'));
  expect(planAfter('no digits', '30 2 * * *', NOW)?.nextAt).toBe(Date.parse('2026-11-27T02:30:00.000Z'));
});
