import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type AddressRange, claimAddressRange } from '../../../src/sandbox/kubernetes/addressRange.ts';

/** Of the test alone. */
const AMONG = { first: 40, last: 42 };

test('a range that a world which is down will want again is the last that another gets, and anybody has it when the world is gone', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'seedbed-test-'));
  const open: AddressRange[] = [];
  onTestFinished(() => {
    for (const range of open) range.close();
    rmSync(dir, { recursive: true });
  });
  const kept = join(dir, 'world.jsonl');
  writeFileSync(kept, '');
  const claim = async (worldPath = join(dir, 'none.jsonl'), remembered?: number) => {
    const range = await claimAddressRange(remembered, worldPath, AMONG);
    open.push(range);
    return range;
  };
  const { second, close } = await claim(kept);
  for (let round = 0; round < 4; round += 1) {
    if (round === 0) close();
    const others = [await claim(), await claim()];
    expect(others.map((other) => other.second)).not.toContain(second);
    for (const other of others) other.close();
  }
  // It is not refused to whoever has it for the second time, nor kept from others when nothing else is left.
  const again = await claim(kept, second);
  expect(again.second).toBe(second);
  again.close();
  const all = [await claim(), await claim(), await claim()];
  expect(all.map((one) => one.second).sort()).toEqual([40, 41, 42]);
  await expect(claim()).rejects.toThrow('127.40.0.0/16 to 127.42.0.0/16');
});
