/** Orphans: found wherever Seedbed may look, removed only when they were chosen and still are orphans. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface Orphan {
  uuid: string;
  projectId: string;
  kind: string;
  externalId: string;
  clusterId: string | null;
  clusterName: string | null;
  reason: string;
  state: string;
  problem: { code: string } | null;
}

const UNKNOWN = '00000000-1111-4222-8333-444444444444';

let world: Living;
/** Lives on through all tests, and lets Seedbed into its project. */
let living: string;

beforeAll(async () => {
  world = await openLiving();
  living = await world.makeCluster('living', { nodeCount: 1 });
});
afterEach(() => world.control('DELETE', 'faults'));
afterAll(() => world?.close());

const network = () => `${world.sandbox.authUrl.replace(/\/identity.*$/, '')}/network/v2.0`;
const call = async (method: string, path: string, body?: object, token = world.member) => {
  const headers = { 'x-auth-token': token, 'content-type': 'application/json' };
  return fetch(`${network()}/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
};
const descriptionFor = (clusterId: string, name = 'lost') => `Made by Seedbed for cluster ${name} (${clusterId})`;
const plant = async (clusterId = UNKNOWN, token = world.member): Promise<string> => {
  const security_group = { name: 'left', description: descriptionFor(clusterId) };
  const answer = await call('POST', 'security-groups', { security_group }, token);
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { security_group: { id: string } }).security_group.id;
};
const isThere = async (id: string) => (await call('GET', `security-groups/${id}`)).status === 200;

const stateOf = async (id: string) =>
  (
    await world.ask<{ operation: { state: string; percent: number; problem: { message: string } | null } }>(
      world.admin,
      'query($id: ID!) { operation(id: $id) { state percent problem { message } } }',
      { id },
    )
  ).operation;
const over = (id: string) =>
  until(async () => {
    const operation = await stateOf(id);
    return operation.state === 'SUCCEEDED' || operation.state === 'FAILED' ? operation : undefined;
  });
const start = async (name: string, input: object = {}, token = world.admin): Promise<string> =>
  (await world.change<{ operation: { uuid: string } }>(token, name, input, 'operation { uuid }')).operation.uuid;
const find = async () => over(await start('findOrphans'));
const list = async (filter: object = {}, token = world.admin): Promise<Orphan[]> => {
  const query = `query($filter: OrphanFilter) { orphans(first: 100, filter: $filter) { nodes {
    uuid projectId kind externalId clusterId clusterName reason state problem { code } } } }`;
  return (await world.ask<{ orphans: { nodes: Orphan[] } }>(token, query, { filter })).orphans.nodes;
};
const known = async (externalId: string): Promise<Orphan> => {
  const orphan = (await list()).find((each) => each.externalId === externalId);
  if (orphan === undefined) throw new Error('not found');
  return orphan;
};

test('what a cluster that is deleted, or was never known, has left is found; what a living one has, never', async () => {
  const gone = await world.makeCluster('gone', { nodeCount: 0 });
  await world.change(world.member, 'deleteCluster', { clusterId: gone }, 'cluster { id }');
  await until(() => world.rows(`select 1 from clusters where id = '${gone}' and state = 'DELETED'`).length === 1);
  const [ofGone, ofUnknown, ofLiving, admins] = [await plant(gone), await plant(), await plant(living), await plant(UNKNOWN, world.admin)];
  expect(await find()).toMatchObject({ state: 'SUCCEEDED', percent: 100, problem: null });
  const { projectId } = world.sandbox.users.member;
  expect(await known(ofGone)).toMatchObject({ projectId, clusterId: gone, clusterName: 'gone', reason: 'CLUSTER_DELETED', state: 'FOUND' });
  expect(await known(ofUnknown)).toMatchObject({ projectId, clusterId: UNKNOWN, clusterName: 'lost', reason: 'CLUSTER_UNKNOWN' });
  expect(await known(admins)).toMatchObject({ projectId: world.sandbox.users.admin.projectId, kind: 'security-group' });
  // The living one has servers, ports, a network and a router; and another's mark makes nothing its own.
  expect((await list()).map(({ externalId }) => externalId).sort()).toEqual([ofGone, ofUnknown, admins].sort());
  expect(await isThere(ofLiving)).toBe(true);
  expect((await list({ clusterId: gone })).map(({ externalId }) => externalId)).toEqual([ofGone]);
  // Again, and nothing is listed twice.
  await find();
  expect(await list()).toHaveLength(3);
  expect(world.rows("select 1 from secrets where name = 'callerToken' and owner_id in (select id from operations)")).toEqual([]);
});

test('a member sees none, and may neither search nor remove', async () => {
  await plant();
  await find();
  expect(await list({}, world.member)).toEqual([]);
  const [orphan] = await list();
  await expect(start('findOrphans', {}, world.member)).rejects.toThrow('FORBIDDEN');
  await expect(start('removeOrphans', { orphanIds: [orphan?.uuid] }, world.member)).rejects.toThrow('FORBIDDEN');
  await expect(start('removeOrphans', { orphanIds: ['nothing'] })).rejects.toThrow('NOT_FOUND');
});

test('only what was chosen goes, and of that nothing that was adopted or has lost its mark since', async () => {
  const [chosen, other, adopted, unmarked] = [await plant(), await plant(), await plant(), await plant()];
  await find();
  const ids = await Promise.all([chosen, adopted, unmarked].map(async (id) => (await known(id)).uuid));
  await call('PUT', `security-groups/${adopted}`, { security_group: { description: descriptionFor(living) } });
  await call('PUT', `security-groups/${unmarked}`, { security_group: { description: 'mine' } });
  expect(await over(await start('removeOrphans', { orphanIds: ids }))).toMatchObject({ state: 'SUCCEEDED', percent: 100 });
  expect((await known(chosen)).state).toBe('REMOVED');
  expect((await known(adopted)).state).toBe('GONE');
  expect((await known(unmarked)).state).toBe('GONE');
  expect((await known(other)).state).toBe('FOUND');
  expect(await Promise.all([chosen, other, adopted, unmarked].map(isThere))).toEqual([false, true, true, true]);
  await expect(start('removeOrphans', { orphanIds: [ids[0]] })).rejects.toThrow('CONFLICT');
});

test('all that a cluster had is found and removed once its row is lost, and stays while the row is there', async () => {
  const lost = await world.makeCluster('lost', { nodeCount: 1, overrides: { rootVolume: { sizeGiB: 20 } } });
  await world.idle();
  // As in a database that was restored from a backup of another time.
  const forget = (at: number | null) => world.write(`update clusters set deleted_at = ${at} where id = '${lost}'`);
  for (const table of ['nodes', 'node_groups']) world.write(`update ${table} set deleted_at = 1 where cluster_id = '${lost}'`);
  forget(1);
  await find();
  const found = await list({ clusterId: lost });
  expect([...new Set(found.map(({ kind }) => kind))].sort()).toEqual(
    ['namespace', 'network', 'port', 'router', 'security-group', 'server', 'server-group', 'volume'].sort(),
  );
  forget(null);
  const orphanIds = found.map(({ uuid }) => uuid);
  expect(await over(await start('removeOrphans', { orphanIds }))).toMatchObject({ state: 'SUCCEEDED' });
  expect(new Set((await list({ clusterId: lost })).map(({ state }) => state))).toEqual(new Set(['GONE']));
  forget(1);
  await find();
  // All is there still, and is the same to the list.
  expect((await list({ clusterId: lost })).map(({ uuid, state }) => [uuid, state])).toEqual(found.map(({ uuid }) => [uuid, 'FOUND']));
  expect(await over(await start('removeOrphans', { orphanIds }))).toMatchObject({ state: 'SUCCEEDED', problem: null });
  const ended = await list({ clusterId: lost });
  // A volume or port may go with its server.
  expect(ended.filter(({ state }) => state !== 'REMOVED' && state !== 'GONE')).toEqual([]);
  await find();
  expect(await list({ clusterId: lost, states: ['FOUND', 'FAILED', 'REMOVING'] })).toEqual([]);
  expect(world.rows(`select 1 from clusters where id = '${living}' and state = 'READY'`)).toHaveLength(1);
});

test('a removal goes on where it was after a restart, and what is refused is told and tried again', async () => {
  const [held, refused] = [await plant(), await plant()];
  await find();
  const fault = (id: string, status: number) => ({
    service: 'network',
    method: 'DELETE',
    path: `security-groups/${id}$`,
    kind: 'status',
    status,
  });
  await world.control('POST', 'faults', fault(held, 409));
  await world.control('POST', 'faults', fault(refused, 403));
  const operation = await start('removeOrphans', { orphanIds: [(await known(held)).uuid, (await known(refused)).uuid] });
  await until(async () => (await known(refused)).state === 'FAILED');
  await until(async () => (await stateOf(operation)).state === 'RUNNING');
  await world.restart();
  expect((await known(held)).state).toBe('REMOVING');
  await world.control('DELETE', 'faults');
  const ended = await over(operation);
  expect(ended).toMatchObject({ state: 'FAILED', problem: { message: expect.stringContaining(refused) } });
  expect((await known(held)).state).toBe('REMOVED');
  await start('retryOperation', { operationId: operation });
  await until(async () => (await stateOf(operation)).state === 'SUCCEEDED');
  expect((await known(refused)).state).toBe('REMOVED');
  expect(await Promise.all([held, refused].map(isThere))).toEqual([false, false]);
});

test('a network goes after the ports on it, and both are told', async () => {
  const made = (await (await call('POST', 'networks', { network: { name: 'n', description: descriptionFor(UNKNOWN) } })).json()) as {
    network: { id: string };
  };
  const port = (await (
    await call('POST', 'ports', { port: { name: 'p', network_id: made.network.id, description: descriptionFor(UNKNOWN) } })
  ).json()) as { port: { id: string } };
  await find();
  const orphanIds = [(await known(made.network.id)).uuid, (await known(port.port.id)).uuid];
  expect(await over(await start('removeOrphans', { orphanIds }))).toMatchObject({ state: 'SUCCEEDED' });
  expect((await known(made.network.id)).state).toBe('REMOVED');
  expect((await known(port.port.id)).state).toBe('REMOVED');
});

test("a namespace in a seed that belongs to no living cluster is found and removed; a living cluster's, and one without our marks, never", async () => {
  const namespace = async (name: string, labels: object) => {
    const metadata = { name, labels, annotations: { 'seedbed.io/cluster-name': 'lost' } };
    return (
      (await world.seed.create({ apiVersion: 'v1', kind: 'Namespace', metadata } as Parameters<typeof world.seed.create>[0])).metadata
        .uid ?? ''
    );
  };
  const ours = (clusterId: string) => ({
    'app.kubernetes.io/managed-by': 'seedbed',
    'seedbed.io/cluster': clusterId,
    'seedbed.io/project': 'p1',
  });
  const [lost, second] = [await namespace('kc-lost', ours(UNKNOWN)), await namespace('kc-second', ours(living))];
  await namespace('kc-mine', { 'seedbed.io/cluster': UNKNOWN });
  const inSeed = async () => (await list({ states: ['FOUND'] })).filter(({ kind }) => kind === 'namespace');
  await find();
  expect(await inSeed()).toMatchObject([
    { externalId: lost, clusterId: UNKNOWN, clusterName: 'lost', projectId: 'p1', reason: 'CLUSTER_UNKNOWN', state: 'FOUND' },
  ]);
  const { orphans } = await world.ask<{ orphans: { nodes: { seed: { name: string } | null }[] } }>(
    world.admin,
    '{ orphans(first: 100, filter: { projectId: "p1" }) { nodes { seed { name } } } }',
  );
  expect(orphans.nodes).toEqual([{ seed: { name: 'seed' } }]);
  // Another of its name since then is another's.
  await world.seed.remove({ apiVersion: 'v1', kind: 'Namespace', name: 'kc-lost' });
  await until(async () => (await world.seed.get({ apiVersion: 'v1', kind: 'Namespace', name: 'kc-lost' })) === undefined);
  const again = await namespace('kc-lost', ours(UNKNOWN));
  await over(await start('removeOrphans', { orphanIds: [(await known(lost)).uuid] }));
  expect((await known(lost)).state).toBe('GONE');
  await find();
  expect(await over(await start('removeOrphans', { orphanIds: [(await known(again)).uuid] }))).toMatchObject({ state: 'SUCCEEDED' });
  expect((await known(again)).state).toBe('REMOVED');
  const names = (await world.seed.list({ apiVersion: 'v1', kind: 'Namespace' })).items.map(({ metadata }) => metadata.name);
  expect(names).toEqual(expect.arrayContaining(['kc-second', 'kc-mine']));
  expect(names).not.toContain('kc-lost');
  expect(second).not.toBe('');
});

test('a project that cannot be looked through fails the search and says which', async () => {
  await world.control('POST', 'faults', { service: 'network', method: 'GET', path: 'security-groups', kind: 'status', status: 403 });
  const { state, problem } = await find();
  expect(state).toBe('FAILED');
  expect(problem?.message).toMatch(/^Project \S+ could not be looked through: /);
});
