/**
 * The server is killed at each write to the cloud that a create, a resize and a delete make: before it is sent, while nobody has answered, and
 * when the answer is there and not noted. Every third one is killed a second time, in its recovery. The end is that of a calm life.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Story } from '../reconcilers/story.ts';
import { bundleServer } from './mortal.ts';
import { expectSameLife, NEVER, openMortalStory, ROTATE, walk } from './walk.ts';

let bundle: string;
const stories: Story[] = [];

beforeAll(async () => {
  bundle = await bundleServer('dyingAtWrites');
});

afterAll(() => Promise.all(stories.map((story) => story.close())));

test.concurrent.each(['BEFORE', 'DURING', 'AFTER'] as const)('a life that ends %s each of its writes to the cloud', async (moment) => {
  const story = await openMortalStory(bundle);
  stories.push(story);
  const file = `${story.settings.data}/writes`;
  let deaths = 0;
  await expectSameLife(story, async (change) => {
    if (change === ROTATE) return false;
    deaths += await walk(bundle, story, change, (life) => (life % 3 === 2 ? { ...NEVER, at: 1 } : { ...NEVER, writes: { file, moment } }));
    return true;
  });
  expect(deaths).toBeGreaterThan(45);
});
