import { expect, test } from 'vitest';
import {
  comesBackBy,
  DEFAULT_HEALING,
  forgive,
  isMassFailure,
  isSeedWide,
  loudest,
  NO_HEALING,
  type NodeTroubleKind,
  nextPatient,
  type Patient,
  PERMANENT_PROBLEMS,
  problemsThatCount,
  rebootBehind,
  replacementIn,
} from '../../src/domain/healing.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const patient = (name: string, since: number, more: Partial<Patient> & { kind?: NodeTroubleKind } = {}): Patient => ({
  name,
  createdAt: -HOUR * 10,
  isReplacement: false,
  ready: false,
  reboot: null,
  ...more,
  trouble: { kind: more.kind ?? 'NOT_READY', since, message: 'is not Ready' },
});

test.each([
  [1, 1, false],
  [1, 2, false],
  [2, 2, true],
  [2, 4, true],
  [2, 5, false],
  [3, 7, true],
  [4, 10, false],
  [5, 10, true],
  [0, 0, false],
])('%i of %i in trouble: a mass failure is %s', (ill, all, mass) => {
  expect(isMassFailure(ill, all, DEFAULT_HEALING)).toBe(mass);
});

test.each([
  [2, 2, false],
  [3, 3, true],
  [9, 9, true],
  [9, 8, false],
])('of %i clusters on a seed %i are ill: the seed is to blame is %s', (all, ill, blame) => {
  expect(isSeedWide({ all, ill })).toBe(blame);
});

test('with a share of 100 % nothing is a mass failure', () => {
  expect(isMassFailure(9, 9, { ...DEFAULT_HEALING, maxUnhealthyPercent: 100 })).toBe(false);
});

test.each<[NodeTroubleKind, number]>([
  ['NOT_READY', 5 * MINUTE],
  ['NODE_PROBLEM', 5 * MINUTE],
  ['SERVER_LOST', 30_000],
  ['PORT_LOST', 30_000],
  ['SERVER_ERROR', 30_000],
  ['NOT_JOINED', 30_000],
])('%s is left alone for %i ms', (kind, ms) => {
  expect(nextPatient([patient('a', 1000, { kind })], DEFAULT_HEALING, NO_HEALING, 1000)?.at).toBe(1000 + ms);
});

test('of those whose time is over the one that does not work goes first, and then the one that has been ill for the longest', () => {
  const now = HOUR;
  const ill = [patient('works', 0, { ready: true, kind: 'NODE_PROBLEM' }), patient('late', 10 * MINUTE), patient('early', 5 * MINUTE)];
  expect(nextPatient(ill, DEFAULT_HEALING, NO_HEALING, now)?.patient.name).toBe('early');
  expect(nextPatient(ill.slice(0, 2), DEFAULT_HEALING, NO_HEALING, now)?.patient.name).toBe('late');
  expect(nextPatient(ill, DEFAULT_HEALING, NO_HEALING, 4 * MINUTE)?.patient.name).toBe('works');
  expect(nextPatient([], DEFAULT_HEALING, NO_HEALING, now)).toBeUndefined();
});

test.each([
  [0, 5],
  [1, 10],
  [2, 20],
  [6, 320],
  [7, 360],
  [99, 360],
])('after %i failures the next replacement that fails is left alone for %i minutes', (failures, minutes) => {
  const since = 20 * MINUTE;
  const plan = nextPatient(
    [patient('a', since, { createdAt: MINUTE, isReplacement: true, kind: 'NOT_JOINED' })],
    DEFAULT_HEALING,
    { ...NO_HEALING, failures, lastAt: MINUTE },
    since,
  );
  expect(plan).toMatchObject({ at: since + minutes * MINUTE, failures: failures + 1, backsOff: true });
});

test('a replacement that has worked for an hour has not failed', () => {
  const healing = { ...NO_HEALING, failures: 4, lastAt: 0 };
  const since = 2 * HOUR;
  expect(nextPatient([patient('a', since, { createdAt: MINUTE, isReplacement: true })], DEFAULT_HEALING, healing, since)).toMatchObject({
    at: since + 5 * MINUTE,
    failures: 0,
    backsOff: false,
  });
});

test('what was there before waits for what its group has failed at, and no longer', () => {
  const healing = { ...NO_HEALING, failures: 3, lastAt: 0 };
  expect(nextPatient([patient('a', 0)], DEFAULT_HEALING, healing, 0)).toMatchObject({ at: 20 * MINUTE, failures: 3, backsOff: true });
  expect(nextPatient([patient('a', HOUR)], DEFAULT_HEALING, healing, HOUR)).toMatchObject({ at: HOUR + 5 * MINUTE, backsOff: false });
});

test('after a mass failure nothing is replaced before those that come back had their moment', () => {
  expect(nextPatient([patient('a', 0)], DEFAULT_HEALING, { ...NO_HEALING, notBefore: 7 * MINUTE }, 6 * MINUTE)?.at).toBe(7 * MINUTE);
});

test('of its groups a cluster shows the one that says most', () => {
  const of = (group: string, state: 'DONE' | 'WAITING' | 'FAILED', reason: string) => ({ group, condition: { state, reason } });
  const groups = [of('a', 'DONE', 'Done'), of('b', 'WAITING', 'Waiting'), of('c', 'WAITING', 'BackingOff'), of('d', 'FAILED', 'Internal')];
  expect(loudest(groups)?.group).toBe('c');
  expect(loudest([...groups, of('e', 'WAITING', 'MassFailure')])?.group).toBe('e');
  expect(loudest(groups.slice(0, 2))?.group).toBe('b');
  expect(loudest([of('z', 'DONE', 'Done'), of('y', 'DONE', 'Done')])?.group).toBe('y');
  expect(loudest([])).toBeUndefined();
});

test('the first node that came after a healing is the one that it made', () => {
  const nodes = [patient('old', 0), patient('grown', 0, { createdAt: 30 }), patient('young', 0, { createdAt: 20 })];
  expect(replacementIn(nodes, { ...NO_HEALING, lastAt: 20 })?.name).toBe('young');
  expect(replacementIn(nodes, { ...NO_HEALING, lastAt: 40 })).toBeUndefined();
  expect(replacementIn(nodes, NO_HEALING)).toBeUndefined();
});

test('the problems that count are those of the group, or else of its cluster', () => {
  const cluster = { healing: DEFAULT_HEALING };
  expect(problemsThatCount({ healingProblems: null }, cluster)).toEqual(PERMANENT_PROBLEMS);
  expect(problemsThatCount({ healingProblems: ['GpuLost'] }, cluster)).toEqual(['GpuLost']);
  expect(problemsThatCount({ healingProblems: [] }, cluster)).toEqual([]);
});

const REBOOTS = { ...DEFAULT_HEALING, rebootFirst: true };
const planOf = (one: Patient, spec = REBOOTS, healing = NO_HEALING) => nextPatient([one], spec, healing, one.trouble.since);

test.each<[NodeTroubleKind, boolean]>([
  ['NOT_READY', true],
  ['NODE_PROBLEM', true],
  ['SERVER_LOST', false],
  ['PORT_LOST', false],
  ['SERVER_ERROR', false],
  ['NOT_JOINED', false],
])('%s is rebooted first, where that is wanted: %s', (kind, reboots) => {
  expect(planOf(patient('a', 0, { kind }))?.reboots).toBe(reboots);
  expect(planOf(patient('a', 0, { kind }), DEFAULT_HEALING)?.reboots).toBe(false);
});

test('one that is Ready is replaced in good order, and never rebooted under its pods', () => {
  expect(planOf(patient('a', 0, { kind: 'NODE_PROBLEM', ready: true }))?.reboots).toBe(false);
});

test('one that was rebooted has its time once more, and is replaced then', () => {
  const ill = patient('a', 0, { reboot: { at: 6 * MINUTE, refused: null } });
  expect(comesBackBy(ill, REBOOTS)).toBe(11 * MINUTE);
  expect(planOf(ill)).toMatchObject({ at: 11 * MINUTE, reboots: false });
});

test('what is wrong with it as it starts anew has its time from then', () => {
  const ill = patient('a', 7 * MINUTE, { reboot: { at: 6 * MINUTE, refused: null } });
  expect(comesBackBy(ill, REBOOTS)).toBe(12 * MINUTE);
  expect(planOf(ill)).toMatchObject({ at: 12 * MINUTE, reboots: false });
});

test('one that Nova does not reboot is not waited for', () => {
  const ill = patient('a', 0, { reboot: { at: 6 * MINUTE, refused: 'it is locked' } });
  expect(comesBackBy(ill, REBOOTS)).toBeNull();
  expect(planOf(ill)).toMatchObject({ at: 5 * MINUTE, reboots: false });
});

test('a server that is lost after its reboot is not waited for', () => {
  const ill = patient('a', 7 * MINUTE, { kind: 'SERVER_LOST', reboot: { at: 6 * MINUTE, refused: null } });
  expect(comesBackBy(ill, REBOOTS)).toBeNull();
  expect(planOf(ill)).toMatchObject({ at: 7 * MINUTE + 30_000, reboots: false });
});

test.each([
  [59, false],
  [60, true],
])('trouble that comes %i minutes after a reboot is worth another: %s', (minutes, reboots) => {
  const ill = patient('a', minutes * MINUTE, { reboot: { at: 0, refused: null } });
  expect(planOf(ill)).toMatchObject({ at: (minutes + 5) * MINUTE, reboots });
  expect(comesBackBy(ill, REBOOTS)).toBeNull();
  expect(rebootBehind(ill) === null).toBe(reboots);
});

test('a reboot waits for what its group has failed at, as a replacement does', () => {
  const ill = patient('a', 20 * MINUTE, { createdAt: MINUTE, isReplacement: true });
  expect(planOf(ill, REBOOTS, { ...NO_HEALING, failures: 2, lastAt: MINUTE })).toMatchObject({
    at: 40 * MINUTE,
    backsOff: true,
    reboots: true,
  });
});

test('failures count no more once a replacement works, or a day later', () => {
  const failed = { failures: 7, lastAt: 10 * HOUR, held: false, notBefore: 0 };
  expect(forgive(failed, false, 11 * HOUR)).toEqual(failed);
  expect(forgive(failed, true, 11 * HOUR)).toEqual({ ...failed, failures: 0 });
  expect(forgive(failed, false, 35 * HOUR)).toEqual({ ...failed, failures: 0 });
  const [plan] = [nextPatient([patient('a', 11 * HOUR)], DEFAULT_HEALING, forgive(failed, true, 11 * HOUR), 11 * HOUR)];
  expect(plan).toMatchObject({ at: 11 * HOUR + 5 * MINUTE, failures: 0, backsOff: false });
});
