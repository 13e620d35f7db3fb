/**
 * The server is killed after the durable writes of a seed's making, of its growing and shrinking, of its upgrade, and of its end, and started again. What
 * there is in the cloud after each is what was asked for, once, and after the last nothing.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { tracesOfMadeSeeds } from '../reconcilers/madeSeeds.ts';
import { type Story, until } from '../reconcilers/story.ts';
import { bundleServer } from './mortal.ts';
import { isAtRest, openMortalStory, walkToEnd } from './walk.ts';

const EVERY = process.env['SEEDBED_TEST_CRASHES'] === 'all' ? 1 : 5;
const NAME = 'made';
/** A seed is looked at every half minute. */
const REST_SECONDS = 5;

const [OLD, NEW] = ['v1.35.4', 'v1.36.3'];

interface Phase {
  mutation: string;
  input: object;
  machines: number;
  /** What all of it runs after it. */
  version: string;
}
const LIFE: readonly Phase[] = [
  {
    mutation: 'createSeed',
    input: { name: NAME, image: 'debian-12', flavor: 'm1.medium', externalNetwork: 'public', workers: 1, kubernetesVersion: OLD },
    machines: 2,
    version: OLD,
  },
  { mutation: 'scaleSeed', input: { seedId: NAME, workers: 2 }, machines: 3, version: OLD },
  { mutation: 'upgradeSeed', input: { seedId: NAME, version: NEW }, machines: 3, version: NEW },
  { mutation: 'scaleSeed', input: { seedId: NAME, workers: 0 }, machines: 1, version: NEW },
  { mutation: 'deleteSeed', input: { seedId: NAME }, machines: 0, version: NEW },
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

const folder = mkdtempSync(join(tmpdir(), 'seedbed-packages-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** From where its machines install what they go to. */
const packages = () => {
  const packageKey = join(folder, 'key.asc');
  writeFileSync(packageKey, '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZw\n-----END PGP PUBLIC KEY BLOCK-----\n');
  return { packageRepository: 'https://packages.example.org/v{minor}/deb/', packageKey };
};

/** Each once, of its API server and of its machines, as they were seen last. */
const versionsOf = ({ version, machines }: Phase): string[] => {
  const [seed] = story.rows<{ facts: string }>(`select facts from seeds where name = '${NAME}'`);
  if (machines === 0) return [version];
  const { kubernetesVersion, kubeletVersions } = JSON.parse(seed?.facts ?? '{}') as {
    kubernetesVersion: string;
    kubeletVersions: string[];
  };
  return [...new Set([kubernetesVersion, ...kubeletVersions])];
};

/** READY, or gone, and nobody works for it. */
const isOver = ({ machines }: Phase): boolean => {
  const [seed] = story.rows<{ state: string }>(`select state from seeds where name = '${NAME}' and deleted_at is null`);
  return (machines === 0 ? seed === undefined : seed?.state === 'READY') && isAtRest(story, REST_SECONDS);
};

test('a seed that is made, scaled, upgraded and deleted by servers that die after their durable writes', { timeout: 900_000 }, async () => {
  const bundle = await bundleServer();
  story = await openMortalStory(bundle, { settings: packages() });
  let deaths = 0;
  for (const phase of LIFE) {
    const seen = `${story.settings.data}/seen`;
    const way = { ask: () => ask(phase), isOver: () => isOver(phase) };
    deaths += await walkToEnd(bundle, story, way, (life) => ({ seen, every: EVERY, at: life % 3 === 1 ? 1 + (life % 5) : null }));
    expect(await tracesOfMadeSeeds(story)).toEqual(due(phase.machines));
    expect(story.rows("select kind, state from operations where state <> 'SUCCEEDED' and target_kind = 'SEED'")).toEqual([]);
    expect(versionsOf(phase)).toEqual([phase.version]);
    // What joining machines were given is theirs no longer.
    const secrets = story.rows<{ name: string }>("select name from secrets where owner_id in (select id from seeds where name = 'made')");
    expect(secrets.map(({ name }) => name).sort()).toEqual(phase.machines === 0 ? [] : ['authorities', 'kubeconfig']);
  }
  expect(deaths).toBeGreaterThan(40 / EVERY);
  expect(
    story.rows("select kind, name from inventory where state <> 'GONE' and owner_id in (select id from seeds where name = 'made')"),
  ).toEqual([]);
});
