/** The world of a benchmark: a sandbox and a server as processes of their own, and how to speak to them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = new URL('../..', import.meta.url).pathname;
const PORT = 4_590;
/** Of loopback addresses, far from what other sandboxes on the machine take, so that a recorded certificate names an address of every round. */
const RANGE = 126;
export const SERVER_URL = `http://127.0.0.1:${PORT}`;

interface Login {
  username: string;
  password: string;
  userId: string;
  projectId: string;
  projectName: string;
  userDomainName: string;
}
export interface Handover {
  controlUrl: string;
  authUrl: string;
  seeds: { kubeconfigFile: string }[];
  users: Record<'admin' | 'member' | 'service', Login>;
}

export interface World {
  dir: string;
  sandbox: ChildProcess;
  server: ChildProcess;
  handover: Handover;
  /** Tokens. */
  admin: string;
  member: string;
}

export interface SandboxOptions {
  /** 0: answers come at once; 1: after as long as is plausible. */
  latency: number;
  /** The file in which the sandbox's calls are recorded (record.ts). */
  record?: string;
  /** Further variables of the server's. */
  settings?: Readonly<Record<string, string>>;
}

export interface SandboxAlone {
  dir: string;
  sandbox: ChildProcess;
  handover: Handover;
}

/** Starts a sandbox that keeps nothing; ends it after `work`. */
export const inSandbox = async <T>(options: SandboxOptions, work: (sandbox: SandboxAlone) => Promise<T>): Promise<T> => {
  const dir = mkdtempSync(join(tmpdir(), 'seedbed-bench-'));
  const recording = options.record === undefined ? [] : ['--import', 'tsx', '--import', `${ROOT}test/load/record.ts`];
  const sandbox = spawn(
    process.execPath,
    [
      ...recording,
      `${ROOT}dist/sandbox/main.js`,
      '--data',
      dir,
      '--latency',
      String(options.latency),
      '--range',
      String(RANGE),
      '--volatile',
    ],
    { stdio: 'ignore', env: { ...process.env, ...(options.record !== undefined && { SEEDBED_BENCH_RECORD: options.record }) } },
  );
  const end = () => sandbox.kill('SIGTERM');
  process.once('exit', end);
  try {
    const handover = await until(() => JSON.parse(readFileSync(join(dir, 'sandbox.json'), 'utf8')) as Handover);
    return await work({ dir, sandbox, handover });
  } finally {
    end();
    process.off('exit', end);
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
};

/** A sandbox and a server with a template `bench`; ends both after `work`. */
export const inWorld = <T>(work: (world: World) => Promise<T>, options: SandboxOptions = { latency: 0 }): Promise<T> =>
  inSandbox(options, async ({ dir, sandbox, handover }) => {
    const server = startServer(dir, handover, options.settings);
    const end = () => server.kill('SIGTERM');
    process.once('exit', end);
    try {
      const admin = await login(handover.authUrl, handover.users.admin);
      const member = await login(handover.authUrl, handover.users.member);
      const input = { name: 'bench', image: 'debian-12-node', flavor: 'm1.small', externalNetwork: 'public', visibility: 'PUBLIC' };
      const create = 'mutation($input: CreateClusterTemplateInput!) { createClusterTemplate(input: $input) { __typename } }';
      await until(() => ask(admin, create, { input }));
      return await work({ dir, sandbox, server, handover, admin, member });
    } finally {
      end();
      process.off('exit', end);
    }
  });

/** Registers the sandbox's seed and waits until it takes clusters. */
export const registerSeed = async ({ handover, admin }: World): Promise<void> => {
  const input = { name: 'bench', kubeconfig: readFileSync(handover.seeds[0]?.kubeconfigFile ?? '', 'utf8') };
  const register = 'mutation($input: RegisterSeedInput!) { result: registerSeed(input: $input) { __typename } }';
  await until(() => ask(admin, register, { input }));
  await until(async () => {
    const { seed } = (await ask(admin, '{ seed(name: "bench") { state } }')) as { seed: { state: string } };
    return seed.state === 'READY' || undefined;
  });
};

const startServer = (dir: string, handover: Handover, settings: Readonly<Record<string, string>> = {}): ChildProcess =>
  spawn(process.execPath, [...nodeOptions(), `${ROOT}dist/main.js`, 'serve'], {
    stdio: 'ignore',
    env: { SEEDBED_DATA: join(dir, 'var'), SEEDBED_LISTEN: `127.0.0.1:${PORT}`, ...settingsOf(handover), ...settings },
  });

/** Of every server, but for its place. */
export const settingsOf = ({ authUrl, users: { service } }: Handover): Record<string, string> => ({
  SEEDBED_KEYSTONE_URL: authUrl,
  SEEDBED_KEYSTONE_USERNAME: service.username,
  SEEDBED_KEYSTONE_PASSWORD: service.password,
  SEEDBED_KEYSTONE_USER_DOMAIN: service.userDomainName,
  SEEDBED_KEYSTONE_PROJECT: service.projectName,
  SEEDBED_SEEDS_ON_LOOPBACK: '1',
  SEEDBED_CLUSTERS_PER_PROJECT: '-1',
  SEEDBED_NODES_PER_PROJECT: '-1',
  SEEDBED_WORKER_VCPUS_PER_PROJECT: '-1',
  SEEDBED_CONTROL_PLANE_REPLICAS_PER_PROJECT: '-1',
  // As many as can be set, so that counting is measured, too.
  SEEDBED_ADDRESS_REQUESTS_PER_MINUTE: '1000000',
  SEEDBED_PROJECT_REQUESTS_PER_MINUTE: '1000000',
  SEEDBED_PROJECT_MUTATIONS_PER_MINUTE: '1000000',
  SEEDBED_LOG_LEVEL: 'error',
});

/** Options of Node for the server, such as SEEDBED_BENCH_NODE_OPTIONS="--cpu-prof --cpu-prof-dir=/tmp/profile". */
const nodeOptions = (): string[] => (process.env.SEEDBED_BENCH_NODE_OPTIONS ?? '').split(' ').filter(Boolean);

const readMetrics = async (): Promise<string> => (await fetch(`${SERVER_URL}/metrics`)).text();

/** Milliseconds by which the server's event loop was late since the last reading of any metric. */
export const readLoopDelayMs = async (): Promise<{ p99: number; max: number }> => {
  const text = await readMetrics();
  const of = (quantile: string) =>
    Number(new RegExp(`^seedbed_event_loop_delay_seconds\\{quantile="${quantile}"\\} (\\S+)$`, 'm').exec(text)?.[1]) * 1_000;
  return { p99: of('0.99'), max: of('1') };
};

/** The sum of a counter of the server over all labels that contain `label`. */
export const readCounter = async (name: string, label = ''): Promise<number> => {
  const text = await readMetrics();
  return [...text.matchAll(new RegExp(`^${name}\\{(.*)\\} (\\d+)$`, 'gm'))]
    .filter(([, labels]) => labels?.includes(label))
    .reduce((sum, [, , n]) => sum + Number(n), 0);
};

/** User and system time so far, in steps of a hundredth of a second. */
export const cpuSeconds = ({ pid }: { pid?: number | undefined }): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

export const rssMiB = (child: { pid?: number | undefined }): number =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);

/** Connections and what listens for them. */
export const countSockets = (child: ChildProcess): number =>
  readdirSync(`/proc/${child.pid}/fd`).filter((fd) => isSocket(`/proc/${child.pid}/fd/${fd}`)).length;

const isSocket = (path: string): boolean => {
  try {
    return readlinkSync(path).startsWith('socket:');
  } catch {
    // Closed meanwhile.
    return false;
  }
};

export const login = async (authUrl: string, { username, password, projectName, userDomainName }: Login): Promise<string> => {
  const domain = { name: userDomainName };
  const auth = {
    identity: { methods: ['password'], password: { user: { name: username, domain, password } } },
    scope: { project: { name: projectName, domain } },
  };
  const answer = await fetch(`${authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth }),
  });
  await answer.arrayBuffer();
  return answer.headers.get('x-subject-token') ?? '';
};

/** Tokens of so many users more, each a member of the member's project. */
export const makeMembers = async ({ handover: { authUrl, users } }: World, count: number): Promise<string[]> => {
  const keystone = await login(authUrl, users.admin);
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const headers = { 'content-type': 'application/json', 'x-auth-token': keystone };
    const answer = await fetch(`${authUrl}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    if (!answer.ok) throw new Error(`${method} ${path} of Keystone: ${answer.status}`);
    return answer.status === 204 ? null : answer.json();
  };
  const { roles } = (await call('GET', '/roles')) as { roles: { id: string; name: string }[] };
  const wanted = roles.filter(({ name }) => name === 'member' || name === 'reader');
  const tokens: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const [username, password] = [`bench-${i}`, `password of bench-${i}`];
    const { user } = (await call('POST', '/users', { user: { name: username, password, domain_id: 'default' } })) as {
      user: { id: string };
    };
    for (const { id } of wanted) await call('PUT', `/projects/${users.member.projectId}/users/${user.id}/roles/${id}`);
    tokens.push(await login(authUrl, { ...users.member, username, password, userId: user.id }));
  }
  return tokens;
};

export const ask = async (token: string, query: string, variables: object = {}): Promise<unknown> => {
  const answer = await fetch(`${SERVER_URL}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': token },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await answer.json()) as { data: unknown; errors?: { message: string }[] };
  if (errors !== undefined) throw new Error(errors[0]?.message);
  return data;
};

/** Asks again every 100 ms, at most 20 s, until there is an answer. */
const until = async <T>(look: () => T | Promise<T>): Promise<NonNullable<T>> => {
  for (let i = 0; ; i += 1) {
    try {
      const found = await look();
      if (found !== undefined && found !== null) return found;
    } catch (error) {
      if (i > 200) throw error;
    }
    if (i > 200) throw new Error('not in time');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};
