/** A cluster's turn on its seed: it lasts until the last of its API servers is ready, though one is enough to go on with. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessOf, at, type Client, createClient, type Fields } from '../sandbox/kubernetes/client.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

const MERGE = { 'content-type': 'application/merge-patch+json' };
const NODES = '/api/v1/nodes';

let world: Living;
let seed: Client;
beforeAll(async () => {
  world = await openLiving();
  seed = createClient(accessOf(readFileSync(world.sandbox.seeds[0]?.adminKubeconfigFile ?? '', 'utf8')));
});
afterAll(async () => {
  seed?.close();
  await world?.close();
});

const holdEtcd = { service: 'kubernetes', method: 'PATCH', path: '/statefulsets/', kind: 'status', status: 503 };
const control = (method: string, body?: object) =>
  fetch(`${world.sandbox.controlUrl}/faults`, { method, ...(body && { body: JSON.stringify(body) }) });
const told = (id: string, name: string) =>
  world.rows<{ message: string }>(`select message from conditions where object_id = '${id}' and name = '${name}'`)[0]?.message ?? '';

/** The seed has one node to give, with so much memory. */
const leave = async (memory: string) => {
  const { items } = (await seed.call('GET', NODES)).body as { items: Fields[] };
  for (const [i, node] of items.entries()) {
    const path = `${NODES}/${String(at(node, 'metadata', 'name'))}`;
    expect(await seed.call('PATCH', `${path}/status`, { status: { allocatable: { memory } } }, MERGE)).toMatchObject({ status: 200 });
    // The scheduler looks anew when a node changes.
    for (const unschedulable of [true, i > 0])
      expect(await seed.call('PATCH', path, { spec: { unschedulable } }, MERGE)).toMatchObject({ status: 200 });
  }
};

test('with one of two API servers ready the cluster goes on, and its turn with it; the turn ends with the second', async () => {
  // It is placed while there is room for both.
  await control('POST', holdEtcd);
  const controlPlane = { apiServerReplicas: 2, resources: { apiServer: { memoryMiB: 2_100 } } };
  const { cluster } = await world.change<{ cluster: { uuid: string } }>(
    world.member,
    'createCluster',
    { name: 'two', clusterTemplate: 'small', nodeCount: 1, overrides: { controlPlane } },
    'cluster { uuid }',
  );
  await until(() => told(cluster.uuid, 'EtcdReady').includes('statefulsets'));
  await leave('4Gi');
  await control('DELETE');
  const turn = () => world.rows<{ turn: string }>(`select seed_turn as turn from clusters where id = '${cluster.uuid}'`)[0]?.turn;
  await until(
    () =>
      world.rows(`select 1 from conditions where object_id = '${cluster.uuid}' and name = 'ApiServerReady' and state = 'DONE'`).length ===
      1,
  );
  await until(
    () =>
      world.rows(`select 1 from conditions where object_id = '${cluster.uuid}' and name = 'NodeGroupsReady' and state = 'DONE'`).length ===
      1,
  );
  expect(turn()).toBe('STARTING');
  await leave('64Gi');
  await until(() => turn() === 'DONE');
  await world.settled(cluster.uuid);
});

// The API server ends itself when etcd lets it wait for 20 s, and is then made to wait by the kubelet.
test('an API server starts beside its etcd only where the last etcd was fast and no other starts', async () => {
  const create = async (name: string) => {
    const input = { name, clusterTemplate: 'small', nodeCount: 0 };
    const { cluster } = await world.change<{ cluster: { uuid: string; shortId: string } }>(
      world.member,
      'createCluster',
      input,
      'cluster { uuid shortId }',
    );
    return cluster;
  };
  const apiServer = async (shortId: string) =>
    (await seed.call('GET', `/apis/apps/v1/namespaces/kc-${shortId}/deployments/${shortId}-kube-apiserver`)).status;
  await control('POST', holdEtcd);
  const fast = await create('fast');
  await until(async () => (await apiServer(fast.shortId)) === 200);
  await control('DELETE');
  await world.settled(fast.uuid);

  // This etcd takes longer than an API server would wait.
  await control('POST', holdEtcd);
  const slow = await create('slow');
  await until(() => told(slow.uuid, 'EtcdReady').includes('statefulsets'));
  world.write(`update clusters set seed_turn_at = seed_turn_at - 60000 where id = '${slow.uuid}'`);
  // The next pass may have begun before that; one that finds no message has not.
  world.write(`update conditions set message = '' where object_id = '${slow.uuid}' and name = 'EtcdReady'`);
  await until(() => {
    world.wake(slow.uuid);
    return told(slow.uuid, 'EtcdReady').includes('statefulsets');
  });
  await control('DELETE');
  await world.settled(slow.uuid);

  await control('POST', holdEtcd);
  const careful = await create('careful');
  await until(() => told(careful.uuid, 'ApiServerReady').includes('etcd to be ready'));
  await until(() => told(careful.uuid, 'EtcdReady') !== '');
  expect(await apiServer(careful.shortId)).toBe(404);
  await control('DELETE');
  await world.settled(careful.uuid);
  expect(await apiServer(careful.shortId)).toBe(200);

  // That one's was fast again, but two that start together share the seed.
  await control('POST', holdEtcd);
  const first = await create('first');
  await until(async () => (await apiServer(first.shortId)) === 200);
  const second = await create('second');
  await until(() => told(second.uuid, 'ApiServerReady').includes('etcd to be ready'));
  await until(() => told(second.uuid, 'EtcdReady') !== '');
  expect(await apiServer(second.shortId)).toBe(404);
  await control('DELETE');
  await Promise.all([world.settled(first.uuid), world.settled(second.uuid)]);
});
