/** A part of the benchmark that breaks is told, and takes nothing from the others. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { choose, measureAll } from './parts.ts';

const row = (what: string) => ({ what, figure: '1', goal: '1', met: true });
const parts = {
  first: async () => [row('first')],
  broken: async () => {
    throw new Error('a column is gone');
  },
  last: async () => [row('last')],
};

test('what comes before and behind a part that throws is measured', async () => {
  const told: string[] = [];
  expect(await measureAll(parts, (text) => told.push(text))).toEqual({ rows: [row('first'), row('last')], failed: ['broken'] });
  expect(told).toEqual([expect.stringMatching(/^broken could not be measured: Error: a column is gone\n/)]);
});

test('those are measured that are named, and all when none is', () => {
  expect(Object.keys(choose(parts, ['last', 'first']))).toEqual(['first', 'last']);
  expect(choose(parts, [])).toEqual(parts);
  expect(() => choose(parts, ['first', 'lasst'])).toThrow('There is no part lasst; there are first, broken, last.');
});

test('a name of no part ends the benchmark at once, and not with all parts', () => {
  const bench = new URL('bench.ts', import.meta.url).pathname;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', bench, 'wakes', '20'], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect([status, stdout, stderr]).toEqual([
    2,
    '',
    expect.stringMatching(/^There is no part wakes; there are wake, acknowledge, .*fleet\.\n$/),
  ]);
});
