import { expect, test } from 'vitest';
import { expectedDurationOf } from '../../src/domain/expectedDuration.ts';

const of = (projectId: string, ...times: number[]) => times.map((tookMs) => ({ projectId, tookMs }));
const told = (past: { projectId: string | null; tookMs: number }[]) => {
  const { basis, samples, medianMs, p90Ms, reason } = expectedDurationOf('CREATE_CLUSTER', 'blue', past);
  return [basis, samples, medianMs, p90Ms, reason === null];
};

test("a project's own operations are told, or everybody's where it has few; nothing is made up where nobody knows", () => {
  expect(told([])).toEqual(['NONE', 0, null, null, false]);
  expect(told(of('blue', 30))).toEqual(['PROJECT', 1, 30, 30, true]);
  expect(told(of('blue', 50, 10, 20, 40, 30))).toEqual(['PROJECT', 5, 30, 50, true]);
  expect(told([...of('blue', 10, 20, 30, 40, 50), ...of('red', ...Array<number>(20).fill(900))])).toEqual(['PROJECT', 5, 30, 50, true]);
  expect(told([...of('blue', 10), ...of('red', 20, 30, 40, 50, 60)])).toEqual(['INSTALLATION', 6, 30, 60, true]);
  expect(told(of('red', 20, 30, 40, 50, 60))).toEqual(['INSTALLATION', 5, 40, 60, true]);
});

test('few operations of others are not told of', () => {
  expect(told(of('red', 20, 30, 40, 50))).toEqual(['NONE', 0, null, null, false]);
  expect(told([...of('blue', 10), ...of('red', 20)])).toEqual(['PROJECT', 1, 10, 10, true]);
});

test('of many the newest count', () => {
  const past = [...of('blue', ...Array<number>(50).fill(10)), ...of('blue', ...Array<number>(100).fill(900))];
  expect(told(past)).toEqual(['PROJECT', 50, 10, 10, true]);
});
