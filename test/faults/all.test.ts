/** Every case there is, in some worlds side by side: hours. SEEDBED_FAULTS_ONLY, a regular expression over the cases' names, chooses some. */
import { expect, test } from 'vitest';
import { nameOf } from './cases.ts';
import { allCases, calmLife, drive, sentenceOf } from './drive.ts';
import { LIVES, openFaultWorld } from './life.ts';

const WORLDS = Number(process.env['SEEDBED_FAULTS_WORLDS'] ?? 2);
const ONLY = new RegExp(process.env['SEEDBED_FAULTS_ONLY'] ?? '');

test.each(LIVES)('$name: whatever goes wrong with whichever call, it comes to the same end', async (life) => {
  const first = await openFaultWorld(life);
  const calm = await calmLife(first, life);
  const queue = allCases(life, calm)
    .filter((met) => ONLY.test(nameOf(met)))
    .map((met) => ({ met, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ met }) => met);
  const failures: string[] = [];
  const all = queue.length;
  let done = 0;
  const tell: Parameters<typeof drive>[0]['tell'] = (met, wrong, ms) => {
    done += 1;
    process.stdout.write(`${done}/${all} ${wrong.length === 0 ? 'well' : 'WRONG'} ${ms} ms  ${nameOf(met)}\n`);
    if (wrong.length === 0) return;
    failures.push(sentenceOf(met, wrong));
    process.stdout.write(`  ${failures.at(-1)}\n`);
  };
  const lives = { life, queue, calm, isTime: () => false, tell };
  await Promise.all([drive({ ...lives, world: first }), ...Array.from({ length: WORLDS - 1 }, () => drive(lives))]);
  expect(failures).toEqual([]);
});
