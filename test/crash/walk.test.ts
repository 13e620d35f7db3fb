/**
 * The server is killed right after every second durable write of a create, of a resize, of a rotation of certificates and of a delete (after each
 * where SEEDBED_TEST_CRASHES is `all`, and there after some of what is asked for later, too), and started again; every third life is cut off early, in its recovery. The end is that of a calm life:
 * nothing doubled, nothing left, nothing forgotten.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Story } from '../reconcilers/story.ts';
import { BACK_UP, CLONE, DAY_TWO, HIBERNATE, MOVE, openDayTwo, RESTORE, UPGRADE, WAKE } from './dayTwo.ts';
import { bundleServer } from './mortal.ts';
import { type Change, expectSameLife, openMortalStory, walk } from './walk.ts';

const ALL = process.env['SEEDBED_TEST_CRASHES'] === 'all';
const EVERY = ALL ? 1 : 2;
/** Each has hundreds. */
const LATER_EVERY = 6;

let bundle: string;
const stories: Story[] = [];

beforeAll(async () => {
  bundle = await bundleServer();
});

afterAll(() => Promise.all(stories.map((story) => story.close())));

const die = async (story: Story, change: Change, every: number): Promise<number> => {
  const seen = `${story.settings.data}/seen`;
  return walk(bundle, story, change, (life) => ({ seen, every, at: life % 3 === 1 ? 1 + (life % 5) : null }));
};

test.concurrent.each([
  ['a create', [0], 100],
  ['a resize', [1, 2], 60],
  ['a rotation', [3], 40],
  ['a delete', [4], 40],
] as const)('%s that dies after its durable writes', async (_, walked, least) => {
  const story = await openMortalStory(bundle);
  stories.push(story);
  let deaths = 0;
  await expectSameLife(story, async (change, place) => {
    if (!walked.some((w) => w === place)) return false;
    deaths += await die(story, change, EVERY);
    return true;
  });
  expect(deaths).toBeGreaterThan(least / EVERY);
});

type Walked = [string, readonly Change[], number];
const LATER: Walked[] = [
  ['a backup', [BACK_UP], 10],
  ['a restore', [RESTORE], 20],
  ['a clone', [CLONE], 40],
  ['an upgrade', [UPGRADE], 40],
  ['a hibernation', [HIBERNATE, WAKE], 40],
  ['a move', [MOVE], 20],
];

/** Lives of ten changes, which the hour of CI has no room for. */
test.concurrent.each(ALL ? LATER : [])('%s that dies after its durable writes', async (_, walked, least) => {
  const story = await openDayTwo((given) => openMortalStory(bundle, given));
  stories.push(story);
  let deaths = 0;
  await expectSameLife(
    story,
    async (change) => {
      if (!walked.includes(change)) return false;
      deaths += await die(story, change, LATER_EVERY);
      return true;
    },
    DAY_TWO,
  );
  expect(deaths).toBeGreaterThan(least / LATER_EVERY);
});
