/**
 * A seed of three machines on a real OpenStack: the one that its address leads to is deleted in the cloud. The address leads to another one, the seed
 * answers there, and another machine takes the place of the lost one among etcd's members.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createApi } from './support/graphql.ts';
import { deleteServerAsAdmin, listServers, listThings, type Thing } from './support/outside.ts';
import { until } from './support/run.ts';
import { closeStory, openStory, type Story } from './support/story.ts';

const NAME = 'lab-high';
const MACHINES = 3;

interface Seed {
  uuid: string;
  state: string;
  apiServerUrl: string;
  lastProbe: { schedulableNodes: number } | null;
  conditions: { name: string; state: string; message: string }[];
}

let story: Story;
let failed = false;
let thingsBefore: Thing[];
let seed: Seed | undefined;

beforeAll(async () => {
  story = await openStory('seed-availability', undefined, ['member']);
  thingsBefore = await listThings(story.world);
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

/** A test that failed half-way must not leave machines behind. */
afterAll(async () => {
  if (story === undefined) return;
  if (failed && seed !== undefined) {
    console.error(JSON.stringify((await lookAtSeed())?.conditions.filter(({ state }) => state !== 'DONE')));
    await admin()
      .change('deleteSeed', { seedId: seed.uuid }, 'seed { uuid }')
      .then(() => until('the seed is gone', 300, seedGone))
      .catch(console.error);
  }
  expect(await closeStory(story, failed)).toBe(0);
});

const admin = () => createApi(story.server.url, story.adminToken);

const lookAtSeed = async (): Promise<Seed | null> =>
  (
    await admin().ask<{ seed: Seed | null }>(
      'query($name: String) { seed(name: $name) { uuid state apiServerUrl lastProbe { schedulableNodes } conditions { name state message } } }',
      { name: NAME },
    )
  ).seed;

const seedGone = async () => (await lookAtSeed()) === null || undefined;

const machines = async () => (await listServers(story.world, `seedbed-seed-${seed?.uuid}`)).sort((a, b) => (a.name < b.name ? -1 : 1));

/** With all machines of its control plane Ready. */
const whole = async () => {
  const seen = await lookAtSeed();
  const isWhole = seen?.state === 'READY' && seen.lastProbe?.schedulableNodes === MACHINES;
  return isWhole && seen.conditions.every(({ state }) => state === 'DONE') ? seen : undefined;
};

const told = async (): Promise<string> => {
  const query = 'query($name: String) { seed(name: $name) { events(first: 100) { nodes { message } } } }';
  const { seed: seen } = await admin().ask<{ seed: { events: { nodes: { message: string }[] } } }>(query, { name: NAME });
  return seen.events.nodes.map(({ message }) => message).join('\n');
};

test('a seed with three machines in its control plane is READY', async () => {
  const { image, externalNetwork } = story.world;
  const input = { name: NAME, image, flavor: 'm1.medium', externalNetwork, workers: 0, controlPlaneMachines: MACHINES };
  const made = await admin().change<{ seed: { uuid: string } }>('createSeed', input, 'seed { uuid }');
  seed = { ...made.seed, state: '', apiServerUrl: '', lastProbe: null, conditions: [] };
  seed = await until('the seed is READY with three machines', 900, whole, 2_000);
  expect(await machines()).toHaveLength(MACHINES);
});

test('the machine behind its address is deleted in the cloud: the seed answers at the same address, and is whole again', async () => {
  const [first, ...others] = await machines();
  if (first === undefined) throw new Error('no machine');
  await deleteServerAsAdmin(story.world, first.id);
  const moved = async () => /leads to machine .* now/.test(await told()) || undefined;
  await until('the address leads to another machine', 180, moved, 1_000);
  const anew = async () => {
    const now = await machines();
    return (now.length === MACHINES && now.every(({ id }) => id !== first.id)) || undefined;
  };
  await until('another machine takes its place', 400, anew, 2_000);
  const after = await until('the seed is whole again', 600, whole, 2_000);
  expect(after.apiServerUrl).toBe(seed?.apiServerUrl);
  expect((await machines()).filter(({ id }) => others.some((other) => other.id === id))).toHaveLength(MACHINES - 1);
});

test('when the seed is deleted, the cloud is as it was before', async () => {
  await admin().change('deleteSeed', { seedId: seed?.uuid }, 'seed { uuid }');
  await until('the seed is gone', 280, seedGone);
  const known = new Set(thingsBefore.map(({ id }) => id));
  const marks = ['seedbed-seed-', seed?.uuid ?? 'none'];
  const left = (await listThings(story.world)).filter(
    (thing) => !known.has(thing.id) && marks.some((mark) => [thing.name, thing.description, ...thing.tags].join(' ').includes(mark)),
  );
  expect(left).toEqual([]);
});
