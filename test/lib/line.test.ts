import { setImmediate as aTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createLine } from '../../src/lib/line.ts';

test('one is served in each turn of the event loop, in the order in which they came', async () => {
  const served: string[] = [];
  const line = createLine<string>((one) => served.push(one));
  for (const one of ['a', 'b', 'c']) line.join(one);
  expect([served, line.length]).toEqual([[], 3]);
  const seen: string[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    await aTurn();
    seen.push(served.join(''));
  }
  expect(seen).toEqual(['a', 'ab', 'abc', 'abc']);
  line.join('d');
  await aTurn();
  expect(served).toEqual(['a', 'b', 'c', 'd']);
});

test('who leaves is not served and costs the others no turn', async () => {
  const served: string[] = [];
  const line = createLine<string>((one) => served.push(one));
  for (const one of ['a', 'b', 'c']) line.join(one);
  expect([line.leave('a'), line.leave('a'), line.length]).toEqual([true, false, 2]);
  await aTurn();
  expect(served).toEqual(['b']);
  expect(line.empty()).toEqual(['c']);
  await aTurn();
  await aTurn();
  expect([served, line.length]).toEqual([['b'], 0]);
  line.join('d');
  await aTurn();
  expect(served).toEqual(['b', 'd']);
});
