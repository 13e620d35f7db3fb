/** A cloud credential is replaced although the server is killed right after one durable write after the other: nothing is lost, or left. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askKeystone, hireMember, listCredentials, makeCredential } from '../reconcilers/people.ts';
import { type Story, until } from '../reconcilers/story.ts';
import { bundleServer, startMortal } from './mortal.ts';
import { NEVER, openMortalStory } from './walk.ts';

/** Two kills at least in each write of a rotation: whoever dies at his first commit has done nothing yet. */
const DEATHS = [2, 3, 4, 5, 1, 6, 3, 7, 2, 8, 4, 9, 5, 6];

let bundle: string;
let story: Story | undefined;

beforeAll(async () => {
  bundle = await bundleServer('dyingRotator');
  story = await openMortalStory(bundle);
}, 120_000);

afterAll(() => story?.close());

test('a rotation from a trust to a credential and back ends as ever when the server dies again and again', async () => {
  if (story === undefined) throw new Error('there is no world');
  const world = story;
  const overrides = { addons: { cloudController: { enabled: true } } };
  const input = { name: 'rotated', clusterTemplate: 'small', nodeCount: 1, overrides };
  await world.change(world.member, 'createCluster', input, 'cluster { uuid }');
  const cluster = () =>
    world.rows<{ id: string; state: string; trust: string | null; credential: string | null }>(
      'select id, state, trust, credential from clusters',
    )[0];
  await until(() => cluster()?.state === 'READY', 90);
  const robot = await hireMember(world, 'robot');
  const { userId } = world.sandbox.users.member;
  const trusts = async () => ((await askKeystone(world, world.admin, 'GET', '/OS-TRUST/trusts')).body as { trusts: object[] }).trusts;
  const isOver = () => world.rows("select 1 from operations where state in ('PENDING', 'RUNNING')").length === 0;

  const rotate = async (credential: object | null): Promise<number> => {
    const asked = { clusterId: cluster()?.id, credential };
    await world.change(world.member, 'rotateCloudCredential', asked, 'operation { id }');
    await world.served.close();
    let deaths = 0;
    for (; !isOver(); deaths += 1) {
      const server = await startMortal(bundle, world.settings, { at: DEATHS[deaths] ?? null, seen: null });
      world.served = server;
      await until(() => !server.alive() || isOver(), 120);
    }
    await world.served.close();
    world.served = await startMortal(bundle, world.settings, NEVER);
    const [newest] = world.rows<{ state: string }>('select state from operations order by requested_at desc');
    expect(newest).toEqual({ state: 'SUCCEEDED' });
    return deaths;
  };

  const given = await makeCredential(world, robot, 'given');
  expect(await rotate(given)).toBeGreaterThan(2);
  expect([await trusts(), await listCredentials(world, userId)]).toEqual([[], []]);
  expect(JSON.parse(cluster()?.credential ?? 'null')).toMatchObject({ current: { id: given.applicationCredentialId }, next: null });
  expect(await rotate(null)).toBeGreaterThan(2);
  // One of each, whoever died while it was made.
  expect(await trusts()).toHaveLength(1);
  expect(await listCredentials(world, userId)).toHaveLength(1);
  expect(cluster()).toMatchObject({ credential: null });
  expect(world.rows("select name from secrets where name in ('callerToken', 'retiredCredentials')")).toEqual([]);
}, 300_000);
