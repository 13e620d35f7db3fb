/**
 * Some of all the cases, drawn by a seed: as many as fit into a bounded time. SEEDBED_FAULTS_SEED draws the same ones again, and
 * SEEDBED_FAULTS_CASE plays one alone.
 */
import { expect, test } from 'vitest';
import { type Case, nameOf, parseCase } from './cases.ts';
import { allCases, calmLife, drive, sentenceOf } from './drive.ts';
import { LIVES, openFaultWorld } from './life.ts';
import { randomFrom } from './random.ts';

const SAMPLE_MS = 60_000;

const given = process.env['SEEDBED_FAULTS_CASE'];
const seed = Number(process.env['SEEDBED_FAULTS_SEED'] ?? Date.now() % 1_000_000);

const shuffled = (cases: readonly Case[]): Case[] => {
  const random = randomFrom(seed);
  // The order of calls that are made side by side differs from run to run.
  return [...cases]
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    .map((met) => ({ met, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ met }) => met);
};

/** The others are for `test:faults:all`, which has the time. */
const [firstDay] = LIVES;
const lives = LIVES.filter((life) =>
  given === undefined ? life === firstDay : life.phases.some(([phase]) => phase === parseCase(given).phase),
);

test.each(lives)('$name: whatever goes wrong with a call, it comes to the same end', async (life) => {
  const world = await openFaultWorld(life);
  const calm = await calmLife(world, life).catch(async (error: unknown) => {
    await world.close();
    throw error;
  });
  const queue = given === undefined ? shuffled(allCases(life, calm)) : [parseCase(given)];
  const end = performance.now() + SAMPLE_MS;
  const failures: string[] = [];
  let done = 0;
  const tell = (met: Case, wrong: readonly string[]) => {
    done += 1;
    if (wrong.length > 0) failures.push(sentenceOf(met, wrong));
  };
  await drive({ life, queue, calm, isTime: () => performance.now() > end, tell, world });
  process.stdout.write(`${done} cases; again: SEEDBED_FAULTS_SEED=${seed} npm run test:faults\n`);
  expect(failures.join('\n')).toBe('');
  expect(done).toBeGreaterThan(0);
});
