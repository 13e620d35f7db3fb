/** A seed falls silent: its clusters are UNKNOWN, nothing is done for them, one who asks is enough, and they come back by themselves. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

const CLUSTERS = ['one', 'two'];

let world: Living;
let seedId: string;
let first: string;

beforeAll(async () => {
  world = await openLiving();
  await Promise.all(CLUSTERS.map((name) => world.makeCluster(name, { overrides: { autoHealingEnabled: true } })));
  const id = (sql: string) => world.rows<{ id: string }>(sql)[0]?.id ?? '';
  seedId = id('select id from seeds');
  first = id("select id from clusters where name = 'one'");
});
afterAll(() => world?.close());

interface Shown {
  state: string;
  unknownSince: string | null;
  conditions: { name: string; status: string; reason: string; message: string; waitingFor: { whoMustAct: string } | null }[];
  nodeGroups: { nodes: { count: number; nodes: { nodes: { address: string }[] } }[] };
}

const show = async () =>
  (
    await world.ask<{ cluster: Shown }>(
      world.member,
      `query($id: ID!) { cluster(id: $id) { state unknownSince conditions { name status reason message waitingFor { whoMustAct } }
        nodeGroups { nodes { count nodes { nodes { address } } } } } }`,
      { id: first },
    )
  ).cluster;

const states = () => world.rows<{ state: string }>('select state from clusters').map(({ state }) => state);
const allAre = (state: string) => until(() => states().every((s) => s === state));
const lostAt = () => world.rows<{ lost: number | null }>('select lost_at as lost from seeds')[0]?.lost;

interface Counted {
  byService: Record<string, { total: number; writes: number }>;
}
const OPENSTACK = ['identity', 'compute', 'network', 'image', 'volume', 'load-balancer'];

/** Calls to the seed and to its clusters since both fell silent; all are cut off, which is what counts them. */
const asked = async (): Promise<number> => {
  const { faults } = await world.control<{ faults: { hits: number }[] }>('GET', 'faults');
  return faults.reduce((sum, { hits }) => sum + hits, 0);
};

test('its clusters are UNKNOWN, and are told why, since when and who must act', async () => {
  for (const service of ['kubernetes', 'hosted']) await world.control('POST', 'faults', { service, kind: 'resetBefore' });
  // As the end of a watch does it.
  world.wake(seedId);
  await allAre('UNKNOWN');
  const shown = await show();
  expect(Date.parse(shown.unknownSince ?? '')).toBeLessThan(lostAt() ?? 0);
  expect(shown.conditions.find(({ name }) => name === 'SeedAnswers')).toMatchObject({
    status: 'FALSE',
    reason: 'SeedLost',
    message: expect.stringContaining(shown.unknownSince ?? 'never'),
    waitingFor: { whoMustAct: 'CLOUD_ADMIN' },
  });
  // What was known is still shown.
  expect(shown.conditions.find(({ name }) => name === 'ApiServerReady')?.status).toBe('TRUE');
  expect(shown.nodeGroups.nodes[0]?.nodes.nodes).toHaveLength(1);
  expect(world.rows<{ message: string }>(`select message from events where stream_id = '${first}' and state = 'UNKNOWN'`)).toEqual([
    { message: 'Cluster one is unknown.' },
  ]);
});

test('no cloud is written to, whatever is asked for meanwhile, and the seed is asked less than once a second in all', async () => {
  await world.restart();
  const [group] = world.rows<{ id: string }>(`select id from node_groups where cluster_id = '${first}'`);
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: group?.id, count: 2 }, 'operation { id }');
  const [node] = world.rows<{ id: string }>(`select id from nodes where cluster_id <> '${first}'`);
  await world.change(world.member, 'replaceNode', { nodeId: node?.id }, 'operation { id }');
  await world.change(world.member, 'rotateCertificates', { clusterId: first }, 'operation { id }');
  // Each says what it waits for.
  const waits = (kind: string) =>
    world
      .rows<{ state: string; steps: string }>(`select state, steps from operations where kind = '${kind}'`)
      .some(({ state, steps }) => state === 'RUNNING' && /the seed of its control plane, which has not answered since/.test(steps));
  for (const kind of ['RESIZE_NODE_GROUP', 'REPLACE_NODE', 'ROTATE_CERTIFICATES']) await until(() => waits(kind));
  await world.idle();
  await world.control('DELETE', 'counters');
  const before = await asked();
  const began = Date.now();
  for (const { id } of world.rows<{ id: string }>('select id from clusters union select id from nodes union select id from node_groups'))
    world.wake(id);
  await until(async () => (await asked()) >= before + 2);
  expect((await asked()) - before).toBeLessThanOrEqual(1 + (Date.now() - began) / 1_000);
  const { byService } = await world.control<Counted>('GET', 'counters');
  expect(OPENSTACK.map((service) => byService[service]?.writes ?? 0)).toEqual(OPENSTACK.map(() => 0));
  expect(states()).toEqual(CLUSTERS.map(() => 'UNKNOWN'));
  expect(world.rows('select 1 from nodes')).toHaveLength(CLUSTERS.length);
});

test('it is heard again: they are READY, and what was asked for meanwhile is done', async () => {
  await world.control('DELETE', 'faults');
  await allAre('READY');
  expect(await show()).toMatchObject({ unknownSince: null });
  await until(() => world.rows("select 1 from operations where state not in ('SUCCEEDED', 'SUPERSEDED')").length === 0);
  expect((await show()).nodeGroups.nodes[0]?.nodes.nodes).toHaveLength(2);
  expect(lostAt()).toBeNull();
});
