/** Broken workers are replaced: for each kind of trouble, one at a time, and not at all while too many are broken or nothing is known. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessOf, at, type Client, createClient, type Fields } from '../sandbox/kubernetes/client.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

/** Shorter than anybody may ask for, so that the stories are. */
const LIMIT_SECONDS = 3;
const LONGER_THAN_LIMIT_MS = 6_000;

let world: Living;
let tenant: Client;
let clusterId: string;
let groupId: string;

interface Row {
  id: string;
  name: string;
  state: string;
  server_id: string;
  trouble: string | null;
}
const liveNodes = () =>
  world.rows<Row>('select id, name, state, server_id, trouble from nodes where deleted_at is null order by created_at, name');
const heals = () =>
  world.rows<{ id: string; state: string; reason: string; requested_by: string }>(
    "select id, state, reason, requested_by from operations where kind = 'HEAL_NODE' order by requested_at",
  );
const condition = () =>
  world.rows<{ status: string; state: string; reason: string; message: string; waiting_for: string | null }>(
    `select status, state, reason, message, waiting_for from conditions where object_id = '${groupId}' and name = 'AutoHealing'`,
  )[0];
const kubelets = (names: readonly string[], running: boolean) =>
  world.control('POST', 'kubelets', { name: `^(${names.join('|')})$`, running });
const allReady = (count = 4) =>
  until(() => {
    const live = liveNodes();
    return (
      live.length === count && live.every(({ state, trouble }) => state === 'READY' && trouble === null) && condition()?.state === 'DONE'
    );
  });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const update = (overrides: object) => world.change(world.member, 'updateCluster', { clusterId, overrides }, 'operation { uuid }');
const sooner = () =>
  world.write(`update clusters set spec = json_set(spec, '$.healing.nodeLimitSeconds', ${LIMIT_SECONDS}) where id = '${clusterId}'`);
const events = (id: string, what: string) =>
  world.rows<{ message: string; number: number }>(
    `select message, number from events where subject_id = '${id}' and ${what} order by number`,
  );

/** Until `victim` is gone and the group is whole again; the operation that did it. */
const healed = async (victim: Row | undefined, before: number) => {
  await until(() => heals().length > before && !liveNodes().some(({ id }) => id === victim?.id));
  await allReady();
  const done = heals();
  expect(done).toHaveLength(before + 1);
  await until(() => heals()[before]?.state === 'SUCCEEDED');
  expect(done[before]).toMatchObject({ requested_by: 'auto-healing' });
  return heals()[before];
};

beforeAll(async () => {
  world = await openLiving({ drainSeconds: '15' });
  clusterId = await world.makeCluster('heal', {
    nodeCount: 4,
    overrides: { autoHealingEnabled: true, healing: { nodeLimitSeconds: 10 } },
  });
  sooner();
  groupId = world.rows<{ id: string }>('select id from node_groups')[0]?.id ?? '';
  const issued = await world.change<{ kubeconfig: string }>(world.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  tenant = createClient(accessOf(issued.kubeconfig));
  await allReady();
});
afterAll(async () => {
  tenant?.close();
  await world?.close();
});

test('a worker whose kubelet stops is replaced once its time is over, and that is told', async () => {
  const [victim] = liveNodes();
  const before = heals().length;
  await kubelets([victim?.name ?? ''], false);
  const shown = await until(() => (condition()?.state === 'WAITING' ? condition() : null));
  expect(shown.message).toContain(`node ${victim?.name} to come back by itself until `);
  const operation = await healed(victim, before);
  expect(operation?.reason).toMatch(new RegExp(`^Node ${victim?.name} is not Ready since 20\\S+Z\\.$`));
  expect(events(groupId, "step = 'AutoHealing' and state = 'RUNNING'").at(-1)?.message).toBe(
    `${operation?.reason} Another takes its place.`,
  );
  expect(events(victim?.id ?? '', "step = 'Drained'").at(-1)?.message).toMatch(/not Ready/);
});

const member = async (path: string, init: RequestInit) => {
  const { authUrl, users } = world.sandbox;
  const user = users.member;
  const domain = { name: 'Default' };
  const auth = {
    identity: { methods: ['password'], password: { user: { name: user.username, domain, password: user.password } } },
    scope: { project: { name: user.projectName, domain } },
  };
  const login = await fetch(`${authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth }),
  });
  const { token } = (await login.json()) as { token: { catalog: { type: string; endpoints: { interface: string; url: string }[] }[] } };
  const url = token.catalog.find(({ type }) => type === 'compute')?.endpoints.find((e) => e.interface === 'public')?.url;
  return fetch(`${url}/${path}`, { ...init, headers: { 'x-auth-token': login.headers.get('x-subject-token') ?? '' } });
};

test('a worker whose server is deleted behind our back is replaced', async () => {
  const [victim] = liveNodes();
  const before = heals().length;
  expect((await member(`servers/${victim?.server_id}`, { method: 'DELETE' })).status).toBe(204);
  const operation = await healed(victim, before);
  expect(operation?.reason).toContain(`Node ${victim?.name} has lost its server, which was deleted in the cloud since `);
});

test('a worker whose server falls into ERROR is replaced', async () => {
  const [victim] = liveNodes();
  const before = heals().length;
  await world.control('POST', 'failedServers', { name: victim?.name });
  const operation = await healed(victim, before);
  expect(operation?.reason).toContain('has a server in ERROR (The host of this server has failed.)');
});

test('a worker that reports a permanent problem is replaced: another is ready before it goes', async () => {
  const [victim] = liveNodes();
  const before = heals().length;
  const path = `/api/v1/nodes/${victim?.name}`;
  const node = (await tenant.call('GET', path)).body;
  const now = new Date().toISOString().replace(/\.\d+/, '');
  const problem = { type: 'KernelDeadlock', status: 'True', reason: 'DockerHung', message: 'stuck', lastTransitionTime: now };
  const calm = { type: 'FrequentKubeletRestart', status: 'True', reason: 'Restarts', message: 'often', lastTransitionTime: now };
  const conditions = [...(at(node, 'status', 'conditions') as Fields[]), problem, calm];
  const patched = await tenant.call(
    'PATCH',
    `${path}/status`,
    { status: { conditions } },
    { 'content-type': 'application/merge-patch+json' },
  );
  expect(patched.status).toBe(200);
  const operation = await healed(victim, before);
  expect(operation?.reason).toContain(`Node ${victim?.name} reports KernelDeadlock since `);
  const young = liveNodes().at(-1);
  const number = (id: string | undefined, state: string) =>
    events(id ?? '', `step is null and state = '${state}'`)[0]?.number ?? Number.NaN;
  expect(number(young?.id, 'READY')).toBeLessThan(number(victim?.id, 'DELETED'));
});

test('while more workers are in trouble than may be, none is replaced; once fewer are, the rest is', async () => {
  const known = liveNodes();
  const before = heals().length;
  const [first, second, third] = known.map(({ name }) => name);
  await kubelets([first ?? '', second ?? '', third ?? ''], false);
  const brake = await until(() => (condition()?.reason === 'MassFailure' ? condition() : null));
  expect(brake).toMatchObject({ status: 'FALSE', state: 'WAITING' });
  await until(() => condition()?.message.includes('3 of 4 workers are in trouble at once, more than 40 %'));
  expect(JSON.parse(brake.waiting_for ?? '{}')).toMatchObject({ whoMustAct: 'CLOUD_ADMIN' });
  await pause(LONGER_THAN_LIMIT_MS);
  expect(liveNodes().map(({ id }) => id)).toEqual(known.map(({ id }) => id));
  expect(heals()).toHaveLength(before);
  await kubelets([second ?? '', third ?? ''], true);
  await healed(known[0], before);
  expect(liveNodes().map(({ name }) => name)).toEqual(expect.arrayContaining([second, third]));
});

test('after a mass failure that passes, everything is as it was', async () => {
  const known = liveNodes();
  const before = heals().length;
  await kubelets(
    known.map(({ name }) => name),
    false,
  );
  await until(() => condition()?.message.includes('4 of 4 workers are in trouble at once'));
  await pause(LONGER_THAN_LIMIT_MS);
  await kubelets(
    known.map(({ name }) => name),
    true,
  );
  await allReady();
  await pause(LONGER_THAN_LIMIT_MS);
  expect(liveNodes().map(({ id }) => id)).toEqual(known.map(({ id }) => id));
  expect(heals()).toHaveLength(before);
});

test('without automatic healing a broken worker is only shown; switched on, it is healed at once', async () => {
  await update({ autoHealingEnabled: false });
  await until(() => condition()?.state === 'REMOVED');
  const [victim] = liveNodes();
  const before = heals().length;
  expect((await member(`servers/${victim?.server_id}`, { method: 'DELETE' })).status).toBe(204);
  await until(() =>
    liveNodes()
      .find(({ id }) => id === victim?.id)
      ?.trouble?.includes('SERVER_LOST'),
  );
  await pause(LONGER_THAN_LIMIT_MS);
  const shown = await world.ask<{ cluster: { nodes: { nodes: { uuid: string; state: string; trouble: object | null }[] } } }>(
    world.member,
    'query($id: ID) { cluster(id: $id) { nodes(first: 9) { nodes { uuid state trouble { kind message } } } } }',
    { id: clusterId },
  );
  const message = 'has lost its server, which was deleted in the cloud';
  expect(shown.cluster.nodes.nodes.find(({ uuid }) => uuid === victim?.id)).toEqual({
    uuid: victim?.id,
    state: 'NOT_READY',
    trouble: { kind: 'SERVER_LOST', message },
  });
  const told = world.rows<{ message: string }>(
    `select message from conditions where object_id = '${victim?.id}' and name = 'ServerActive'`,
  )[0];
  expect(told?.message).toContain('you to replace it (replaceNode), or to switch autoHealingEnabled on');
  expect(heals()).toHaveLength(before);
  await update({ autoHealingEnabled: true });
  await healed(victim, before);
});
