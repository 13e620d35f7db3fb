/**
 * The server is killed right after every second durable write of a create, of a resize, of a rotation of certificates and of a delete (after each
 * where SEEDBED_TEST_CRASHES is `all`), and started again; every third life is cut off early, in its recovery. The end is that of a calm life:
 * nothing doubled, nothing left, nothing forgotten.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Story } from '../reconcilers/story.ts';
import { bundleServer } from './mortal.ts';
import { expectSameLife, openMortalStory, walk } from './walk.ts';

const EVERY = process.env['SEEDBED_TEST_CRASHES'] === 'all' ? 1 : 2;

let bundle: string;
const stories: Story[] = [];

beforeAll(async () => {
  bundle = await bundleServer();
});

afterAll(() => Promise.all(stories.map((story) => story.close())));

test.concurrent.each([
  ['create', [0], 100],
  ['resize', [1, 2], 60],
  ['rotation', [3], 40],
  ['delete', [4], 40],
] as const)('a %s that dies after its durable writes', async (_, walked, least) => {
  const story = await openMortalStory(bundle);
  stories.push(story);
  const seen = `${story.settings.data}/seen`;
  let deaths = 0;
  await expectSameLife(story, async (change, place) => {
    if (!walked.some((w) => w === place)) return false;
    deaths += await walk(bundle, story, change, (life) => ({ seen, every: EVERY, at: life % 3 === 1 ? 1 + (life % 5) : null }));
    return true;
  });
  expect(deaths).toBeGreaterThan(least / EVERY);
});
