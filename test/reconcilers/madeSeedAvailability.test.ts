/** A seed of which three machines run the control plane: one of them may go, and is replaced; two may not, and that is said. */
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tracesOfMadeSeeds } from './madeSeeds.ts';
import { openStory, type Story, until } from './story.ts';

let world: Story;
beforeAll(async () => {
  world = await openStory();
}, 120_000);
afterAll(() => world?.close(), 60_000);

const INPUT = { image: 'debian-12-node', flavor: 'm1.medium', externalNetwork: 'public', controlPlaneMachines: 3, workers: 1 };

/** What there is of it in the cloud: four machines, each with its port. */
const MADE = [
  ...['floatingIps', 'networks', 'ports', 'ports', 'ports', 'ports', 'routers', 'securityGroups', 'serverGroups'],
  ...['servers', 'servers', 'servers', 'servers', 'subnets'],
];

interface Server {
  id: string;
  name: string;
  status: string;
}

interface Cloud {
  openstack: {
    compute: { servers: Server[]; serverGroups: { id: string; policies: string[]; members: string[] }[] };
    network: { floatingIps: { description: string; port_id: string | null }[]; ports: { id: string; device_id: string }[] };
  };
}

const cloud = async () => (await world.control<Cloud>('GET', 'world')).openstack;

const change = (name: string, input: object) =>
  world.change<{ seed: { uuid: string }; operation: { uuid: string } }>(world.admin, name, input, 'seed { uuid } operation { uuid }');

const succeeded = (operationId: string) =>
  until(async () => {
    const { operation } = await world.ask<{ operation: { state: string } }>(world.admin, `{ operation(id: "${operationId}") { state } }`);
    return operation.state === 'SUCCEEDED';
  });

interface Seen {
  state: string;
  silentSince: string | null;
  conditions: { name: string; state: string; message: string; problem: { code: string; whoMustAct: string } | null }[];
}

const seedNamed = async (name: string): Promise<Seen | null> =>
  (
    await world.ask<{ seed: Seen | null }>(
      world.admin,
      `{ seed(name: "${name}") { state silentSince conditions { name state message problem { code whoMustAct } } } }`,
    )
  ).seed;

const serverOf = async (index: number): Promise<Server | undefined> =>
  (await cloud()).compute.servers.find(({ name }) => name.startsWith('seedbed-seed-') && name.endsWith(`-${index}`));

/** Name of the machine that the seed's floating IP leads to. */
const holder = async (): Promise<string | undefined> => {
  const { network, compute } = await cloud();
  const ip = network.floatingIps.find(({ description }) => /for a seed/.test(description));
  const port = network.ports.find(({ id }) => id === ip?.port_id);
  return compute.servers.find(({ id }) => id === port?.device_id)?.name;
};

/** Behind Seedbed's back, by an administrator of the cloud. */
const loseServer = async (index: number): Promise<Server> => {
  const server = await until(() => serverOf(index));
  const url = new URL(`/compute/v2.1/servers/${server.id}`, world.sandbox.authUrl);
  const answer = await fetch(url, { method: 'DELETE', headers: { 'x-auth-token': world.admin } });
  expect(answer.status).toBe(204);
  return server;
};

const remove = async (path: string): Promise<void> => {
  const url = new URL(`/${path}`, world.sandbox.authUrl);
  const { status } = await fetch(url, { method: 'DELETE', headers: { 'x-auth-token': world.admin } });
  expect(status).toBe(204);
};

const act = async ({ id }: Server, action: object): Promise<void> => {
  const url = new URL(`/compute/v2.1/servers/${id}/action`, world.sandbox.authUrl);
  const headers = { 'content-type': 'application/json', 'x-auth-token': world.admin };
  expect((await fetch(url, { method: 'POST', headers, body: JSON.stringify(action) })).status).toBe(202);
};

const placeOf = (seedId: string) =>
  JSON.parse(world.rows<{ place: string }>(`select place from seeds where id = '${seedId}'`)[0]?.place ?? '{}') as {
    joined?: number[];
    addressAt?: number;
  };

const isWhole = async (seedId: string): Promise<boolean> =>
  (await seedNamed('high'))?.conditions.every(({ state }) => state === 'DONE' || state === 'REMOVED') === true &&
  placeOf(seedId).joined?.join() === '0,1,2';

const addressEvents = () =>
  world.rows<{ message: string }>(
    `select message from events where subject_id = '${seedId()}' and step = 'ApiAddressReady' order by number`,
  );

/** It is looked at every ten minutes; now. */
const wake = () => {
  const db = new Database(world.dbPath);
  db.exec(`update work_items set due_at = 0, wake = wake + 1 where id = '${seedId()}'`);
  db.close();
};

/** As if it had been for so much longer. */
const beSilentFor = (ms: number) => {
  const db = new Database(world.dbPath);
  db.exec(`update seeds set silent_since = silent_since - ${ms} where id = '${seedId()}'`);
  db.close();
};

const seedId = () => world.rows<{ id: string }>("select id from seeds where name = 'high'")[0]?.id ?? '';

test('three machines run its control plane, spread over hosts, and a cluster in it answers', async () => {
  const made = await change('createSeed', { name: 'high', ...INPUT });
  await succeeded(made.operation.uuid);
  expect(await tracesOfMadeSeeds(world)).toEqual(MADE);
  expect((await cloud()).compute.serverGroups).toMatchObject([{ policy: 'soft-anti-affinity' }]);
  expect(placeOf(seedId())).toMatchObject({ joined: [0, 1, 2] });
  expect(await holder()).toMatch(/-0$/);
  await change('cordonSeed', { seedId: 'seed' });
  await world.change(world.member, 'createCluster', { name: 'guest', clusterTemplate: 'small', nodeCount: 1 }, 'cluster { uuid }');
  await until(async () => (await guest()) === 'READY');
}, 200_000);

/** Not only as it was said last: each of its conditions is as it is to be. */
const isGuestWell = async () => {
  const query = '{ cluster(name: "guest") { state conditions { name state } } }';
  const { cluster } = await world.ask<{ cluster: { state: string; conditions: { name: string; state: string }[] } }>(world.member, query);
  const open = cluster.conditions.filter(({ state }) => state !== 'DONE' && state !== 'REMOVED');
  return cluster.state === 'READY' && open.length === 0;
};

const guest = async () =>
  (await world.ask<{ cluster: { state: string } | null }>(world.member, '{ cluster(name: "guest") { state } }')).cluster?.state;

test('when the machine goes that the address leads to, it leads to another, and that one is made anew', async () => {
  const lost = await loseServer(0);
  await until(async () => (await holder())?.endsWith('-1'));
  await until(() =>
    addressEvents().some(({ message }) => /leads to machine \S+-1 now, for the machine that it led to does not run/.test(message)),
  );
  await until(async () => (await serverOf(0))?.id !== lost.id && (await serverOf(0)) !== undefined);
  await until(() => isWhole(seedId()));
  expect(await tracesOfMadeSeeds(world)).toEqual(MADE);
  // Its address stays with the one that has it.
  expect(await holder()).toMatch(/-1$/);
  await until(isGuestWell);
}, 200_000);

test('the second machine that goes later is replaced as well, with all that went with it, for the one before is a member again', async () => {
  const { network, compute } = await cloud();
  const there = await until(() => serverOf(2));
  const port = network.ports.find(({ device_id }) => device_id === there.id);
  const group = compute.serverGroups.find(({ members }) => members.includes(there.id));
  const lost = await loseServer(2);
  await remove(`network/v2.0/ports/${port?.id}`);
  await remove(`compute/v2.1/os-server-groups/${group?.id}`);
  // Nobody has to look by chance: its Node is Ready no more.
  await until(async () => (await serverOf(2))?.id !== lost.id && (await serverOf(2)) !== undefined);
  await until(() => isWhole(seedId()));
  expect(await tracesOfMadeSeeds(world)).toEqual(MADE);
}, 200_000);

const machinesActive = async () => (await seedNamed('high'))?.conditions.find(({ name }) => name === 'MachinesActive');

test('a server that Nova says it does not know, while its node answers, is neither replaced nor forgotten', async () => {
  const there = await until(() => serverOf(2));
  await world.control('POST', 'faults', { service: 'compute', method: 'GET', path: there.id, kind: 'status', status: 404 });
  wake();
  await until(async () => /Nova knows no server \S+-2, and its node still answers/.test((await machinesActive())?.message ?? ''));
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  expect(await serverOf(2)).toMatchObject({ id: there.id });
  expect(placeOf(seedId()).joined).toEqual([0, 1, 2]);
  await world.control('DELETE', 'faults');
  wake();
  await until(async () => (await machinesActive())?.state === 'DONE');
  await until(() => isWhole(seedId()));
  expect(await serverOf(2)).toMatchObject({ id: there.id });
}, 100_000);

test('a machine that Nova cannot run any more keeps its disk, for clusters keep theirs on it', async () => {
  const worker = await until(() => serverOf(3));
  await world.control('POST', 'failedServers', { name: '-3$' });
  const told = await until(async () => {
    const condition = await machinesActive();
    return condition?.problem?.code === 'SERVER_FAULT' ? condition : undefined;
  });
  expect(told).toMatchObject({ problem: { whoMustAct: 'CLOUD_ADMIN' } });
  expect(told.message).toMatch(/-3 \(\S+\) is in ERROR: The host of this server has failed/);
  wake();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect(await serverOf(3)).toMatchObject({ id: worker.id, status: 'ERROR' });
  await act(worker, { reboot: { type: 'HARD' } });
  await until(async () => (await serverOf(3))?.status === 'ACTIVE');
  wake();
  await until(() => isWhole(seedId()));
  expect(await serverOf(3)).toMatchObject({ id: worker.id });
}, 100_000);

test('when nothing answers at the address, and the cloud knows nothing of it, it leads on after a while, and not on and on', async () => {
  await world.control('POST', 'faults', { service: 'hosted', kind: 'status', status: 503 });
  wake();
  const began = Date.now();
  await until(async () => (await holder())?.endsWith('-2'));
  expect(Date.now() - began).toBeGreaterThan(20_000);
  // Its clusters were not given up meanwhile.
  expect(world.rows(`select lost_at from seeds where id = '${seedId()}'`)).toEqual([{ lost_at: null }]);
  expect(await guest()).not.toBe('UNKNOWN');
  await world.control('DELETE', 'faults');
  const told = await until(() => addressEvents().find(({ message }) => /nothing has answered there for \d+ seconds/.test(message)));
  expect(told.message).toMatch(/leads to machine \S+-2 now/);
  await until(async () => (await seedNamed('high'))?.silentSince === null);
  await until(() => isWhole(seedId()));
  expect(await holder()).toMatch(/-2$/);
}, 200_000);

test('a settled one costs no more calls than each machine being looked at', async () => {
  const look = async () => {
    wake();
    await until(() => world.rows(`select 1 from work_items where id = '${seedId()}' and due_at > ${Date.now() + 20_000}`).length === 1);
  };
  await look();
  await world.control('DELETE', 'counters');
  await look();
  const { calls } = await world.control<{ calls: { service: string; method: string; path: string; calls: number }[] }>('GET', 'counters');
  const asked = calls.filter(({ service }) => ['compute', 'network', 'image', 'volume'].includes(service));
  expect(asked.map(({ method, path, calls: times }) => `${method} ${path} ${times}`)).toEqual(['GET /v2.1/servers/{id} 4']);
}, 60_000);

test('when two are gone nothing is torn down, it is said who must act, and deleting it leads out', async () => {
  const { cluster } = await world.ask<{ cluster: { uuid: string } }>(world.member, '{ cluster(name: "guest") { uuid } }');
  await world.change(world.member, 'deleteCluster', { clusterId: cluster.uuid }, 'operation { uuid }');
  await until(async () => [undefined, 'DELETED'].includes(await guest()));
  const stopped = await until(() => serverOf(1));
  await Promise.all([loseServer(0), act(stopped, { 'os-stop': null })]);
  wake();
  // While one can be started, that is what is said.
  const start = await until(async () => {
    const condition = await machinesActive();
    return /start \S+-1 \(\S+\), of which Nova says SHUTOFF/.test(condition?.message ?? '') ? condition : undefined;
  });
  expect(start).toMatchObject({ problem: { code: 'SEED_UNAVAILABLE', whoMustAct: 'CLOUD_ADMIN' } });
  await loseServer(1);
  wake();
  await until(async () => (await seedNamed('high'))?.silentSince !== null);
  const quorumLost = async () => (await seedNamed('high'))?.conditions.find(({ problem }) => problem?.code === 'QUORUM_LOST');
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  expect(await quorumLost()).toBeUndefined();
  beSilentFor(120_000);
  wake();
  const told = await until(quorumLost);
  expect(told).toMatchObject({ name: 'MachinesActive', problem: { whoMustAct: 'CLOUD_ADMIN' } });
  expect(told.message).toMatch(/delete the seed/);
  expect((await cloud()).compute.servers.filter(({ name }) => name.startsWith('seedbed-seed-'))).toHaveLength(2);
  await succeeded((await change('deleteSeed', { seedId: 'high' })).operation.uuid);
  expect(await tracesOfMadeSeeds(world)).toEqual([]);
}, 200_000);
