/** A whole fleet at once on the sandbox, asked for through the public API: real processes, real HTTP, one machine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { percentile, type Row } from './report.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const PORT = 4_590;
const NODES = 3;
const GIVE_UP_MS = 240_000;
const AT_ONCE = 32;

interface Login {
  username: string;
  password: string;
  projectName: string;
  userDomainName: string;
}
interface Handover {
  authUrl: string;
  seeds: { kubeconfigFile: string }[];
  users: Record<'admin' | 'member' | 'service', Login>;
}

export const benchFleet = async (count: number): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), 'seedbed-fleet-'));
  const sandbox = spawn(process.execPath, [`${ROOT}dist/sandbox/main.js`, '--data', dir, '--latency', '0', '--volatile'], {
    stdio: 'ignore',
  });
  let server: ChildProcess | null = null;
  try {
    const world = await until(() => JSON.parse(readFileSync(join(dir, 'sandbox.json'), 'utf8')) as Handover);
    server = startServer(dir, world);
    return await measure(world, server, sandbox, count);
  } finally {
    server?.kill('SIGTERM');
    sandbox.kill('SIGTERM');
    rmSync(dir, { recursive: true, force: true });
  }
};

const startServer = (dir: string, { authUrl, users: { service } }: Handover): ChildProcess =>
  spawn(process.execPath, [`${ROOT}dist/main.js`, 'serve'], {
    stdio: 'ignore',
    env: {
      SEEDBED_DATA: join(dir, 'var'),
      SEEDBED_LISTEN: `127.0.0.1:${PORT}`,
      SEEDBED_KEYSTONE_URL: authUrl,
      SEEDBED_KEYSTONE_USERNAME: service.username,
      SEEDBED_KEYSTONE_PASSWORD: service.password,
      SEEDBED_KEYSTONE_USER_DOMAIN: service.userDomainName,
      SEEDBED_KEYSTONE_PROJECT: service.projectName,
      SEEDBED_SEEDS_ON_LOOPBACK: '1',
      SEEDBED_LOG_LEVEL: 'error',
    },
  });

const measure = async (world: Handover, server: ChildProcess, sandbox: ChildProcess, count: number): Promise<Row[]> => {
  const admin = await login(world.authUrl, world.users.admin);
  const member = await login(world.authUrl, world.users.member);
  const seed = { name: 'bench', kubeconfig: readFileSync(world.seeds[0]?.kubeconfigFile ?? '', 'utf8') };
  await until(() =>
    ask(admin, 'mutation($input: RegisterSeedInput!) { result: registerSeed(input: $input) { __typename } }', { input: seed }),
  );
  await until(
    async () =>
      ((await ask(admin, '{ seed(name: "bench") { state } }')) as { seed: { state: string } }).seed.state === 'READY' || undefined,
  );
  const template = { name: 'bench', image: 'debian-12-node', flavor: 'm1.small', externalNetwork: 'public', visibility: 'PUBLIC' };
  await ask(admin, 'mutation($input: CreateClusterTemplateInput!) { createClusterTemplate(input: $input) { __typename } }', {
    input: template,
  });

  const began = performance.now();
  const answers: number[] = [];
  const names = Array.from({ length: count }, (_, i) => `c${i}`);
  const worker = async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const asked = performance.now();
      const input = { name, clusterTemplate: 'bench', nodeCount: NODES };
      await ask(member, 'mutation($input: CreateClusterInput!) { createCluster(input: $input) { __typename } }', { input });
      answers.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const acknowledgedMs = performance.now() - began;
  let ready = 0;
  while (ready < count && performance.now() - began < GIVE_UP_MS) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    ready = await countReady(admin);
  }
  const seconds = (performance.now() - began) / 1000;
  const rss = rssMiB(server);
  return [
    {
      what: `createCluster acknowledged while reconciling, ${AT_ONCE} at once`,
      figure: `${Math.round(count / (acknowledgedMs / 1000))}/s`,
      goal: 'told only',
      met: null,
    },
    { what: 'createCluster answer, p99', figure: `${percentile(answers, 99).toFixed(0)} ms`, goal: 'told only', met: null },
    {
      what: `${count} clusters of 1 + ${NODES} READY`,
      figure: ready === count ? `${seconds.toFixed(0)} s` : `${ready} after ${seconds.toFixed(0)} s`,
      goal: '≤ 90 s for 1,000',
      met: ready === count && seconds <= (90 * count) / 1_000,
    },
    { what: 'resident memory of the server', figure: `${rss} MiB`, goal: '≤ 250 MiB', met: rss <= 250 },
    { what: 'resident memory of the sandbox', figure: `${rssMiB(sandbox)} MiB`, goal: 'told only', met: null },
  ];
};

const countReady = async (token: string): Promise<number> => {
  const query =
    'query($after: String) { clusters(filter: { states: [READY] }, first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes { uuid } } }';
  let ready = 0;
  for (let after: string | null = null, more = true; more; ) {
    const { clusters } = (await ask(token, query, { after })) as {
      clusters: { pageInfo: { hasNextPage: boolean; endCursor: string | null }; nodes: unknown[] };
    };
    ready += clusters.nodes.length;
    after = clusters.pageInfo.endCursor;
    more = clusters.pageInfo.hasNextPage;
  }
  return ready;
};

const rssMiB = (child: ChildProcess): number =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);

const login = async (authUrl: string, { username, password, projectName, userDomainName }: Login): Promise<string> => {
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
  return answer.headers.get('x-subject-token') ?? '';
};

const ask = async (token: string, query: string, variables: object = {}): Promise<unknown> => {
  const answer = await fetch(`http://127.0.0.1:${PORT}/graphql`, {
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
