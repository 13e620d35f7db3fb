/** A refused input is told in the words of the command line: options, arguments, and lines of the file. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Answer, type FakeApi, startFakeApi } from './fakeApi.ts';
import { run } from './run.ts';

let api: FakeApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

const withApi = async (answer: Answer, args: string[]) => {
  api = await startFakeApi(answer);
  return run(args, { SEEDBED_URL: api.url, OS_TOKEN: 'ready' });
};

const fileWith = (text: string): string => {
  const path = join(mkdtempSync(join(tmpdir(), 'settings-')), 'web.yaml');
  writeFileSync(path, text);
  return path;
};

const cluster = {
  uuid: 'c1',
  name: 'web',
  nodes: { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } },
  nodeGroups: { nodes: [{ uuid: 'g1', name: 'workers' }] },
};

/** Queries find the cluster; each mutation answers this. */
const answering =
  (mutation: object): Answer =>
  ({ body }) =>
    body.query?.startsWith('mutation') === true ? { body: mutation } : { body: { data: { cluster, clusterTemplate: { uuid: 't1' } } } };

const refusing = (message: string, field: string[]) =>
  answering({ data: { answer: { __typename: 'InvalidInputError', code: 'INVALID_INPUT', message, field } } });

const create = ['cluster', 'create', 'web', '--template', 'small'];
test.each<[string, string[], string[], string]>([
  ['nodeCount: must be at most 1000.', ['nodeCount'], [...create, '--nodes', '1001'], '--nodes: must be at most 1000.'],
  ['name: must be a DNS label.', ['name'], create, '<name>: must be a DNS label.'],
  ['No seed has room.', ['seed'], create, 'No seed has room. [--seed]'],
  [
    'overrides.kubernetesVersion: v0 is not offered.',
    ['overrides', 'kubernetesVersion'],
    [...create, '--kubernetes-version', 'v0'],
    '--kubernetes-version: v0 is not offered.',
  ],
  ['ttlSeconds: must be at least 600.', ['ttlSeconds'], ['cluster', 'kubeconfig', 'web', '--ttl', '1s'], '--ttl: must be at least 10m.'],
  ['ttlSeconds: must be at most 86400.', ['ttlSeconds'], ['cluster', 'kubeconfig', 'web', '--ttl', '48h'], '--ttl: must be at most 24h.'],
  [
    'policy.deadlineSeconds: must be at least 45.',
    ['policy', 'deadlineSeconds'],
    ['cluster', 'delete', 'web', '--deadline', '5s'],
    '--deadline: must be at least 45s.',
  ],
  [
    'Cluster web is protected against deletion; if you mean it, repeat with disableDeletionProtection: true.',
    ['disableDeletionProtection'],
    ['cluster', 'delete', 'web'],
    'Cluster web is protected against deletion; if you mean it, repeat with --disable-deletion-protection.',
  ],
  ['Label "x" is not known.', ['labels', 'x'], [...create, '--label', 'x=1'], 'Label "x" is not known. [--label x]'],
  [
    'labels.etcd_volume_size of a living cluster cannot be changed.',
    ['labels', 'etcd_volume_size'],
    ['cluster', 'update', 'web', '--label', 'auto_healing_enabled=true', '--label', 'etcd_volume_size=9'],
    '--label etcd_volume_size of a living cluster cannot be changed.',
  ],
  [
    'Nothing is to change; give at least one field beside the id.',
    [],
    ['nodegroup', 'autoscale', 'web', 'workers'],
    'Nothing is to change; give any of the options that --help lists.',
  ],
  ['Cluster c1 was not found.', ['clusterId'], ['cluster', 'delete', 'web'], 'Cluster c1 was not found. [<cluster>]'],
  [
    'The group may have at most 3 nodes.',
    ['count'],
    ['nodegroup', 'resize', 'web', 'workers', '--count', '4'],
    'The group may have at most 3 nodes. [--count]',
  ],
  [
    'securityGroups: must be at most 10 security groups.',
    ['securityGroups'],
    ['nodegroup', 'create', 'web', 'gpu', '--security-group', 'a', '--security-group', 'b'],
    '--security-group: must be at most 10 security groups.',
  ],
  [
    '"swap" is not taken here.',
    ['cloudInit', 'swap'],
    ['nodegroup', 'create', 'web', 'gpu', '--cloud-init', fileWith('swap: {}')],
    '"swap" is not taken here. [--cloud-init]',
  ],
  [
    'minCount 4 must not be more than maxCount 3.',
    ['minCount'],
    ['nodegroup', 'autoscale', 'web', 'workers', '--min', '4'],
    '--min 4 must not be more than --max 3.',
  ],
])('%s %j of %j is told as %s', async (message, field, args, told) => {
  expect(await withApi(refusing(message, field), args)).toEqual({ status: 2, out: '', err: `seedbed: ${told}\n` });
});

test('a setting of a file is named with its file, and without what the API puts above it', async () => {
  const path = fileWith('controlPlane: { replicas: 2 }\nkubernetesVersion: v0\n');
  const field = ['overrides', 'controlPlane', 'replicas'];
  const file = await withApi(refusing('overrides.controlPlane.replicas: must be 1 or 3.', field), [
    'cluster',
    'update',
    'web',
    '--file',
    path,
  ]);
  expect(file.err).toBe(`seedbed: controlPlane.replicas in ${path}: must be 1 or 3.\n`);
  await api?.close();
  const option = await withApi(refusing('overrides.kubernetesVersion: no.', ['overrides', 'kubernetesVersion']), [
    ...create,
    ...['--file', path, '--kubernetes-version', 'v1'],
  ]);
  expect(option.err).toBe('seedbed: --kubernetes-version: no.\n');
});

/** As the API has it for whatever does not fit the schema. */
const unfit = answering({
  errors: [{ message: 'Variable "$input" is not valid.', extensions: { code: 'BAD_USER_INPUT', requestId: 'r' } }],
});
test.each([
  ['adons: {}', 'adons in FILE: there is no such setting; did you mean addons?'],
  ['controlPlane: { etcd: { qotaGiB: 3 } }', 'controlPlane.etcd.qotaGiB in FILE: there is no such setting; did you mean quotaGiB?'],
  ['controlPlane: { etcd: { wheels: 3 } }', /^controlPlane\.etcd\.wheels in FILE: there is no such setting; there are .*\bquotaGiB\b/],
  ['controlPlane: { replicas: three }', 'controlPlane.replicas in FILE: must be a whole number.'],
  ['controlPlane: 3', 'controlPlane in FILE: must hold settings by name.'],
  ['dnsNameservers: [9]', 'dnsNameservers.0 in FILE: must be text; numbers and dates in a file need quotes.'],
  ['volumeDriver: FLOPPY', /^volumeDriver in FILE: must be .*CINDER/],
  ['autoHealingEnabled: maybe', 'autoHealingEnabled in FILE: must be true or false.'],
  ['controlPlane: { issuers: [{ url: x }] }', 'controlPlane.issuers.0.audiences in FILE: is needed, and missing.'],
])('a file with %s is refused with what would be right', async (text, told) => {
  const path = fileWith(text);
  const { status, err } = await withApi(unfit, ['cluster', 'update', 'web', '--file', path]);
  const sentence = err.replace('seedbed: ', '').replace(path, 'FILE').replace(' (request r)\n', '');
  expect(status).toBe(2);
  if (typeof told === 'string') expect(sentence).toBe(told);
  else expect(sentence).toMatch(told);
});

test('options are refused alike, and what the types do not explain keeps the words of the API', async () => {
  const who = await withApi(unfit, ['template', 'create', 't', '--visibility', 'everybody']);
  expect(who.err).toBe('seedbed: --visibility: must be HIDDEN or PRIVATE or PUBLIC. (request r)\n');
  await api?.close();
  expect((await withApi(unfit, create)).err).toBe('seedbed: Variable "$input" is not valid. (request r)\n');
});

test('what a file may hold is listed as it is written there, also what there are options for', async () => {
  const path = fileWith('wheels: 3\n');
  const { err } = await withApi(unfit, [...create, '--file', path, '--flavor', 'm1.large']);
  expect(err).toContain('there is no such setting; there are');
  expect(err).toMatch(/, kubernetesVersion, /);
  expect(err).not.toContain('--kubernetes-version');
});

test.each([
  ['pause', '--until must be a time such as'],
  ['hibernate', '--until must be a time such as'],
])('%s until a time that is none is refused before it is sent', async (verb, told) => {
  const { status, err } = await withApi(answering({}), ['cluster', verb, 'web', '--until', 'yesterday']);
  expect([status, err]).toEqual([2, expect.stringContaining(told)]);
  expect(api?.asked.some(({ body }) => body.query?.startsWith('mutation'))).toBe(false);
});

test('a pause may be told in days', async () => {
  const before = Date.now();
  await withApi(refusing('Enough.', []), ['cluster', 'pause', 'web', '--for', '2d']);
  const { until } = inputOf() as { until: string };
  expect(Math.abs(Date.parse(until) - before - 2 * 86_400_000)).toBeLessThan(60_000);
});

test.each([
  [['--from', '2999-01-01'], '--from must be before now, which is the end unless --to says another.'],
  [['--from', '2026-01-02', '--to', '2026-01-01'], '--from must be before --to.'],
])('usage %j ends before it begins', async (period, told) => {
  expect(await withApi(answering({}), ['usage', ...period])).toEqual({ status: 2, out: '', err: `seedbed: ${told}\n` });
  expect(api?.asked).toEqual([]);
});

test('a file that is no YAML says where it breaks', async () => {
  const { status, err } = await run(['cluster', 'update', 'web', '--file', fileWith('a: [1\nb: 2\n')], { OS_TOKEN: 'ready' });
  expect([status, err]).toEqual([2, expect.stringMatching(/web\.yaml is not YAML: .*line \d/)]);
});

test.each([
  [['cluster', 'update', 'web'], '--deletion-protection'],
  [['template', 'update', 'small'], '--help'],
])('%j without any change is refused before it is sent', async (args, option) => {
  const { status, err } = await withApi(answering({}), args);
  expect([status, err]).toEqual([2, expect.stringMatching(`Nothing is to change: give --file.*${option}`)]);
  expect(api?.asked).toEqual([]);
});

const inputOf = () => api?.asked.map(({ body }) => body.variables?.['input']).find((input) => input !== undefined);

test('a cluster is created from a file, and options win over it', async () => {
  const path = fileWith('flavor: m1.tiny\ncontrolPlane: { replicas: 3 }\n');
  await withApi(refusing('Enough.', []), [...create, '--file', path, '--flavor', 'm1.large']);
  expect(inputOf()).toEqual({
    name: 'web',
    clusterTemplate: 'small',
    overrides: { flavor: 'm1.large', controlPlane: { replicas: 3 } },
  });
});

test('node groups of a file are made with the cluster, and what is wrong with one is told by its place in the file', async () => {
  const path = fileWith('flavor: m1.tiny\nnodeGroups:\n  - { name: gpu, count: 1, flavor: none }\n');
  const field = ['nodeGroups', '0', 'flavor'];
  const refused = await withApi(refusing('Flavor "none" is not there.', field), [...create, '--file', path]);
  expect(inputOf()).toEqual({
    ...{ name: 'web', clusterTemplate: 'small', overrides: { flavor: 'm1.tiny' } },
    nodeGroups: [{ name: 'gpu', count: 1, flavor: 'none' }],
  });
  expect(refused.err).toBe(`seedbed: Flavor "none" is not there. [nodeGroups.0.flavor in ${path}]\n`);
  await api?.close();
  const unknown = fileWith('nodeGroups: [{ name: gpu, flavour: m1.tiny }]\n');
  expect((await withApi(unfit, [...create, '--file', unknown])).err).toContain('nodeGroups.0.flavour in');
});

test('a template is updated by its id with a file and options, and may get a new name', async () => {
  const path = fileWith('flavor: m1.tiny\ncontrolPlane: { replicas: 3 }\n');
  const options = ['--file', path, '--etcd-volume-size', '8', '--name', 'medium', '--idempotency-key', 'k'];
  await withApi(refusing('Enough.', []), ['template', 'update', 'small', ...options]);
  expect(inputOf()).toEqual({
    clusterTemplateId: 't1',
    flavor: 'm1.tiny',
    controlPlane: { replicas: 3, etcd: { volumeSizeGiB: 8 } },
    name: 'medium',
    idempotencyKey: 'k',
  });
});
