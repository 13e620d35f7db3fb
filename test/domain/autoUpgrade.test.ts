import { afterAll, beforeAll, expect, test } from 'vitest';
import { begunAt, goesOnAt, nextPatch } from '../../src/domain/autoUpgrade.ts';
import type { MaintenanceSpec } from '../../src/domain/maintenance.ts';
import type { WeeklyWindow } from '../../src/domain/weeklyWindow.ts';
import { addRelease, forgetReleases } from './newerRelease.ts';

const SUNDAY: WeeklyWindow = { days: ['SUNDAY'], startTime: '02:00', durationHours: 2, timeZone: 'UTC' };
const at = (time: string) => Date.parse(`2026-07-${time}:00Z`);
const OPEN = at('05T03:00');
const CLOSES = at('05T04:00');
const AGAIN = at('12T02:00');

beforeAll(() => {
  addRelease('v1.35.5');
  addRelease('v1.35.6');
});
afterAll(forgetReleases);

const cluster = (running: string, more: { wanted?: string; maintenance?: Partial<MaintenanceSpec> } = {}) => ({
  name: 'blue',
  spec: {
    kubernetesVersion: more.wanted ?? running,
    maintenance: { windows: [SUNDAY], autoUpgrade: 'PATCH' as const, ...more.maintenance },
  },
  runningVersion: running,
  upgrade: null,
  observedGeneration: 1,
  autoUpgrade: null,
});

test('the newest patch release of the same minor one is next, and nothing else', () => {
  expect(nextPatch(cluster('v1.35.4'))?.version).toBe('v1.35.6');
  expect(nextPatch(cluster('v1.35.5'))?.version).toBe('v1.35.6');
  expect(nextPatch(cluster('v1.35.6'))).toBeUndefined();
  // The next minor one is for somebody to choose, and what has expired is not offered.
  expect(nextPatch(cluster('v1.34.8'))).toBeUndefined();
  expect(nextPatch(cluster('v1.33.1'))).toBeUndefined();
  expect(nextPatch(cluster('v1.35.4', { maintenance: { autoUpgrade: 'NONE' } }))).toBeUndefined();
  expect(nextPatch(cluster('v1.35.4', { wanted: 'v1.36.3' }))).toBeUndefined();
  expect(nextPatch({ ...cluster('v1.35.4'), runningVersion: null, observedGeneration: 0 })).toBeUndefined();
});

test('what somebody has called off is not begun again, and the one after it is', () => {
  const calledOff = (version: string) => ({ ...cluster('v1.35.4'), autoUpgrade: { version, at: 0, until: null, takenOver: true } });
  expect(nextPatch(calledOff('v1.35.6'))).toBeUndefined();
  expect(nextPatch(calledOff('v1.35.5'))?.version).toBe('v1.35.6');
});

test('nodes are replaced until the window closes, and those that are left wait for the next to be begun, unless somebody takes it over', () => {
  const { spec } = cluster('v1.35.6');
  const autoUpgrade = begunAt('v1.35.6', spec.maintenance, OPEN);
  expect(autoUpgrade).toEqual({ version: 'v1.35.6', at: OPEN, until: CLOSES, takenOver: false });
  expect(goesOnAt({ spec, autoUpgrade }, CLOSES - 1)).toBeNull();
  expect(goesOnAt({ spec, autoUpgrade }, CLOSES)).toBe(AGAIN);
  // The next window is open, and what goes on in it has not been begun yet.
  expect(goesOnAt({ spec, autoUpgrade }, AGAIN + 1)).toBe(AGAIN);
  expect(goesOnAt({ spec, autoUpgrade: begunAt('v1.35.6', spec.maintenance, AGAIN + 1) }, AGAIN + 1)).toBeNull();
  expect(goesOnAt({ spec, autoUpgrade: { ...autoUpgrade, takenOver: true } }, CLOSES)).toBeNull();
  expect(goesOnAt({ spec: cluster('v1.36.3').spec, autoUpgrade }, CLOSES)).toBeNull();
  expect(goesOnAt({ spec, autoUpgrade: null }, CLOSES)).toBeNull();
  const always = cluster('v1.35.6', { maintenance: { windows: [] } }).spec;
  expect(goesOnAt({ spec: always, autoUpgrade: begunAt('v1.35.6', always.maintenance, 0) }, OPEN)).toBeNull();
});
