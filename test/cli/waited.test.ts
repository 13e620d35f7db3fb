/**
 * Each command that changes something is run with --wait against the whole of Seedbed over the sandbox. It is back when what it asked for is over, and not
 * before, with what has become of it. The commands come from the program's own table: one that has no place in this story fails the tests.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { freeAddress } from '../autoscaler/freeAddress.ts';
import { until } from '../reconcilers/story.ts';
import { type Living, openLiving } from '../reconcilers/world.ts';
import { listChanges, run } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'seedbed-waited-'));
const fileWith = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

let world: Living;
beforeAll(async () => {
  const address = await freeAddress();
  const packageKey = fileWith('packages.asc', '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZw\n-----END PGP PUBLIC KEY BLOCK-----\n');
  const packageRepository = 'https://packages.example.org/v{minor}/deb/';
  world = await openLiving({ backupListen: address, backupAddress: address, packageRepository, packageKey, cutOffSeconds: 1 }, {}, 2);
  await until(() => operations().every(({ state }) => state === 'SUCCEEDED'));
});
afterAll(async () => {
  await world?.close();
  rmSync(folder, { recursive: true, force: true });
});

const OLD = 'v1.35.4';
const NEW = 'v1.36.3';
const SHAPE = ['--image', 'debian-12', '--flavor', 'm1.small', '--kubernetes-version', OLD, '--external-network', 'public'];
const MACHINES = ['--image', 'debian-12', '--flavor', 'm1.medium', '--external-network', 'public', '--kubernetes-version', OLD];
const MANIFESTS = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: page, namespace: default }\n';

/** One value out of the database. */
const one = (sql: string): string => {
  const [row] = world.rows<Record<string, unknown>>(sql);
  if (row === undefined) throw new Error(`nothing: ${sql}`);
  return String(Object.values(row)[0]);
};
const worker = () => one("select n.name from nodes n join clusters c on c.id = n.cluster_id where c.name = 'web' and n.deleted_at is null");
const backup = () => one("select name from backups where reason = 'ON_DEMAND' and state = 'READY'");
const setPorts = (port: number) => world.control('PUT', `quotas/${world.sandbox.users.member.projectId}`, { port });
const seedFile = (at: number) => world.sandbox.seeds[at]?.kubeconfigFile ?? '';

/** The same kubeconfig with another's word for a token. */
const strangers = (kubeconfig: string): string => {
  const { users, ...rest } = parse(kubeconfig) as { users: { name: string }[] };
  return stringify({ ...rest, users: users.map(({ name }) => ({ name, user: { token: 'nobodys' } })) });
};

const signingRequest = (): string => {
  const [key, csr] = [join(folder, 'key'), join(folder, 'csr')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  execFileSync('openssl', ['req', '-new', ...curve, '-nodes', '-keyout', key, '-out', csr, '-subj', '/'], { stdio: 'ignore' });
  return csr;
};

/** What is marked with a cluster that nobody knows. */
const plantOrphan = async (): Promise<void> => {
  const description = 'Made by Seedbed for cluster lost (00000000-1111-4222-8333-444444444444)';
  const answer = await fetch(`${world.sandbox.authUrl.replace(/\/identity.*$/, '')}/network/v2.0/security-groups`, {
    method: 'POST',
    headers: { 'x-auth-token': world.admin, 'content-type': 'application/json' },
    body: JSON.stringify({ security_group: { name: 'left', description } }),
  });
  expect(answer.status).toBe(201);
};

interface Run {
  words: string;
  args(): string[];
  /** Of a cloud admin; a member's otherwise. */
  isAdmins?: true;
  /** What has to be so before. */
  first?(): Promise<unknown>;
  /** What it prints in the end, in part. */
  told: unknown;
  /** Its exit status; 0 without it. */
  status?: number;
  /** How what it begins may end, where it is not all alike. */
  ends?: string[];
}

/** Of one cloud, in turn: each finds what those before it have made. */
const RUNS: Run[] = [
  { words: 'template create', args: () => ['shape', ...SHAPE, '--visibility', 'PUBLIC'], isAdmins: true, told: { revision: 1 } },
  {
    words: 'quota set',
    args: () => [world.sandbox.users.member.projectId, '--clusters', '9'],
    isAdmins: true,
    told: { clusters: { limit: 9, isDefault: false } },
  },
  {
    words: 'bundle register',
    args: () => ['page', '--file', fileWith('page.yaml', MANIFESTS)],
    isAdmins: true,
    told: { name: 'page', revision: 1 },
  },
  { words: 'bundle update', args: () => ['page', '--description', 'Another.'], isAdmins: true, told: { description: 'Another.' } },
  { words: 'bundle delete', args: () => ['page'], isAdmins: true, told: { name: 'page' } },
  {
    words: 'cluster create',
    args: () => ['web', '--template', 'shape', '--nodes', '1'],
    told: { name: 'web', state: 'READY', runningVersion: OLD, nodes: { nodes: [{ state: 'READY' }] } },
  },
  { words: 'cluster update', args: () => ['web', '--deletion-protection'], told: { state: 'READY', deletionProtection: true } },
  { words: 'cluster pause', args: () => ['web', '--for', '1h'], told: { name: 'web', pause: { until: expect.any(String) } } },
  { words: 'cluster resume', args: () => ['web'], told: { name: 'web', pause: null } },
  { words: 'cluster kubeconfig issue', args: () => ['web'], told: { record: { state: 'ACTIVE' } } },
  {
    words: 'cluster kubeconfig revoke',
    args: () => ['web', one('select user_name from kubeconfigs')],
    told: [{ state: 'REVOKED' }],
  },
  { words: 'certificate sign', args: () => ['web', '--csr', signingRequest()], told: { record: { state: 'ACTIVE' } } },
  { words: 'nodegroup create', args: () => ['web', 'more', '--count', '1'], told: { name: 'more', count: 1, state: 'READY' } },
  { words: 'nodegroup resize', args: () => ['web', 'more', '--count', '2'], told: { name: 'more', count: 2, state: 'READY' } },
  {
    words: 'nodegroup autoscale',
    args: () => ['web', 'more', '--min', '1', '--max', '3'],
    told: { minCount: 1, maxCount: 3, state: 'READY' },
  },
  { words: 'nodegroup update', args: () => ['web', 'more', '--flavor', 'm1.medium'], told: { flavor: 'm1.medium', state: 'READY' } },
  { words: 'nodegroup delete', args: () => ['web', 'more'], told: { name: 'more', deleted: true } },
  { words: 'node replace', args: () => ['web', worker()], told: [{ state: 'READY' }] },
  {
    words: 'nodegroup resize',
    args: () => ['web', 'default-worker', '--count', '2'],
    first: () => setPorts(0),
    status: 5,
    told: /^seedbed: .*port/m,
  },
  {
    words: 'operation retry',
    args: () => [one("select id from operations where state = 'FAILED'")],
    first: () => setPorts(500),
    told: { kind: 'RESIZE_NODE_GROUP', state: 'SUCCEEDED', percent: 100, problem: null },
  },
  { words: 'nodegroup resize', args: () => ['web', 'default-worker', '--count', '1'], told: { count: 1, state: 'READY' } },
  { words: 'backup create', args: () => ['web'], told: { state: 'READY', verifiedAt: expect.any(String) } },
  { words: 'backup restore', args: () => [backup(), '--confirm-cluster-name', 'web'], told: { name: expect.any(String) } },
  { words: 'backup clone', args: () => [backup(), 'copy', '--node-count', '0'], told: { name: 'copy', state: 'READY' } },
  { words: 'cluster delete', args: () => ['copy'], told: { name: 'copy', deleted: true, leakReport: { clean: true } } },
  { words: 'backup delete', args: () => [backup()], told: { deleted: true } },
  { words: 'cluster rotate-encryption-key', args: () => ['web'], told: { name: 'web' } },
  { words: 'cluster rotate-credential', args: () => ['web', '--trust'], told: { name: 'web' } },
  { words: 'cluster rotate-certificates', args: () => ['web'], told: { name: 'web' } },
  {
    words: 'seed register',
    args: () => ['wrong', '--kubeconfig', fileWith('wrong.yaml', strangers(readFileSync(seedFile(1), 'utf8')))],
    isAdmins: true,
    status: 1,
    told: /^seedbed: .*does not accept the credential/m,
  },
  { words: 'seed unregister', args: () => ['wrong'], isAdmins: true, told: { name: 'wrong', deleted: true } },
  { words: 'seed register', args: () => ['second', '--kubeconfig', seedFile(1)], isAdmins: true, told: { name: 'second', state: 'READY' } },
  { words: 'seed update', args: () => ['second', '--weight', '7'], isAdmins: true, told: { state: 'READY', weight: 7 } },
  { words: 'seed register', args: () => ['twin', '--kubeconfig', seedFile(0)], isAdmins: true, told: { name: 'twin', state: 'READY' } },
  {
    words: 'cluster move',
    args: () => [one("select id from clusters where name = 'web'"), '--seed', 'twin'],
    isAdmins: true,
    status: 6,
    // The backup is made before the seed is looked at once more.
    ends: ['SUCCEEDED', 'CANCELLED'],
    told: /^seedbed: .*ask the administrators of the cloud\. .*both seeds are one Kubernetes cluster/m,
  },
  { words: 'seed unregister', args: () => ['twin'], isAdmins: true, told: { name: 'twin', deleted: true } },
  {
    words: 'cluster move',
    args: () => [one("select id from clusters where name = 'web'"), '--seed', 'second'],
    isAdmins: true,
    told: { name: 'web', state: 'READY', controlPlaneMove: { phase: 'DONE', to: { name: 'second' } } },
  },
  { words: 'seed cordon', args: () => ['second'], isAdmins: true, told: { state: 'READY', cordoned: true } },
  { words: 'seed uncordon', args: () => ['second'], isAdmins: true, told: { state: 'READY', cordoned: false } },
  { words: 'seed drain', args: () => ['second'], isAdmins: true, told: { state: 'READY', cordoned: true, usedClusters: 0 } },
  { words: 'seed unregister', args: () => ['second'], isAdmins: true, told: { name: 'second', deleted: true } },
  { words: 'cluster hibernate', args: () => ['web'], told: { state: 'HIBERNATED', nodes: { nodes: [] } } },
  { words: 'cluster wake', args: () => ['web'], told: { state: 'READY', nodes: { nodes: [{ state: 'READY' }] } } },
  {
    words: 'cluster upgrade',
    args: () => ['web', NEW],
    told: { state: 'READY', runningVersion: NEW, nodes: { nodes: [{ state: 'READY', kubeletVersion: NEW }] } },
  },
  { words: 'template update', args: () => ['shape', '--flavor', 'm1.medium'], isAdmins: true, told: { revision: 2 } },
  {
    words: 'cluster move-to-template',
    args: () => ['web'],
    told: { state: 'READY', templateRevision: { revision: 2 }, nodeGroups: { nodes: [{ flavor: 'm1.medium', state: 'READY' }] } },
  },
  { words: 'cluster delete', args: () => ['web', '--disable-deletion-protection'], told: { deleted: true, leakReport: { clean: true } } },
  { words: 'template delete', args: () => ['shape'], isAdmins: true, told: { name: 'shape' } },
  { words: 'orphans find', args: () => [], first: plantOrphan, isAdmins: true, told: [{ name: 'left', state: 'FOUND' }] },
  { words: 'orphans remove', args: () => [one('select id from orphans')], isAdmins: true, told: [{ name: 'left', state: 'REMOVED' }] },
  {
    words: 'seed create',
    args: () => ['made', ...MACHINES],
    isAdmins: true,
    told: { state: 'READY', lastProbe: { kubernetesVersion: OLD, schedulableNodes: 2 } },
  },
  {
    words: 'seed scale',
    args: () => ['made', '--workers', '2'],
    isAdmins: true,
    told: { state: 'READY', lastProbe: { schedulableNodes: 3 } },
  },
  {
    words: 'seed upgrade',
    args: () => ['made', NEW],
    isAdmins: true,
    told: { state: 'READY', lastProbe: { kubernetesVersion: NEW, kubeletVersions: [NEW] } },
  },
  { words: 'seed delete', args: () => ['made'], isAdmins: true, told: { name: 'made', deleted: true } },
];

interface Row {
  id: string;
  kind: string;
  state: string;
}
/** That somebody asked for: Seedbed's own, such as the moves of a drain, go on by themselves. */
const operations = () => world.rows<Row>('select id, kind, state from operations where reason is null');

test('every command that changes something has its place in the story', () => {
  expect([...new Set(RUNS.map(({ words }) => words))].sort()).toEqual(
    listChanges()
      .map(([words]) => words)
      .sort(),
  );
});

/** Those that begin an operation. */
const BEGINNERS = new Set(
  listChanges()
    .filter(([, command]) => command.options.some(({ long }) => long === '--timeout'))
    .map(([words]) => words),
);

test.each(RUNS.map((run) => [`${run.words} ends with ${run.status ?? 0}`, run] as const))(
  '%s when what it began is over',
  async (_title, { words, args, isAdmins, first, told, status = 0, ends = [status === 0 ? 'SUCCEEDED' : 'FAILED'] }) => {
    await first?.();
    const given = args();
    const before = operations().map(({ id }) => id);
    const begun = () => operations().filter(({ id }) => given.includes(id) || !before.includes(id));
    let seen: Row[] = [];
    const token = isAdmins === true ? world.admin : world.member;
    const line = [...words.split(' '), ...given, '--wait', '--json'];
    const ran = await run(line, { SEEDBED_URL: world.served.url, OS_TOKEN: token }, { heard: () => (seen = begun()) });
    // With nothing between: whatever it began is over in this very moment.
    if (status !== 0) seen = begun();
    expect([ran.status, ran.err]).toEqual([
      status,
      status === 0 ? expect.not.stringMatching(/^seedbed: /m) : expect.stringMatching(told as RegExp),
    ]);
    if (status === 0) expect(JSON.parse(ran.out)).toMatchObject(told as object);
    else expect(ran.out).toBe('');
    expect(seen.filter(({ state }) => !ends.includes(state))).toEqual([]);
    if (BEGINNERS.has(words)) expect(seen).not.toEqual([]);
  },
);
