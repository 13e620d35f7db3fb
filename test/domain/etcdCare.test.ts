import { expect, test } from 'vitest';
import type { EtcdMember } from '../../src/domain/etcd.ts';
import { afterErrand, afterLook, type Care, type EtcdStatus, nextCare } from '../../src/domain/etcdCare.ts';

const MIB = 1024 ** 2;
const QUOTA = 2048 * MIB;
const NOW = 1_000_000_000;
const HOUR = 3_600_000;
const member = (number: number, sizeMiB: number, usedMiB: number, more: Partial<EtcdMember> = {}): EtcdMember => ({
  id: `a${number}`,
  number,
  started: true,
  learner: false,
  leader: number === 0,
  dbSizeBytes: sizeMiB * MIB,
  dbInUseBytes: usedMiB * MIB,
  version: '3.6.8',
  alarms: [],
  ...more,
});
const three = (sizeMiB: number, usedMiB: number, alarms: string[] = []) => [0, 1, 2].map((n) => member(n, sizeMiB, usedMiB, { alarms }));
const status = (members: EtcdMember[], more: Partial<EtcdStatus> = {}): EtcdStatus => ({
  observedAt: NOW - HOUR,
  members,
  lookAt: NOW + HOUR,
  maintainAt: NOW + HOUR,
  toDefragment: [],
  ...more,
});

test('at rest nothing is asked; a first look, a due one and a suspicion are', () => {
  const calm = status(three(20, 10));
  const kind = (...args: Parameters<typeof nextCare>): Care['kind'] => nextCare(...args).kind;
  expect(kind(calm, QUOTA, false, NOW)).toBe('rest');
  expect(kind(null, QUOTA, false, NOW)).toBe('look');
  expect(kind(calm, QUOTA, true, NOW)).toBe('look');
  expect(kind({ ...calm, maintainAt: NOW }, QUOTA, false, NOW)).toBe('look');
  expect(kind({ ...calm, lookAt: NOW }, QUOTA, false, NOW)).toBe('look');
});

test('when maintenance is due, large files are made smaller: one after the other, the leader last, and then they are looked at', () => {
  const due = status(three(20, 10), { maintainAt: NOW });
  let now = afterLook(due, three(500, 100), QUOTA, NOW, NOW + 24 * HOUR);
  expect(now).toMatchObject({ toDefragment: [1, 2, 0], maintainAt: NOW + 24 * HOUR });
  const order: number[] = [];
  for (let care = nextCare(now, QUOTA, false, NOW); care.kind === 'defragment'; care = nextCare(now, QUOTA, false, NOW)) {
    order.push(care.number);
    now = afterErrand(now, NOW);
  }
  expect(order).toEqual([1, 2, 0]);
  expect(nextCare(now, QUOTA, false, NOW)).toEqual({ kind: 'look' });
});

test.each([
  ['little is to be had', 120, 60, NOW, NOW + HOUR],
  ['a small share is to be had', 1000, 800, NOW, NOW + HOUR],
  ['maintenance is not due', 500, 100, NOW + 1, NOW + HOUR],
  ['there is no schedule', 500, 100, NOW, null],
])('no member stands still when %s', (_what, size, used, maintainAt, next) => {
  expect(afterLook(status([], { maintainAt }), three(size, used), QUOTA, NOW, next).toDefragment).toEqual([]);
});

test('a full one with room inside is made smaller at once and takes writes again; one that is really full waits for its owner', () => {
  const roomInside = afterLook(status([]), three(2048, 300, ['NOSPACE']), QUOTA, NOW, null);
  expect(roomInside.toDefragment).toEqual([1, 2, 0]);
  const smaller = afterLook({ ...roomInside, toDefragment: [] }, three(300, 300, ['NOSPACE']), QUOTA, NOW, null);
  expect(nextCare(smaller, QUOTA, false, NOW)).toEqual({ kind: 'disarm' });
  expect(nextCare(afterErrand(smaller, NOW), QUOTA, false, NOW)).toEqual({ kind: 'look' });

  const full = afterLook(status([]), three(2048, 2000, ['NOSPACE']), QUOTA, NOW, null);
  expect(full.toDefragment).toEqual([]);
  expect(nextCare(full, QUOTA, false, NOW)).toEqual({ kind: 'rest' });
  expect(nextCare(full, QUOTA, false, NOW + 5 * 60_000)).toEqual({ kind: 'look' });
  expect(nextCare(full, 2 * QUOTA, false, NOW)).toEqual({ kind: 'disarm' });
});

test('the alarm is not taken back while a member does not answer', () => {
  const members = [member(0, 100, 100, { alarms: ['NOSPACE'] }), member(1, 100, 100, { dbSizeBytes: null })];
  expect(nextCare(afterLook(status([]), members, QUOTA, NOW, null), QUOTA, false, NOW)).toEqual({ kind: 'rest' });
});
