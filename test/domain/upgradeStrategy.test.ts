import { expect, test } from 'vitest';
import { checkStrategy, DEFAULT_STRATEGY, drainLimitOf, rollLimitsOf } from '../../src/domain/upgradeStrategy.ts';

const limits = (maxSurge: string, maxUnavailable: string, wanted: number) =>
  rollLimitsOf({ ...DEFAULT_STRATEGY, maxSurge, maxUnavailable }, wanted);

test('one more than wanted and none fewer, where nobody has said otherwise', () => {
  expect(rollLimitsOf(DEFAULT_STRATEGY, 5)).toEqual({ surge: 1, unavailable: 0 });
});

test('a share is rounded as those of Deployments are, and something always moves', () => {
  expect(limits('25%', '25%', 5)).toEqual({ surge: 2, unavailable: 1 });
  expect(limits('100%', '0', 3)).toEqual({ surge: 3, unavailable: 0 });
  expect(limits('0', '10%', 3)).toEqual({ surge: 0, unavailable: 1 });
  expect(limits('2', '9', 3)).toEqual({ surge: 2, unavailable: 3 });
});

test.each(['0', '0%'])('a surge of %s with nothing that may be missing is refused, with the remedy', (none) => {
  const strategy = { ...DEFAULT_STRATEGY, maxSurge: none, maxUnavailable: '0' };
  expect(() => checkStrategy(strategy, ['upgradeStrategy'])).toThrow(/maxSurge 1.*maxUnavailable 1/);
  expect(() => checkStrategy({ ...strategy, maxUnavailable: '1%' }, [])).not.toThrow();
});

test("a drain lasts as long as the server's, or as the group says", () => {
  expect(drainLimitOf(DEFAULT_STRATEGY, 7_000)).toEqual({ limitMs: 7_000, waits: false });
  expect(drainLimitOf({ ...DEFAULT_STRATEGY, drainTimeoutSeconds: 0, onBlockedDrain: 'WAIT' }, 7_000)).toEqual({ limitMs: 0, waits: true });
});
