/** A cluster's life on the sandbox: made, settled, resized, deleted; what a settled cluster costs, and what is left at the end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import type { Handover } from '../../src/sandbox/handover.ts';
import { type RunningServer, startServer } from '../../src/server.ts';

const root = new URL('../..', import.meta.url).pathname;
const dir = mkdtempSync(join(tmpdir(), 'seedbed-life-'));
const dbPath = join(dir, 'var', 'seedbed.db');
let sandbox: ChildProcess;
let world: Handover;
let server: RunningServer;
let member: string;
let clusterId: string;
let groupId: string;

const until = async <T>(look: () => T | Promise<T>): Promise<NonNullable<T>> => {
  for (let i = 0; ; i += 1) {
    const found = await Promise.resolve()
      .then(look)
      .catch(() => undefined);
    if (found !== undefined && found !== null && found !== false) return found;
    if (i > 400) throw new Error(`not in time: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

const login = async (who: 'admin' | 'member'): Promise<string> => {
  const { username, password, projectName } = world.users[who];
  const domain = { name: 'Default' };
  const auth = {
    identity: { methods: ['password'], password: { user: { name: username, domain, password } } },
    scope: { project: { name: projectName, domain } },
  };
  const answer = await fetch(`${world.authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth }),
  });
  return answer.headers.get('x-subject-token') ?? '';
};

const ask = async <T>(token: string, query: string, variables: object = {}): Promise<T> => {
  const answer = await fetch(server.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': token },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await answer.json()) as { data: T; errors?: unknown };
  if (errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
};
const change = <T>(token: string, name: string, input: object, fields: string): Promise<Record<string, T>> => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  return ask(
    token,
    `mutation($input: ${type}Input!) { ${name}(input: $input) { __typename ... on ${type}Payload { ${fields} } ... on Problem { code message } } }`,
    {
      input,
    },
  );
};
const query = <T>(sql: string): T[] => {
  const db = new Database(dbPath, { readonly: true });
  const rows = db.prepare(sql).all() as T[];
  db.close();
  return rows;
};
const stateIs = (table: string, state: string) =>
  until(() =>
    query<{ state: string; due: number }>(
      `select state, generation = observed_generation as due from ${table} where deleted_at is null or state = 'DELETED'`,
    ).every((r) => r.state === state),
  );
/** All that passes write, but for the work items themselves. */
const written = () =>
  ['conditions', 'events', 'inventory', 'operations', 'clusters', 'node_groups', 'nodes', 'secrets'].map((table) =>
    JSON.stringify(query(`select * from ${table} order by rowid`)),
  );
const counters = async (method = 'GET') =>
  (await (await fetch(`${world.controlUrl}/counters`, { method })).json()) as { writes: number; total: number };

beforeAll(async () => {
  sandbox = spawn(process.execPath, ['--import', 'tsx', `${root}src/sandbox/main.ts`, '--data', dir, '--latency', '0', '--volatile'], {
    cwd: root,
    stdio: 'ignore',
  });
  world = await until(() => JSON.parse(readFileSync(join(dir, 'sandbox.json'), 'utf8')) as Handover);
  const { service } = world.users;
  server = await startServer(
    readConfig(
      {},
      {
        listen: '127.0.0.1:0',
        data: join(dir, 'var'),
        keystoneUrl: world.authUrl,
        keystoneUsername: service.username,
        keystonePassword: service.password,
        keystoneProject: service.projectName,
        seedsOnLoopback: true,
        logLevel: 'silent',
      },
    ),
  );
  const admin = await login('admin');
  member = await login('member');
  await change(
    admin,
    'registerSeed',
    { name: 'seed', kubeconfig: readFileSync(world.seeds[0]?.kubeconfigFile ?? '', 'utf8') },
    'seed { id }',
  );
  const template = { name: 'small', visibility: 'PUBLIC', image: 'debian-12-node', flavor: 'm1.small', externalNetwork: 'public' };
  await change(admin, 'createClusterTemplate', template, 'clusterTemplate { id }');
});

afterAll(async () => {
  await server?.close(2_000);
  sandbox?.kill('SIGTERM');
  rmSync(dir, { recursive: true, force: true });
});

test('a cluster becomes READY, and its events are numbered without gaps', async () => {
  const made = await change<{ cluster: { uuid: string } }>(
    member,
    'createCluster',
    { name: 'life', clusterTemplate: 'small', nodeCount: 2 },
    'cluster { uuid }',
  );
  clusterId = made.createCluster?.cluster.uuid ?? '';
  await until(() => query<{ state: string }>('select state from clusters')[0]?.state === 'READY');
  expect(query('select seed_turn from clusters')).toEqual([{ seed_turn: 'DONE' }]);
  const numbers = query<{ number: number }>(`select number from events where stream_id = '${clusterId}' order by number`).map(
    (row) => row.number,
  );
  expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  expect(query("select 1 from secrets where name in ('callerToken', 'bootstrapToken')")).toEqual([]);
  groupId = query<{ id: string }>('select id from node_groups')[0]?.id ?? '';
});

test('a second pass over everything, looking in full, writes nothing: not here, not in the cloud, not in the seed', async () => {
  await until(() => query('select 1 from work_items where lease_until is not null or due_at < unixepoch() * 1000').length === 0);
  const before = written();
  await counters('DELETE');
  const db = new Database(dbPath);
  const { changes } = db.prepare('update work_items set due_at = 0').run();
  db.close();
  expect(changes).toBe(5);
  await until(() => query('select 1 from work_items where lease_until is not null or due_at < unixepoch() * 1000').length === 0);
  expect(written()).toEqual(before);
  expect(await counters()).toMatchObject({ writes: 0 });
  expect((await counters()).total).toBeGreaterThan(0);
});

test('a group grows and shrinks to what was asked for', async () => {
  for (const count of [3, 1]) {
    await change(member, 'resizeNodeGroup', { nodeGroupId: groupId, count }, 'nodeGroup { id }');
    await until(
      () =>
        query("select 1 from nodes where deleted_at is null and state = 'READY'").length === count &&
        query('select 1 from nodes where deleted_at is null').length === count,
    );
    await stateIs('clusters', 'READY');
  }
});

test('the tunnel is seen from both ends, can be given up on a living cluster, and comes back', async () => {
  const tunnel = () =>
    query<{ status: string; state: string }>("select status, state from conditions where name = 'TunnelReady'")[0] ?? {
      status: '',
      state: '',
    };
  expect(tunnel()).toEqual({ status: 'TRUE', state: 'DONE' });
  for (const [wanted, state] of [
    ['NONE', 'REMOVED'],
    ['KONNECTIVITY', 'DONE'],
  ]) {
    const overrides = { controlPlane: { tunnel: wanted } };
    await change(member, 'updateCluster', { clusterId, overrides }, 'cluster { id }');
    await until(() => tunnel().state === state);
    await stateIs('clusters', 'READY');
    const applied = query<{ kind: string }>(
      "select kind from inventory where service = 'CLUSTER' and kind = 'konnectivity' and state = 'PRESENT'",
    );
    expect(applied).toHaveLength(wanted === 'NONE' ? 0 : 3);
  }
});

test('a node that meets a used-up quota fails its operation in the words of the quota, and a retry goes on from there', async () => {
  const setPorts = (port: number) =>
    fetch(`${world.controlUrl}/quotas/${world.users.member.projectId}`, { method: 'PUT', body: JSON.stringify({ port }) });
  await setPorts(0);
  const asked = await change<{ operation: { id: string } }>(
    member,
    'resizeNodeGroup',
    { nodeGroupId: groupId, count: 2 },
    'operation { id }',
  );
  const newest = () =>
    query<{ state: string; problem: string }>('select state, problem from operations order by requested_at desc limit 1')[0];
  const failed = await until(() => (newest()?.state === 'FAILED' ? newest() : null));
  expect(JSON.parse(failed.problem)).toMatchObject({ code: 'QUOTA_EXCEEDED', retryable: false });
  await setPorts(500);
  await change(member, 'retryOperation', { operationId: asked.resizeNodeGroup?.operation.id }, 'operation { id }');
  await until(() => newest()?.state === 'SUCCEEDED');
  expect(query("select 1 from nodes where deleted_at is null and state = 'READY' and (fault is null or fault = 'null')").length).toBe(2);
});

test('a deletion leaves nothing of the cluster, in no service and not in the seed', async () => {
  await change(member, 'deleteCluster', { clusterId }, 'cluster { id }');
  await until(() => query<{ state: string }>('select state from clusters')[0]?.state === 'DELETED');
  const left = await (await fetch(`${world.controlUrl}/world`)).text();
  const { short_id } = query<{ short_id: string }>('select short_id from clusters')[0] ?? { short_id: '' };
  expect(left).not.toContain(`seedbed-${short_id}`);
  expect(left).not.toContain(clusterId);
  expect(query("select 1 from inventory where state <> 'GONE'")).toEqual([]);
  expect(query(`select 1 from secrets where owner_id = '${clusterId}'`)).toEqual([]);
});
