/** A world of its own for stories that cross the whole height: a sandbox that answers at once, a server, and how to speak to both. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { readConfig } from '../../src/config.ts';
import type { Handover } from '../../src/sandbox/handover.ts';
import { startServer } from '../../src/server.ts';
import { UNLIMITED } from '../api/unlimited.ts';
import { SANDBOX } from '../setup.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

/** What the configuration's reader takes beside the environment. */
export type Settings = NonNullable<Parameters<typeof readConfig>[1]>;

export interface Served {
  url: string;
  close(): Promise<void>;
}

export interface Story {
  sandbox: Handover;
  /** Tokens of Keystone: the cloud's administrator's, and that of a member of the project `sandbox`. */
  admin: string;
  member: string;
  /** The server that is asked; a story that starts another one puts it here. */
  served: Served;
  /** For a server of this world. */
  settings: Settings;
  dbPath: string;
  ask<T>(token: string, query: string, variables?: object): Promise<T>;
  /** Runs a mutation. Throws on a problem, with its code and message. */
  change<T>(token: string, name: string, input: object, fields: string): Promise<T>;
  /** Rows as SQLite has them. */
  rows<T>(sql: string): T[];
  /** The sandbox's control endpoint, such as `control('PUT', 'quotas/x', { port: 0 })`. */
  control<T>(method: string, path: string, body?: object): Promise<T>;
  /** Ends the server, runs `between`, and starts another on the same data. */
  restart(between?: () => void | Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** What each open story's world is at, for whoever waits in vain. */
const open = new Set<() => unknown>();
const SLOW_MS = 30_000;

/**
 * Asks again every 25 ms until there is an answer that is neither false nor nothing; throws after `seconds`. That it comes is asserted, not how soon: a
 * call that is cut off, or a lease that has to run out, takes its half a minute. What takes longer says on standard error where everybody stood then.
 */
export const until = async <T>(look: () => T | Promise<T>, seconds = 100): Promise<NonNullable<T>> => {
  const began = performance.now();
  let slow = false;
  for (;;) {
    const found = await Promise.resolve()
      .then(look)
      .catch(() => undefined);
    if (found !== undefined && found !== null && found !== false) return found;
    const waited = performance.now() - began;
    if (!slow && waited > SLOW_MS) {
      slow = true;
      for (const tell of open) console.error(`slow: ${look} ${JSON.stringify(tell())}`);
    }
    if (waited > seconds * 1000) throw new Error(`not in time: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};

const UNDONE = `select object_kind, object_id, name, state, message, observed_generation as generation, attempts from conditions
  where state not in ('DONE', 'REMOVED')`;
const WORK = 'select kind, id, due_at, lease_until, wake, attempts from work_items';
const LAST_EVENTS = 'select at, subject_kind, subject_name, step, state, message from events order by at desc limit 20';

/** The server inside the test's own process. */
const serveHere = async (settings: Settings): Promise<Served> => {
  const server = await startServer(readConfig({}, settings));
  return { url: server.url, close: () => server.close(2_000) };
};

/** Brings up a story's world with the seed `seed` and the public template `small`, changed by `template`. */
export const openStory = async (
  given: { serve?: (settings: Settings) => Promise<Served>; settings?: Settings; template?: object; seeds?: number } = {},
): Promise<Story> => {
  const dir = mkdtempSync(join(tmpdir(), 'seedbed-story-'));
  const words = ['--data', dir, '--latency', '0', '--volatile', '--seeds', String(given.seeds ?? 1)];
  const child = spawn(process.execPath, [SANDBOX, ...words], { cwd: ROOT, stdio: 'ignore' });
  const sandbox = await until(() => JSON.parse(readFileSync(join(dir, 'sandbox.json'), 'utf8')) as Handover, 80);
  const { service } = sandbox.users;
  const settings: Settings = {
    listen: '127.0.0.1:0',
    data: join(dir, 'var'),
    keystoneUrl: sandbox.authUrl,
    keystoneUsername: service.username,
    keystonePassword: service.password,
    keystoneProject: service.projectName,
    seedsOnLoopback: true,
    logLevel: 'silent',
    ...UNLIMITED,
    ...given.settings,
  };
  const serve = given.serve ?? serveHere;
  const served = await serve(settings);
  const dbPath = join(dir, 'var', 'seedbed.db');
  const tell = () => [readRows(dbPath, UNDONE), readRows(dbPath, WORK), readRows(dbPath, LAST_EVENTS), Date.now()];
  open.add(tell);
  const world: Story = {
    sandbox,
    admin: await logIn(sandbox, 'admin'),
    member: await logIn(sandbox, 'member'),
    served,
    settings,
    dbPath,
    ask: (token, query, variables) => post(world.served.url, token, query, variables),
    change: async (token, name, input, fields) => payloadOf(await world.ask(token, mutationOf(name, fields), { input }), name),
    rows: (sql) => readRows(world.dbPath, sql),
    control: async (method, path, body) => {
      const answer = await fetch(`${sandbox.controlUrl}/${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
      if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
      return answer.json();
    },
    restart: async (between) => {
      await world.served.close();
      await between?.();
      world.served = await serve(settings);
    },
    close: async () => {
      open.delete(tell);
      await world.served.close();
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  const kubeconfig = readFileSync(sandbox.seeds[0]?.kubeconfigFile ?? '', 'utf8');
  await world.change(world.admin, 'registerSeed', { name: 'seed', kubeconfig }, 'seed { id }');
  const template = { name: 'small', visibility: 'PUBLIC', image: 'debian-12-node', flavor: 'm1.small', externalNetwork: 'public' };
  await world.change(world.admin, 'createClusterTemplate', { ...template, ...given.template }, 'clusterTemplate { id }');
  return world;
};

/** A token of Keystone's. */
const logIn = async ({ authUrl, users }: Handover, who: 'admin' | 'member'): Promise<string> => {
  const { username, password, projectName } = users[who];
  const domain = { name: 'Default' };
  const auth = {
    identity: { methods: ['password'], password: { user: { name: username, domain, password } } },
    scope: { project: { name: projectName, domain } },
  };
  const answer = await fetch(`${authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth }),
  });
  return answer.headers.get('x-subject-token') ?? '';
};

const post = async <T>(url: string, token: string, query: string, variables: object = {}): Promise<T> => {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': token },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await answer.json()) as { data: T; errors?: unknown };
  if (errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
};

const mutationOf = (name: string, fields: string): string => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  const result = `__typename ... on ${type}Payload { ${fields} } ... on Problem { code message field }`;
  return `mutation($input: ${type}Input!) { ${name}(input: $input) { ${result} } }`;
};

const payloadOf = <T>(data: Record<string, { code?: string; message?: string }>, name: string): T => {
  const result = data[name];
  if (result === undefined || result.code !== undefined) throw new Error(`${name}: ${JSON.stringify(result)}`);
  return result as T;
};

const readRows = <T>(path: string, sql: string): T[] => {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare(sql).all() as T[];
  } finally {
    db.close();
  }
};
