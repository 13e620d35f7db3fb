/** A made seed whose only machine of the control plane is rebuilt in the cloud: what answers there then is another, empty cluster, and is not taken for the seed. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tracesOfMadeSeeds } from './madeSeeds.ts';
import { openStory, type Story, until } from './story.ts';

let world: Story;
beforeAll(async () => {
  world = await openStory();
}, 120_000);
afterAll(() => world?.close(), 60_000);

const MACHINE = { image: 'debian-12-node', flavor: 'm1.medium', externalNetwork: 'public', workers: 0 };

const change = (name: string, input: object) =>
  world.change<{ seed: { uuid: string }; operation: { uuid: string } }>(world.admin, name, input, 'seed { uuid } operation { uuid }');

const succeeded = (id: string) =>
  until(
    async () =>
      (await world.ask<{ operation: { state: string } }>(world.admin, `{ operation(id: "${id}") { state } }`)).operation.state ===
      'SUCCEEDED',
  );

interface Server {
  id: string;
  name: string;
  status: string;
  imageId: string;
}
const serverOfSeed = async (): Promise<Server | undefined> =>
  (await world.control<{ openstack: { compute: { servers: Server[] } } }>('GET', 'world')).openstack.compute.servers.find(({ name }) =>
    name.startsWith('seedbed-seed-'),
  );

/** What the seed's own API has of clusters. */
const clustersIn = async (): Promise<string[]> => {
  const { kubernetes } = await world.control<{ kubernetes: { onMachines?: string[][] } }>('GET', 'world');
  return (kubernetes.onMachines ?? []).flat().filter((object) => object.startsWith('Namespace kc-'));
};
/** What Seedbed has ever put into it besides. */
const equipmentIn = async (): Promise<string[]> => {
  const { kubernetes } = await world.control<{ kubernetes: { onMachines?: string[][] } }>('GET', 'world');
  return (kubernetes.onMachines ?? []).flat().filter((object) => object.includes('local-path'));
};

let seedId: string;
const seedRow = () =>
  world.rows<{ state: string; uid: string; lost: number | null }>(
    `select state, cluster_uid as uid, lost_at as lost from seeds where id = '${seedId}'`,
  )[0];
const problems = (): { name: string; whoMustAct: string; message: string }[] =>
  world
    .rows<{ name: string; problem: string }>(`select name, problem from conditions where object_id = '${seedId}' and problem is not null`)
    .map(({ name, problem }) => ({ name, ...JSON.parse(problem) }));

test('nothing is made in the other cluster, who must act is said, and nothing is torn down', async () => {
  const made = await change('createSeed', { name: 'made', ...MACHINE });
  seedId = made.seed.uuid;
  await succeeded(made.operation.uuid);
  await change('cordonSeed', { seedId: 'seed' });
  await world.change(world.member, 'createCluster', { name: 'guest', clusterTemplate: 'small', nodeCount: 1 }, 'cluster { uuid }');
  const guest = () => world.rows<{ state: string }>("select state from clusters where name = 'guest'")[0]?.state;
  await until(() => guest() === 'READY');
  const uid = seedRow()?.uid ?? '';
  const traces = await tracesOfMadeSeeds(world);
  const server = await until(serverOfSeed);
  expect(await clustersIn()).toHaveLength(1);
  expect(await equipmentIn()).not.toEqual([]);

  const url = new URL(`/compute/v2.1/servers/${server.id}/action`, world.sandbox.authUrl);
  const headers = { 'content-type': 'application/json', 'x-auth-token': world.admin };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ rebuild: { imageRef: server.imageId } }) });
  expect(answer.status).toBe(202);

  const told = await until(() =>
    problems().find(({ name, message }) => name === 'Reachable' && message.includes('empty Kubernetes cluster')),
  );
  expect(told).toMatchObject({ whoMustAct: 'CLOUD_ADMIN' });
  expect(told.message).toContain(`was ${uid}`);
  expect(told.message).toContain('delete the seed');
  await until(() => seedRow()?.lost !== null && guest() === 'UNKNOWN');
  expect(seedRow()).toMatchObject({ state: 'NOT_READY', uid });
  // Neither the seed's passes nor the cluster's have begun anything anew there.
  expect(await clustersIn()).toEqual([]);
  expect(await equipmentIn()).toEqual([]);
  expect(await tracesOfMadeSeeds(world)).toEqual(traces);
  expect(await serverOfSeed()).toMatchObject({ id: server.id, status: 'ACTIVE' });
}, 200_000);

test('what is left leads out: its cluster goes without it, and then the seed', async () => {
  const { cluster } = await world.ask<{ cluster: { uuid: string } }>(world.member, '{ cluster(name: "guest") { uuid } }');
  await world.change(world.admin, 'deleteCluster', { clusterId: cluster.uuid, abandonSeed: true }, 'operation { uuid }');
  await until(() =>
    ['DELETED', undefined].includes(world.rows<{ state: string }>("select state from clusters where name = 'guest'")[0]?.state),
  );
  await succeeded((await change('deleteSeed', { seedId: 'made' })).operation.uuid);
  expect(await tracesOfMadeSeeds(world)).toEqual([]);
}, 200_000);
