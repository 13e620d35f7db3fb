import { expect, test } from 'vitest';
import { type AutoRestorable, type AutoRestoreTurn, autoRestoreTurn } from '../../src/domain/autoRestore.ts';

const HOUR_MS = 3_600_000;
const NOW = 100 * HOUR_MS;
const row: AutoRestorable = {
  spec: { backup: { autoRestore: true } },
  ...{ deleteRequestedAt: null, pause: null, hibernation: null, move: null, restore: null, clone: null, autoRestoredAt: null },
};
const restore = { backupId: 'b', number: 1, filled: [] };
const pause = { since: 0, until: NOW + 1, reason: null, requestedBy: 'ada' };
const hibernation = { since: 0, until: null, requestedBy: 'ada' };
const move = { phase: 'START' } as NonNullable<AutoRestorable['move']>;

test.each<[what: string, change: Partial<AutoRestorable>, turn: AutoRestoreTurn]>([
  ['wanted', {}, 'NOW'],
  ['not wanted', { spec: { backup: { autoRestore: false } } }, 'OFF'],
  ['on its way out', { deleteRequestedAt: 1 }, 'BUSY'],
  ['paused', { pause }, 'BUSY'],
  ['paused until a while ago', { pause: { ...pause, until: NOW } }, 'NOW'],
  ['hibernating', { hibernation: { ...hibernation, phase: 'GOING' } }, 'BUSY'],
  ['waking', { hibernation: { ...hibernation, phase: 'WAKING' } }, 'BUSY'],
  ['moving', { move }, 'BUSY'],
  ['moved', { move: { ...move, phase: 'DONE' } }, 'NOW'],
  ['being restored', { restore: { ...restore, phase: 'FILL' } }, 'BUSY'],
  ['restored', { restore: { ...restore, phase: 'DONE' } }, 'NOW'],
  ['a clone that still has what is the first one’s', { clone: { backupId: 'b', clusterId: 'c', separated: false } }, 'BUSY'],
  ['restored by itself an hour ago', { autoRestoredAt: NOW - HOUR_MS }, 'REST'],
  ['restored by itself a day ago', { autoRestoredAt: NOW - 24 * HOUR_MS }, 'NOW'],
])('%s', (_what, change, turn) => {
  expect(autoRestoreTurn({ ...row, ...change }, NOW)).toBe(turn);
});
