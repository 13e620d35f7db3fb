/** `seedbed cluster list --follow`: the list now, and once for each change. */
import { afterEach, expect, test } from 'vitest';
import { setState } from '../api/live.ts';
import { makeCluster, openWorld } from '../api/world.ts';
import { run } from './run.ts';

let interrupt = new AbortController();
afterEach(() => interrupt.abort());

test.each([
  [
    'a line of JSON for each',
    ['--json'],
    (out: string) => out.split('\n').map((line) => (JSON.parse(line) as { state: string }[])[0]?.state),
  ],
  ['a table for each', [], (out: string) => out.split(/\n(?=NAME)/).map((text) => /^web +(\w+)/m.exec(text)?.[1])],
])('it is printed again after each change: %s', async (_what, options, statesIn) => {
  const world = await openWorld();
  interrupt = new AbortController();
  const { uuid } = await makeCluster(world, 'anna');
  let printed = 0;
  const heard = () => {
    printed += 1;
  };
  const environment = { SEEDBED_URL: world.url, OS_TOKEN: 'anna' };
  const ran = run(['cluster', 'list', '--follow', ...options], environment, { signal: interrupt.signal, heard });
  const prints = (count: number) => expect.poll(() => printed, { timeout: 5_000 }).toBe(count);
  await prints(1);
  await setState(world, uuid, 'CREATING');
  await prints(2);
  await setState(world, uuid, 'READY');
  await prints(3);
  interrupt.abort();
  const { status, out, err } = await ran;
  expect([status, err]).toEqual([130, expect.stringContaining('Interrupted')]);
  expect(statesIn(out.trimEnd())).toEqual(['PENDING', 'CREATING', 'READY']);
});
