/** The database is put back to a copy of before: what clusters of the copy have is found and taken over, the rest is listed, and nothing goes by itself. */
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backupDatabase, restoreFrom } from '../../src/database.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface Thing {
  id: string;
  name: string;
}
interface Cloud {
  compute: { servers: Thing[] };
  network: Record<string, Thing[]>;
}

let world: Living;
beforeAll(async () => {
  world = await openLiving();
});
afterAll(() => world?.close());

const cloud = async () => (await world.control<{ openstack: Cloud }>('GET', 'world')).openstack;
const idsIn = async () => {
  const { compute, network } = await cloud();
  const kinds = { ...network, servers: compute.servers };
  return Object.fromEntries(Object.entries(kinds).map(([kind, things]) => [kind, things.map(({ id }) => id).sort()]));
};
const namespaces = async () =>
  (await world.seed.list({ apiVersion: 'v1', kind: 'Namespace' })).items.map(({ metadata }) => metadata.name).sort();
const nodesOf = (clusterId: string) =>
  world.rows<{ name: string; state: string; server_id: string }>(
    `select name, state, server_id from nodes where cluster_id = '${clusterId}' and deleted_at is null order by name`,
  );
const create = async (name: string) =>
  (
    await world.change<{ cluster: { uuid: string } }>(
      world.member,
      'createCluster',
      { name, clusterTemplate: 'small', nodeCount: 1 },
      'cluster { uuid }',
    )
  ).cluster.uuid;

test('servers of clusters of the copy are taken over, those of others are listed, and whoever reads on by number is told', async () => {
  const data = dirname(world.dbPath);
  const copy = join(data, '..', 'copy.db');
  const around = { environment: {}, now: Date.now, say: () => {} };
  const kept = await world.makeCluster('kept');
  const half = await create('half');
  // Of what is being made the copy knows the keys, and little else.
  await until(() => world.rows(`select 1 from secrets where owner_id = '${half}' and name = 'pki'`).length === 1);
  backupDatabase(copy, { data }, around);
  await world.settled(half);
  const later = await world.makeCluster('later');
  const [group] = world.rows<{ id: string }>(`select id from node_groups where cluster_id = '${kept}'`);
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: group?.id, count: 2 }, 'nodeGroup { id }');
  await until(() => nodesOf(kept).filter(({ state }) => state === 'READY').length === 2);
  // One of the copy's workers is replaced since, and is no more.
  const [first] = nodesOf(half);
  const [halfs] = world.rows<{ id: string }>(`select id from nodes where cluster_id = '${half}' and name = '${first?.name}'`);
  expect(first).toBeDefined();
  await world.change(world.member, 'replaceNode', { nodeId: halfs?.id }, 'nodeGroup { id }');
  await until(() => nodesOf(half).length === 1 && nodesOf(half)[0]?.name !== first?.name && nodesOf(half)[0]?.state === 'READY');
  for (const id of [kept, half]) await world.settled(id);
  await world.idle();
  const before = { cloud: await idsIn(), namespaces: await namespaces(), kept: nodesOf(kept), half: nodesOf(half) };
  const [seen] = world.rows<{ n: number }>(`select event_number as n from clusters where id = '${kept}'`);

  await expect(restoreFrom(copy, { data }, around)).rejects.toMatchObject({ code: 'IN_USE' });
  await world.restart(async () => {
    await restoreFrom(copy, { data }, around);
    // What the copy knows of etcd's volumes may be of members that were replaced since: nobody is to take them for lost.
    expect(world.rows('select 1 from clusters where quorum is not null')).toEqual([]);
  });
  expect(world.rows(`select 1 from clusters where id = '${later}'`)).toEqual([]);

  const all = (nodes: typeof before.kept) => nodes.map(({ name, server_id }) => [name, server_id]);
  await until(() => nodesOf(kept).filter(({ state }) => state === 'READY').length === 2);
  await until(() => world.rows('select 1 from node_groups where adopted_at is null').length === 0);
  await until(() => nodesOf(half).length === 1 && nodesOf(half)[0]?.state === 'READY');
  for (const id of [kept, half]) await world.settled(id);
  await world.idle();
  expect(all(nodesOf(kept))).toEqual(all(before.kept));
  expect(all(nodesOf(half))).toEqual(all(before.half));
  expect(world.rows(`select json_extract(spec, '$.count') as count from node_groups where id = '${group?.id}'`)).toEqual([{ count: 2 }]);
  // An upgrade finds them, too.
  expect(world.rows('select name from nodes where deleted_at is null and kubernetes_version is null')).toEqual([]);
  // None was made twice, and nothing has gone, of whomever.
  expect(await idsIn()).toEqual(before.cloud);
  expect(await namespaces()).toEqual(before.namespaces);

  // The search that the restore asked for finds what nobody knows any more; a worker that it saw before its group did is off the list with the next.
  const listed = async () => {
    const query = '{ orphans(first: 100, filter: { states: [FOUND] }) { nodes { kind clusterId reason } } }';
    const { orphans } = await world.ask<{ orphans: { nodes: { kind: string; clusterId: string | null; reason: string }[] } }>(
      world.admin,
      query,
    );
    return orphans.nodes;
  };
  await until(async () => (await listed()).some(({ kind, clusterId }) => kind === 'namespace' && clusterId === later));
  await world.change(world.admin, 'findOrphans', {}, 'operation { uuid }');
  await until(() => world.rows("select 1 from operations where kind = 'FIND_ORPHANS' and state <> 'SUCCEEDED'").length === 0);
  const orphans = await listed();
  expect(orphans.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['namespace', 'server', 'network', 'router']));
  // A server group bears its mark in its name alone.
  expect(new Set(orphans.map(({ clusterId, reason }) => `${clusterId} ${reason}`))).toEqual(
    new Set([`${later} CLUSTER_UNKNOWN`, 'null CLUSTER_UNKNOWN']),
  );

  const read = await world.ask<{ cluster: { events: { nodes: { number: number; message: string }[] } } }>(
    world.member,
    'query($id: ID!, $after: String) { cluster(id: $id) { events(first: 100, after: $after) { nodes { number message } } } }',
    { id: kept, after: String(seen?.n) },
  );
  const { nodes: events } = read.cluster.events;
  expect(events[0]?.message).toMatch(/^Seedbed's database was put back to a copy of \d{4}-/);
  expect(events.some(({ message }) => message.includes('has 2 workers now'))).toBe(true);
  // No number of before is given a second time.
  expect(Math.min(...events.map(({ number }) => number))).toBeGreaterThan((seen?.n ?? 0) + 1_000);
});
