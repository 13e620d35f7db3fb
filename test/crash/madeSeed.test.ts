/**
 * The server is killed after the durable writes of a seed's making, of its growing and shrinking, and of its end, and started again. What there is in
 * the cloud after each is what was asked for, once, and after the last nothing.
 */
import { afterAll, expect, test } from 'vitest';
import { tracesOfMadeSeeds } from '../reconcilers/madeSeeds.ts';
import { type Story, until } from '../reconcilers/story.ts';
import { bundleServer } from './mortal.ts';
import { isAtRest, openMortalStory, walkToEnd } from './walk.ts';

const EVERY = process.env['SEEDBED_TEST_CRASHES'] === 'all' ? 1 : 5;
const NAME = 'made';
/** A seed is looked at every half minute. */
const REST_SECONDS = 5;

interface Phase {
  mutation: string;
  input: object;
  machines: number;
}
const LIFE: readonly Phase[] = [
  {
    mutation: 'createSeed',
    input: { name: NAME, image: 'debian-12-node', flavor: 'm1.medium', externalNetwork: 'public', workers: 1 },
    machines: 2,
  },
  { mutation: 'scaleSeed', input: { seedId: NAME, workers: 2 }, machines: 3 },
  { mutation: 'scaleSeed', input: { seedId: NAME, workers: 0 }, machines: 1 },
  { mutation: 'deleteSeed', input: { seedId: NAME }, machines: 0 },
];

let story: Story;
afterAll(() => story?.close(), 60_000);

const due = (machines: number): string[] => {
  if (machines === 0) return [];
  const each = (kind: string): string[] => Array.from({ length: machines }, () => kind);
  return ['floatingIps', 'networks', ...each('ports'), 'routers', 'securityGroups', ...each('servers'), 'subnets'];
};

const ask = ({ mutation, input, machines }: Phase): Promise<string> => {
  const idempotencyKey = `${mutation}-${machines}`;
  return until(async () => {
    const { operation } = await story.change<{ operation: { uuid: string } }>(
      story.admin,
      mutation,
      { ...input, idempotencyKey },
      'operation { uuid }',
    );
    return operation.uuid;
  }, 300);
};

/** READY, or gone, and nobody works for it. */
const isOver = ({ machines }: Phase): boolean => {
  const [seed] = story.rows<{ state: string }>(`select state from seeds where name = '${NAME}' and deleted_at is null`);
  return (machines === 0 ? seed === undefined : seed?.state === 'READY') && isAtRest(story, REST_SECONDS);
};

test('a seed that is made, scaled and deleted by servers that die after their durable writes', { timeout: 900_000 }, async () => {
  const bundle = await bundleServer();
  story = await openMortalStory(bundle);
  let deaths = 0;
  for (const phase of LIFE) {
    const seen = `${story.settings.data}/seen`;
    const way = { ask: () => ask(phase), isOver: () => isOver(phase) };
    deaths += await walkToEnd(bundle, story, way, (life) => ({ seen, every: EVERY, at: life % 3 === 1 ? 1 + (life % 5) : null }));
    expect(await tracesOfMadeSeeds(story)).toEqual(due(phase.machines));
    // What joining machines were given is theirs no longer.
    const secrets = story.rows<{ name: string }>("select name from secrets where owner_id in (select id from seeds where name = 'made')");
    expect(secrets.map(({ name }) => name).sort()).toEqual(phase.machines === 0 ? [] : ['authorities', 'kubeconfig']);
  }
  expect(deaths).toBeGreaterThan(40 / EVERY);
  expect(
    story.rows("select kind, name from inventory where state <> 'GONE' and owner_id in (select id from seeds where name = 'made')"),
  ).toEqual([]);
});
