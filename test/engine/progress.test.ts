import { expect, test } from 'vitest';
import { type Condition, isTrouble } from '../../src/domain/condition.ts';
import { Unavailable, UserError } from '../../src/domain/errors.ts';
import { driftDelayMs, retryDelayMs, soonestRetryMs } from '../../src/engine/backoff.ts';
import type { StepReport } from '../../src/engine/flow.ts';
import { nextCondition, summarize } from '../../src/engine/progress.ts';

const report = (fields: Partial<StepReport>): StepReport => ({
  name: 'EtcdReady',
  title: 'Start etcd',
  ordinal: 3,
  state: 'DONE',
  message: '',
  problem: null,
  whoMustAct: 'NOBODY',
  usuallyMs: 1_000,
  late: 'NOBODY',
  retryAfterMs: null,
  code: null,
  error: null,
  ...fields,
});
const at = (now: number, generation = 1) => ({ now, generation });
const after = (previous: Condition | undefined, fields: Partial<StepReport>, now: number, generation = 1): Condition => {
  const next = nextCondition(previous, report(fields), at(now, generation));
  if (next === null) throw new Error('nothing new');
  return next.condition;
};

test('the same report twice says nothing new', () => {
  const first = after(undefined, {}, 10);
  expect(nextCondition(first, report({}), at(20))).toBeNull();
});

test('running is never written, and pending only where nothing is known', () => {
  expect(nextCondition(undefined, report({ state: 'RUNNING' }), at(1))).toBeNull();
  expect(nextCondition(undefined, report({ state: 'PENDING' }), at(1))).toMatchObject({ told: false });
  expect(nextCondition(after(undefined, {}, 1), report({ state: 'PENDING' }), at(2))).toBeNull();
});

test('waiting keeps its beginning over passes, and says so once when it takes longer than usual', () => {
  const wait = { state: 'WAITING' as const, message: 'etcd' };
  const first = after(undefined, wait, 100);
  expect(first.waitingFor).toMatchObject({ what: 'etcd', since: 100, usuallyMs: 1_000 });
  expect(nextCondition(first, report(wait), at(1_000))).toBeNull();
  const late = after(first, wait, 1_200);
  expect(late).toMatchObject({ reason: 'WaitingLongerThanUsual', waitingFor: { since: 100 }, lastTransitionAt: 100 });
  expect(nextCondition(late, report(wait), at(5_000))).toBeNull();
});

test('who must act is said when it takes longer than usual, and at once where a step names somebody', () => {
  const wait = { state: 'WAITING' as const, message: 'Nova', late: 'CLOUD_ADMIN' as const };
  const first = after(undefined, wait, 100);
  expect([first.waitingFor?.whoMustAct, isTrouble(first)]).toEqual(['NOBODY', false]);
  const late = after(first, wait, 1_200);
  expect([late.waitingFor?.whoMustAct, isTrouble(late)]).toEqual(['CLOUD_ADMIN', true]);
  const asked = after(undefined, { ...wait, whoMustAct: 'CUSTOMER' }, 100);
  expect([asked.reason, isTrouble(asked)]).toEqual(['WaitingForSomebody', true]);
});

test('a hiccup is no trouble; one that goes on, or that somebody must end, is', () => {
  const down = { state: 'FAILED' as const, problem: new Unavailable('CLOUD_UNAVAILABLE', 'x').toProblem() };
  let condition = after(undefined, down, 1);
  expect(isTrouble(condition)).toBe(false);
  for (let i = 0; i < 3; i += 1) condition = after(condition, down, 2);
  expect(isTrouble(condition)).toBe(true);
  expect(isTrouble(after(undefined, { ...down, problem: new UserError('CLOUD_REFUSED', 'y').toProblem() }, 1))).toBe(true);
});

test('a failure that repeats is counted and not told again', () => {
  const problem = new UserError('QUOTA_EXCEEDED', 'Too many cores.').toProblem();
  const failed = { state: 'FAILED' as const, message: problem.message, problem };
  const first = after(undefined, failed, 1);
  expect(first).toMatchObject({ reason: 'QuotaExceeded', attempts: 1 });
  expect(nextCondition(first, report(failed), at(2))).toMatchObject({ told: false, condition: { attempts: 2, lastTransitionAt: 1 } });
});

test('a new generation is noted quietly', () => {
  const first = after(undefined, {}, 1);
  expect(nextCondition(first, report({}), at(2, 2))).toMatchObject({ told: false, condition: { observedGeneration: 2 } });
});

test('a pass is settled when all is done, and shows the failure that somebody must act on first', () => {
  const retryable = report({ state: 'FAILED', problem: new Unavailable('CLOUD_UNAVAILABLE', 'x').toProblem() });
  const stuck = report({ state: 'FAILED', problem: new UserError('INVALID_INPUT', 'y').toProblem() });
  expect(summarize([report({}), report({ state: 'REMOVED' })], false).settled).toBe(true);
  expect(summarize([report({})], true).settled).toBe(false);
  expect(summarize([retryable, stuck], false).failure).toBe(stuck);
  expect(
    summarize([report({ state: 'WAITING', retryAfterMs: 50 }), report({ state: 'WAITING', retryAfterMs: 20 })], false).retryAfterMs,
  ).toBe(20);
});

test('what is optional and waits for somebody leaves the rest made, and its failure is told last', () => {
  const stuck = report({ state: 'FAILED', problem: new UserError('INVALID_INPUT', 'y').toProblem() });
  const beside: StepReport = { ...stuck, optional: true };
  const flapping = report({ state: 'FAILED', optional: true, problem: new Unavailable('CLOUD_UNAVAILABLE', 'x').toProblem() });
  expect(summarize([report({}), beside], false)).toMatchObject({ settled: false, made: true, failure: beside });
  expect(summarize([beside, stuck], false)).toMatchObject({ made: false, failure: stuck });
  expect(summarize([report({}), flapping], false).made).toBe(false);
  expect(summarize([beside, report({ state: 'WAITING' })], false).made).toBe(false);
});

test('back-off grows, is spread, obeys Retry-After, and goes slowly where somebody must act', () => {
  const down = new Unavailable('CLOUD_UNAVAILABLE', 'x');
  expect(retryDelayMs(down, 1, 0)).toBe(250);
  expect(retryDelayMs(down, 5, 0)).toBe(4_000);
  expect(retryDelayMs(down, 50, 0.999)).toBeLessThanOrEqual(120_000);
  expect(retryDelayMs(new Unavailable('CLOUD_UNAVAILABLE', 'x', { retryAfterMs: 9_000 }), 1, 0)).toBe(9_000);
  expect(retryDelayMs(new UserError('INVALID_INPUT', 'x'), 1, 0)).toBe(30_000);
  expect(retryDelayMs(new UserError('INVALID_INPUT', 'x', { lookAgainMs: 2_000 }), 1, 0)).toBe(2_000);
  expect(driftDelayMs(0)).toBe(480_000);
  expect(driftDelayMs(1)).toBe(720_000);
});

test('a step that fails for the first time is tried again soon, however long another has failed', () => {
  const error = new Unavailable('CLOUD_UNAVAILABLE', 'x');
  const [old, fresh] = [
    { error, attempts: 9 },
    { error, attempts: 1 },
  ];
  expect([soonestRetryMs([old, fresh], () => 0), soonestRetryMs([old], () => 0)]).toEqual([250, 60_000]);
  expect(soonestRetryMs([], () => 0)).toBe(Number.POSITIVE_INFINITY);
});
