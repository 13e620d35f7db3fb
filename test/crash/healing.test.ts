/** A worker is healed although the server is killed right after one durable write after the other: rebooted once, replaced once, and nothing is left of it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Story, until } from '../reconcilers/story.ts';
import { bundleServer, startMortal } from './mortal.ts';
import { NEVER, openMortalStory } from './walk.ts';

/** Whoever dies at his first commit always never does anything. */
const DEATHS = [2, 1, 3, 5, 2, 4, 1, 3, 7, 2, 6, 3, 5, 4, 2, 3, 8, 5];

let bundle: string;
let story: Story | undefined;

beforeAll(async () => {
  bundle = await bundleServer('dyingHealer');
  story = await openMortalStory(bundle);
}, 120_000);

afterAll(() => story?.close());

test('a healing ends as ever when the server dies again and again', async () => {
  if (story === undefined) throw new Error('there is no world');
  const world = story;
  const input = {
    name: 'healed',
    clusterTemplate: 'small',
    nodeCount: 2,
    overrides: { autoHealingEnabled: true, healing: { nodeLimitSeconds: 10, rebootFirst: true } },
  };
  await world.change(world.member, 'createCluster', input, 'cluster { uuid }');
  const nodes = () => world.rows<{ id: string; name: string; state: string }>('select id, name, state from nodes where deleted_at is null');
  const allReady = () => nodes().length === 2 && nodes().every(({ state }) => state === 'READY');
  await until(() => allReady() && world.rows("select 1 from clusters where state = 'READY'").length === 1, 90);
  const [victim] = nodes();
  await world.control('POST', 'kubelets', { name: `^${victim?.name}$`, running: false, forGood: true });
  await world.served.close();
  let deaths = 0;
  const isOver = () =>
    allReady() &&
    !nodes().some(({ id }) => id === victim?.id) &&
    world.rows("select 1 from operations where state in ('PENDING', 'RUNNING')").length === 0;
  for (; !isOver(); deaths += 1) {
    const server = await startMortal(bundle, world.settings, { at: DEATHS[deaths] ?? null, seen: null });
    world.served = server;
    await until(() => !server.alive() || isOver(), 120);
  }
  expect(deaths).toBeGreaterThan(8);
  await world.served.close();
  world.served = await startMortal(bundle, world.settings, NEVER);
  expect(world.rows("select state from operations where kind = 'HEAL_NODE'")).toEqual([{ state: 'SUCCEEDED' }]);
  expect(world.rows(`select 1 from nodes where id = '${victim?.id}' and json_extract(reboot, '$.refused') is null`)).toHaveLength(1);
  const { calls } = await world.control<{ calls: { method: string; path: string; calls: number }[] }>('GET', 'counters');
  const reboots = calls.find(({ method, path }) => method === 'POST' && path === '/v2.1/servers/{id}/action')?.calls ?? 0;
  expect(reboots).toBeLessThanOrEqual(1);
  const { openstack } = await world.control<{
    openstack: { compute: { servers: { name: string; status: string }[] }; network: { ports: { name: string }[] } };
  }>('GET', 'world');
  const names = nodes().map(({ name }) => name);
  expect(
    openstack.compute.servers
      .filter(({ status }) => status !== 'DELETED')
      .map(({ name }) => name)
      .sort(),
  ).toEqual([...names].sort());
  expect(openstack.network.ports.filter(({ name }) => name === victim?.name)).toEqual([]);
}, 300_000);
