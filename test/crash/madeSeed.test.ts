/**
/**
 * The server is killed after the durable writes of a seed's making, of its growing and shrinking, of its upgrade, of the replacement of a machine of its
 * control plane, and of its end, and started again. What there is in the cloud after each is what was asked for, once, and after the last nothing.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { tracesOfMadeSeeds } from '../reconcilers/madeSeeds.ts';
import { type Story, until } from '../reconcilers/story.ts';
import { bundleServer } from './mortal.ts';
import { isAtRest, NEVER, openMortalStory, walkToEnd } from './walk.ts';

const EVERY = process.env['SEEDBED_TEST_CRASHES'] === 'all' ? 1 : 5;
/** A seed is looked at every half minute. */
const REST_SECONDS = 5;

const [OLD, NEW] = ['v1.35.4', 'v1.36.3'];

interface Phase {
  mutation: string;
  input: object;
  machines: number;
  /** What all of it runs after it. */
  version: string;
  /** A machine of the control plane that is deleted in the cloud before. */
  loses?: number;
}

interface Life {
  name: string;
  controlPlaneMachines: 1 | 3;
  phases: readonly Phase[];
  /** At the least, when it dies after every write. */
  deaths: number;
  /** At the most, in each phase: what is deleted side by side can be half-way in more states than there is time for. */
  deathsEach: number;
}

const MACHINES = { image: 'debian-12', flavor: 'm1.medium', externalNetwork: 'public', kubernetesVersion: OLD };

const SMALL: Life = {
  name: 'made',
  controlPlaneMachines: 1,
  phases: [
    { mutation: 'createSeed', input: { name: 'made', ...MACHINES, workers: 1 }, machines: 2, version: OLD },
    { mutation: 'scaleSeed', input: { seedId: 'made', workers: 2 }, machines: 3, version: OLD },
    { mutation: 'upgradeSeed', input: { seedId: 'made', version: NEW }, machines: 3, version: NEW },
    { mutation: 'scaleSeed', input: { seedId: 'made', workers: 0 }, machines: 1, version: NEW },
    { mutation: 'deleteSeed', input: { seedId: 'made' }, machines: 0, version: NEW },
  ],
  deaths: 40,
  deathsEach: Number.POSITIVE_INFINITY,
};

const HIGH: Life = {
  name: 'high',
  controlPlaneMachines: 3,
  phases: [
    {
      mutation: 'createSeed',
      input: { name: 'high', ...MACHINES, workers: 0, controlPlaneMachines: 3, networkDriver: 'CALICO' },
      machines: 3,
      version: OLD,
    },
    { mutation: 'upgradeSeed', input: { seedId: 'high', version: NEW }, machines: 3, version: NEW },
    { mutation: 'scaleSeed', input: { seedId: 'high', workers: 1 }, machines: 4, version: NEW, loses: 0 },
    { mutation: 'deleteSeed', input: { seedId: 'high' }, machines: 0, version: NEW },
  ],
  deaths: 40,
  deathsEach: 200 / EVERY,
};

let story: Story;
afterAll(() => story?.close(), 60_000);

const due = (machines: number, { controlPlaneMachines }: Life): string[] => {
  if (machines === 0) return [];
  const each = (kind: string): string[] => Array.from({ length: machines }, () => kind);
  const spread = controlPlaneMachines === 1 ? [] : ['serverGroups'];
  return ['floatingIps', 'networks', ...each('ports'), 'routers', 'securityGroups', ...spread, ...each('servers'), 'subnets'];
};

const ask = ({ mutation, input, machines }: Phase, { name }: Life): Promise<string> => {
  const idempotencyKey = `${mutation}-${name}-${machines}`;
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
const versionsOf = ({ version, machines }: Phase, { name }: Life): string[] => {
  const [seed] = story.rows<{ facts: string }>(`select facts from seeds where name = '${name}'`);
  if (machines === 0) return [version];
  const { kubernetesVersion, kubeletVersions } = JSON.parse(seed?.facts ?? '{}') as {
    kubernetesVersion: string;
    kubeletVersions: string[];
  };
  return [...new Set([kubernetesVersion, ...kubeletVersions])];
};

/** READY, or gone, with all that it is to have in its control plane, and nobody works for it. */
const isOver = ({ machines }: Phase, { name, controlPlaneMachines }: Life): boolean => {
  const [seed] = story.rows<{ state: string; place: string | null }>(
    `select state, place from seeds where name = '${name}' and deleted_at is null`,
  );
  if (machines === 0) return seed === undefined && isAtRest(story, REST_SECONDS);
  const { joined = [0] } = JSON.parse(seed?.place ?? '{}') as { joined?: number[] };
  return seed?.state === 'READY' && joined.length === controlPlaneMachines && isAtRest(story, REST_SECONDS);
};

/** Behind Seedbed's back, by an administrator of the cloud. */
const lose = async (index: number): Promise<void> => {
  const { openstack } = await story.control<{ openstack: { compute: { servers: { id: string; name: string }[] } } }>('GET', 'world');
  const lost = openstack.compute.servers.find(({ name }) => name.startsWith('seedbed-seed-') && name.endsWith(`-${index}`));
  const url = new URL(`/compute/v2.1/servers/${lost?.id}`, story.sandbox.authUrl);
  expect((await fetch(url, { method: 'DELETE', headers: { 'x-auth-token': story.admin } })).status).toBe(204);
};

const live = async (bundle: string, life: Life): Promise<void> => {
  const own = `(select id from seeds where name = '${life.name}')`;
  let deaths = 0;
  for (const phase of life.phases) {
    const seen = `${story.settings.data}/seen`;
    if (phase.loses !== undefined) await lose(phase.loses);
    const way = { ask: () => ask(phase, life), isOver: () => isOver(phase, life) };
    deaths += await walkToEnd(bundle, story, way, (nth) =>
      nth < life.deathsEach ? { seen, every: EVERY, at: nth % 3 === 1 ? 1 + (nth % 5) : null } : NEVER,
    );
    expect(await tracesOfMadeSeeds(story)).toEqual(due(phase.machines, life));
    expect(story.rows("select kind, state from operations where state <> 'SUCCEEDED' and target_kind = 'SEED'")).toEqual([]);
    expect(versionsOf(phase, life)).toEqual([phase.version]);
    // What joining machines were given is theirs no longer.
    const secrets = story.rows<{ name: string }>(`select name from secrets where owner_id in ${own}`);
    expect(secrets.map(({ name }) => name).sort()).toEqual(phase.machines === 0 ? [] : ['authorities', 'kubeconfig']);
  }
  expect(deaths).toBeGreaterThan(life.deaths / EVERY);
  expect(story.rows(`select kind, name from inventory where state <> 'GONE' and owner_id in ${own}`)).toEqual([]);
};

test('a seed that is made, scaled, upgraded and deleted by servers that die after their durable writes', { timeout: 900_000 }, async () => {
  const bundle = await bundleServer();
  story = await openMortalStory(bundle, { settings: packages() });
  await live(bundle, SMALL);
});

test('and one of three machines, of which the first is lost and replaced meanwhile', { timeout: 1_200_000 }, async () => {
  await live(await bundleServer(), HIGH);
});
