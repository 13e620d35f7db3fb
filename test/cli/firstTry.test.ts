/** The first try as a user has it: processes of its own, from an empty folder to a READY cluster, twice. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';

const root = new URL('../..', import.meta.url).pathname;
const PROGRAM = ['--import', 'tsx', join(root, 'src', 'main.ts')];
const data = mkdtempSync(join(tmpdir(), 'first-try-'));
const children: ChildProcess[] = [];

const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(OS_|SEEDBED_)/.test(name)));

interface Running {
  child: ChildProcess;
  text(): string;
  /** Resolves once the text is there; rejects when the process ends without. */
  says(text: string): Promise<void>;
  ended: Promise<number | null>;
}

const start = (...more: string[]): Running => {
  const child = spawn(process.execPath, [...PROGRAM, 'start', '--port', '0', '--data', data, ...more], { cwd: root, env: clean });
  children.push(child);
  let text = '';
  const listeners = new Set<() => void>();
  const take = (chunk: Buffer) => {
    text += chunk.toString();
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  const says = (wanted: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!text.includes(wanted)) return;
        listeners.delete(look);
        resolve();
      };
      listeners.add(look);
      look();
      void ended.then(() => reject(new Error(`ended without "${wanted}":\n${text}`)));
    });
  return { child, text: () => text, says, ended };
};

/** The process that sandbox.json names, while there is such a file and such a process. */
const runningSandbox = (): number | null => {
  try {
    const { pid } = JSON.parse(readFileSync(join(data, 'sandbox', 'sandbox.json'), 'utf8')) as { pid: number };
    process.kill(pid, 0);
    return pid;
  } catch {
    return null;
  }
};

const seedbed = (url: string, cloud: string, ...args: string[]): Promise<{ status: number; out: string; err: string }> =>
  new Promise((resolve) => {
    const env = { ...clean, SEEDBED_URL: url, OS_CLOUD: cloud, OS_CLIENT_CONFIG_FILE: join(data, 'sandbox', 'clouds.yaml') };
    execFile(process.execPath, [...PROGRAM, ...args], { cwd: root, env }, (error, out, err) =>
      resolve({ status: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err }),
    );
  });

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  const left = runningSandbox();
  if (left !== null) process.kill(left, 'SIGKILL');
  rmSync(data, { recursive: true, force: true });
});

test('--once: from nothing to READY, in lines, and nothing is left running', { timeout: 90_000 }, async () => {
  const first = start('--once');
  expect([await first.ended, first.text()]).toEqual([0, expect.stringContaining('Cluster hello is READY')]);
  expect(first.text()).toContain('No cloud is configured');
  expect(first.text()).toMatch(/\d\d:\d\d:\d\d .*done +Start the API server/);
  expect(first.text()).not.toContain('\u001b');
  expect(runningSandbox()).toBe(null);
});

test('a second start resumes, serves the command line, and outlives a killed server', { timeout: 240_000 }, async () => {
  const second = start();
  await second.says('Ctrl-C ends it');
  expect(second.text()).not.toContain('Create cluster');
  const url = /serves (\S+\/graphql)/.exec(second.text())?.[1] ?? '';

  const clusters = await seedbed(url, 'sandbox-member', 'cluster', 'list', '--json');
  expect(JSON.parse(clusters.out)).toMatchObject([{ name: 'hello', state: 'READY' }]);
  expect(JSON.parse((await seedbed(url, 'sandbox-admin', 'seed', 'list', '--json')).out)).toHaveLength(1);
  expect(JSON.parse((await seedbed(url, 'sandbox-member', 'template', 'list', '--json')).out)).toHaveLength(1);

  const resized = await seedbed(url, 'sandbox-member', 'nodegroup', 'resize', 'hello', 'default-worker', '--count', '1', '--json');
  expect([resized.status, JSON.parse(resized.out)]).toMatchObject([0, { count: 1, state: 'READY' }]);
  const bounds = ['--min', '1', '--max', '4', '--json'];
  const bounded = await seedbed(url, 'sandbox-member', 'nodegroup', 'autoscale', 'hello', 'default-worker', ...bounds);
  expect([bounded.status, JSON.parse(bounded.out)]).toMatchObject([0, { count: 1, minCount: 1, maxCount: 4 }]);
  const unbounded = await seedbed(url, 'sandbox-member', 'nodegroup', 'autoscale', 'hello', 'default-worker', '--no-max', '--json');
  expect([unbounded.status, JSON.parse(unbounded.out)]).toMatchObject([0, { minCount: 1, maxCount: null }]);
  const more = ['--count', '0', '--server-group-policy', 'NONE', '--cloud-init', join(data, 'more.yaml'), '--json'];
  writeFileSync(join(data, 'more.yaml'), 'packages: [nfs-common]\n');
  const added = await seedbed(url, 'sandbox-member', 'nodegroup', 'create', 'hello', 'more', ...more);
  expect([added.status, JSON.parse(added.out)]).toMatchObject([0, { name: 'more', count: 0, state: 'READY' }]);
  const dropped = await seedbed(url, 'sandbox-member', 'nodegroup', 'delete', 'hello', 'more', '--json');
  expect([dropped.status, JSON.parse(dropped.out)]).toMatchObject([0, { name: 'more', deleted: true }]);
  const kept = await seedbed(url, 'sandbox-member', 'backup', 'create', 'hello', '--json');
  expect([kept.status, JSON.parse(kept.out)]).toMatchObject([0, { state: 'READY' }]);
  const watched = await seedbed(url, 'sandbox-member', 'cluster', 'watch', 'hello', '--json');
  const numbers = watched.out
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { number: number }).number);
  expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  const kubeconfig = await seedbed(url, 'sandbox-member', 'cluster', 'kubeconfig', 'hello');
  expect(kubeconfig.out).toContain('client-certificate-data');
  expect((await seedbed(url, 'sandbox-other', 'cluster', 'show', 'hello')).status).toBe(4);
  expect((await seedbed(url, 'sandbox-reader', 'cluster', 'delete', 'hello')).status).toBe(3);
  const late = await seedbed(url, 'sandbox-member', 'cluster', 'create', 'late', '--template', 'small', '--timeout', '0.05s');
  expect([late.status, late.err]).toEqual([7, expect.stringContaining('the operation goes on')]);

  const kubeconfigOfSeed = parse(readFileSync(join(data, 'sandbox', 'seed.kubeconfig'), 'utf8')) as { users: { user: object }[] };
  for (const entry of kubeconfigOfSeed.users) entry.user = { token: 'not-a-token' };
  writeFileSync(join(data, 'wrong.kubeconfig'), stringify(kubeconfigOfSeed));
  const wrong = await seedbed(url, 'sandbox-admin', 'seed', 'register', 'wrong', '--kubeconfig', join(data, 'wrong.kubeconfig'));
  expect([wrong.status, wrong.err]).toEqual([1, expect.stringContaining('does not accept the credential')]);
  expect(wrong.err).not.toContain('not-a-token');
  // Cordoning does not wait for a seed that cannot be used.
  expect((await seedbed(url, 'sandbox-admin', 'seed', 'cordon', 'wrong')).out).toMatch(/no, cordoned/);
  const right = ['--kubeconfig', join(data, 'sandbox', 'seed.kubeconfig'), '--priority-class', 'system-cluster-critical', '--weight', '7'];
  const mended = await seedbed(url, 'sandbox-admin', 'seed', 'update', 'wrong', ...right);
  expect([mended.status, mended.out]).toEqual([
    0,
    expect.stringMatching(/^state +READY[\s\S]*^priority class +system-cluster-critical[\s\S]*^weight +7$/m),
  ]);
  expect((await seedbed(url, 'sandbox-admin', 'seed', 'unregister', 'wrong')).status).toBe(0);

  second.child.kill('SIGKILL');
  await second.ended;
  expect(runningSandbox()).not.toBe(null);
  const third = start();
  await third.says('Ctrl-C ends it');
  expect(third.text()).toContain('The sandbox ran already');
  const again = /serves (\S+\/graphql)/.exec(third.text())?.[1] ?? '';
  for (const name of ['late', 'hello']) {
    expect(await seedbed(again, 'sandbox-member', 'cluster', 'delete', name)).toMatchObject({
      status: 0,
      out: `Cluster ${name} is deleted.\n`,
    });
  }
  third.child.kill('SIGINT');
  expect(await third.ended).toBe(0);
  expect(runningSandbox()).toBe(null);
});

test('a taken port is said in a sentence, and so is a data folder that is in use', { timeout: 60_000 }, async () => {
  const stranger = createServer().listen(0, '127.0.0.1');
  await once(stranger, 'listening');
  const { port } = stranger.address() as AddressInfo;
  const refused = start('--bare', '--port', String(port));
  expect([await refused.ended, refused.text()]).toEqual([1, expect.stringContaining(`Port ${port} is taken; choose another with --port.`)]);
  stranger.close();
  const one = start('--bare');
  await one.says('Ctrl-C ends it');
  const two = start('--bare');
  expect([await two.ended, two.text()]).toEqual([1, expect.stringContaining('Another Seedbed is at work on')]);
  expect(runningSandbox()).not.toBe(null);
  one.child.kill('SIGTERM');
  expect(await one.ended).toBe(0);
  expect(runningSandbox()).toBe(null);
});

test('a sandbox that was started by itself goes on by itself', { timeout: 240_000 }, async () => {
  const args = ['--import', 'tsx', join(root, 'src', 'sandbox', 'main.ts'), '--data', join(data, 'sandbox')];
  const sandbox = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(sandbox);
  await new Promise((resolve) => sandbox.stdout.once('data', resolve));
  const one = start('--bare');
  await one.says('goes on, and a second start resumes');
  one.child.kill('SIGINT');
  expect(await one.ended).toBe(0);
  expect(runningSandbox()).toBe(sandbox.pid);
});

test('beside a cloud that is configured, options of the first try are refused, not passed over', async () => {
  const env = { ...clean, SEEDBED_KEYSTONE_URL: 'http://127.0.0.1:9/v3' };
  const child = spawn(process.execPath, [...PROGRAM, 'start', '--port', '5000', '--bare'], { cwd: root, env });
  children.push(child);
  const [said, [status]] = await Promise.all([child.stderr.toArray(), once(child, 'close')]);
  expect([status, Buffer.concat(said).toString()]).toEqual([
    2,
    expect.stringMatching(/--port, --bare are for a first try .* SEEDBED_LISTEN/),
  ]);
});
