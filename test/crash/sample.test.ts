/** A whole life of a cluster in which the server is killed two dozen times: what is quick of walk.test.ts. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Story } from '../reconcilers/story.ts';
import { bundleServer } from './mortal.ts';
import { expectSameLife, NEVER, openMortalStory, walk } from './walk.ts';

let bundle: string;
let story: Story | undefined;

beforeAll(async () => {
  bundle = await bundleServer();
  story = await openMortalStory(bundle);
});

afterAll(() => story?.close());

/** Numbers of the commits that one server after the other dies at; 1 is in the recovery itself. */
const DEATHS = [4, 9, 1, 14, 6, 2];

test('create, grow, shrink, rotation and delete end as ever when the server dies again and again', async () => {
  if (story === undefined) throw new Error('there is no world');
  const world = story;
  await expectSameLife(world, async (change) => {
    const deaths = await walk(bundle, world, change, (life) => ({ ...NEVER, at: DEATHS[life] ?? null }));
    expect(deaths).toBeGreaterThan(2);
    return true;
  });
}, 240_000);
