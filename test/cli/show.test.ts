/** What commands print for people: help, versions, lists and objects in full. */
import { readFileSync } from 'node:fs';
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

test('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  expect(await run(['--version'], {})).toEqual({ status: 0, out: `${version}\n`, err: '' });
});

test('the help says how to log in, and where the API is looked for', async () => {
  const { out } = await run(['--help'], {});
  for (const name of ['OS_CLOUD', 'OS_CLIENT_CONFIG_FILE', 'OS_AUTH_URL', 'OS_TOKEN', 'SEEDBED_URL', 'SEEDBED_CACERT', '--url'])
    expect(out).toContain(name);
});

test('the help of kubeconfig shows the options of what it does without a subcommand', async () => {
  for (const args of [['--help'], ['web', '--help']]) {
    const { out } = await run(['cluster', 'kubeconfig', ...args], {});
    for (const option of ['--role', '--ttl', '--file']) expect(out).toContain(option);
  }
});

test.each<[string, Record<string, string>, string[]]>([
  ['the API', { OS_TOKEN: 'ready', SEEDBED_URL: 'http://127.0.0.1:9' }, ['http://127.0.0.1:9/graphql', '--url or SEEDBED_URL']],
  [
    'Keystone',
    { OS_AUTH_URL: 'http://127.0.0.1:9/v3', OS_USER_ID: 'u', OS_PASSWORD: 'p' },
    ['http://127.0.0.1:9/v3', 'Keystone by OS_AUTH_URL or clouds.yaml', 'npm start'],
  ],
])('%s that does not answer is named with its address, and where that comes from', async (_what, environment, told) => {
  const { status, err } = await run(['cluster', 'list'], environment);
  expect(status).toBe(1);
  for (const text of told) expect(err).toContain(text);
});

const HOUR = 3_600_000;
const operation = (uuid: string, kind: string, hoursAgo: number, name: string, problem: object | null = null) => ({
  ...{
    uuid,
    kind,
    targetKind: 'CLUSTER',
    state: 'SUCCEEDED',
    percent: 100,
    requestedBy: 'ada',
    finishedAt: null,
    requestId: null,
    problem,
  },
  ...{ requestedAt: new Date(Date.now() - hoursAgo * HOUR).toISOString(), cluster: { uuid: name, name } },
});
const pageInfo = { hasNextPage: false, endCursor: null };

test('operations of all clusters stand newest first; those of one are asked for by its name', async () => {
  const web = { operations: { nodes: [operation('o3', 'UPDATE_CLUSTER', 1, 'web'), operation('o1', 'CREATE_CLUSTER', 9, 'web')] } };
  const shop = { operations: { nodes: [operation('o2', 'CREATE_CLUSTER', 5, 'shop', { message: 'No room.' })] } };
  const all = await withApi(() => ({ body: { data: { clusters: { nodes: [web, shop], pageInfo } } } }), ['operation', 'list']);
  expect(all.out.split('\n').map((line) => line.split(/ {2,}/).slice(0, 3))).toEqual([
    ['ID', 'KIND', 'CLUSTER'],
    ['o3', 'UPDATE_CLUSTER', 'web'],
    ['o2', 'CREATE_CLUSTER', 'shop'],
    ['o1', 'CREATE_CLUSTER', 'web'],
    [''],
  ]);
  expect(all.out).toContain('No room.');
  await api?.close();
  const one = await withApi(() => ({ body: { data: { cluster: web } } }), ['operation', 'list', 'web', '--json']);
  expect(JSON.parse(one.out)).toMatchObject([{ uuid: 'o3' }, { uuid: 'o1' }]);
  expect(api?.asked[0]?.body.variables).toEqual({ name: 'web' });
  await api?.close();
  expect((await withApi(() => ({ body: { data: { cluster: null } } }), ['operation', 'list', 'web'])).status).toBe(4);
});

test('a template is shown by the names that a file has, its addons with it', async () => {
  const spec = {
    ...{ kubernetesVersion: 'v1.36.3', image: 'debian', flavor: 'small', dnsNameservers: ['9.9.9.9', '1.1.1.1'], rootVolume: null },
    controlPlane: { replicas: 3, etcd: { quotaGiB: 2 }, allowedCidrs: [] },
    addons: { coreDns: { replicas: 2 }, dashboard: { enabled: false, replicas: 1 }, metricsServer: { enabled: true, replicas: 1 } },
  };
  const clusterTemplate = { uuid: 't1', name: 'small', visibility: 'PUBLIC', revision: 4, createdAt: '', spec };
  const { out } = await withApi(() => ({ body: { data: { clusterTemplate } } }), ['template', 'show', 'small']);
  const shown = new Map(out.split('\n').map((line) => line.split(/ {2,}/) as [string, string]));
  expect(shown.get('dnsNameservers')).toBe('9.9.9.9, 1.1.1.1');
  expect(shown.get('controlPlane.etcd.quotaGiB')).toBe('2');
  expect(shown.get('controlPlane.allowedCidrs')).toBe('-');
  expect(shown.get('addons.metricsServer.replicas')).toBe('1');
  expect(shown.get('addons.dashboard.enabled')).toBe('false');
  expect(shown.has('addons.dashboard.replicas')).toBe(false);
});

const cluster = (controlPlane: object) => ({
  ...{ uuid: 'c1', name: 'web', state: 'READY', version: 'v1.36.3', endpoint: null, projectId: 'p', createdAt: '', createdBy: 'ada' },
  ...{
    generation: 2,
    observedGeneration: 2,
    unknownSince: null,
    pause: null,
    hibernation: null,
    controlPlaneMove: null,
    lastRestore: {
      backup: { name: 'web-20261128-0200-ab12' },
      requestedAt: '2026-11-28T02:42:00.000Z',
      requestedBy: 'ada',
      lostMinutes: 42,
      lostRevisions: 318,
    },
    nextBackupAt: null,
    nextMaintenance: null,
    nextHibernation: null,
    deletionProtection: false,
    lastEventNumber: 9,
    template: null,
    addons: [],
    bundles: [],
    conditions: [],
  },
  controlPlane: { replicas: 1, etcd: { members: [], alarms: [], quotaMiB: 1, diskAdvice: null } },
  spec: { controlPlane },
  ...{ nodeGroups: { nodes: [] }, nodes: { nodes: [], pageInfo }, operations: { nodes: [] } },
});

test.each<[object, [string, string][]]>([
  [
    { allowedCidrs: [], audit: { level: 'NONE', stdout: false, webhook: null }, issuers: [] },
    [
      ['allowed from', 'everywhere'],
      ['audit', 'NONE'],
      ['issuers', 'none'],
    ],
  ],
  [
    {
      allowedCidrs: ['203.0.113.0/24', '198.51.100.7/32'],
      audit: { level: 'METADATA', stdout: true, webhook: { url: 'https://audit.example.org' } },
      issuers: [{ url: 'https://login.example.org' }],
    },
    [
      ['allowed from', '203.0.113.0/24, 198.51.100.7/32'],
      ['audit', "METADATA, to the API server's log and https://audit.example.org"],
      ['issuers', 'https://login.example.org'],
    ],
  ],
])('a cluster says who gets in and what is written down: %j', async (controlPlane, told) => {
  const { out } = await withApi(() => ({ body: { data: { cluster: cluster(controlPlane) } } }), ['cluster', 'show', 'web']);
  expect(out).toMatch(/^restored +to backup web-20261128-0200-ab12, .* by ada; lost 42 minutes and at least 318 revisions$/m);
  for (const [name, value] of told) expect(out).toMatch(new RegExp(`^${name} +${value.replaceAll('.', '\\.')}$`, 'm'));
});

test('a move that was called off is told with the reason, to who may see it', async () => {
  const move = { phase: 'DONE', back: true, from: { name: 'north' }, to: { name: 'north' }, downtimeSeconds: null };
  const show = (refusal: string | null) => {
    const answer = { ...cluster({ allowedCidrs: [], audit: { level: 'NONE', stdout: false, webhook: null }, issuers: [] }) };
    return withApi(
      () => ({ body: { data: { cluster: { ...answer, controlPlaneMove: { ...move, refusal } } } } }),
      ['cluster', 'show', 'web'],
    );
  };
  expect((await show('Seed south has no room.')).out).toMatch(/^moved +called off: Seed south has no room\.$/m);
  await api?.close();
  expect((await show(null)).out).toMatch(/^moved +called off$/m);
});

test('what a deleted cluster left is a table with the reasons; of one that is not deleted nothing is known yet', async () => {
  const leftover = { fate: 'KEPT', service: 'VOLUME', kind: 'volume', name: 'data', externalId: 'v1', madeBy: 'CSI', reason: 'As asked.' };
  const unverified = [{ service: 'NETWORK', kind: 'router', reason: 'It did not answer.' }];
  const leakReport = { verifiedAt: '2026-01-01T00:00:00.000Z', clean: false, made: 9, deleted: 8, unverified };
  const first = { nodes: [leftover], pageInfo: { hasNextPage: true, endCursor: 'one' } };
  const last = { nodes: [{ ...leftover, name: 'logs', externalId: 'v2' }], pageInfo };
  const told = await withApi(
    ({ body }) => {
      const leftoversConnection = body.variables?.['after'] === 'one' ? last : first;
      return { body: { data: { cluster: { name: 'web', state: 'DELETED', leakReport: { ...leakReport, leftoversConnection } } } } };
    },
    ['cluster', 'leaks', 'web'],
  );
  expect(told).toMatchObject({ status: 0, err: '' });
  expect(told.out).toContain('8 of 9 things');
  for (const row of ['data +v1', 'logs +v2']) expect(told.out).toMatch(new RegExp(`^KEPT +volume +${row} +CSI +As asked\\.$`, 'm'));
  expect(told.out).toContain('Not verified: router. It did not answer.');
  await api?.close();
  const living = { cluster: { name: 'web', state: 'READY', leakReport: null } };
  const early = await withApi(() => ({ body: { data: living } }), ['cluster', 'leaks', 'web']);
  expect(early).toMatchObject({ status: 1, out: '' });
  expect(early.err).toContain('Cluster web is READY');
});

test('what clusters used is read page by page, and told by use', async () => {
  const used = (hours: number) => ({ workerVcpuHours: hours, controlPlaneVcpuHours: 0.5, volumeGiBHours: 0, addressHours: 1 });
  const row = (name: string, hours: number, deletedAt: string | null = null) => ({
    clusterId: `id-of-${name}`,
    name,
    projectId: 'blue',
    deletedAt,
    used: used(hours),
  });
  const first = { nodes: [row('web', 2), row('shop', 8)], pageInfo: { hasNextPage: true, endCursor: 'two' } };
  const last = { nodes: [row('cache', 4, '2026-01-02T00:00:00.000Z')], pageInfo };
  const period = { from: '2026-01-01T00:00:00.000Z', to: '2026-02-01T00:00:00.000Z' };
  const answer: Answer = ({ body }) => {
    const clustersConnection = body.variables?.['after'] === 'two' ? last : first;
    return { body: { data: { usage: { ...period, used: used(14), clusterCount: 3, clustersConnection } } } };
  };
  const { out } = await withApi(answer, ['usage', '--from', '2026-01-01', '--to', '2026-02-01']);
  expect(
    out
      .split('\n')
      .slice(2, 6)
      .map((line) => line.split(/ {2,}/).slice(0, 2)),
  ).toEqual([
    ['shop', '8'],
    ['cache (deleted, id-of-cache)', '4'],
    ['web', '2'],
    ['in all', '14'],
  ]);
});

test('what is to be kept goes with the deletion, and what cannot be meant is refused before anything is asked', async () => {
  const cluster = { uuid: 'c1', name: 'web', lastEventNumber: 3, nodes: { nodes: [], pageInfo } };
  const answer: Answer = ({ body }) => ({
    body: {
      data: body.query?.includes('mutation')
        ? { deleteCluster: { cluster, operation: operation('o1', 'DELETE_CLUSTER', 0, 'web') } }
        : { cluster },
    },
  });
  const wishes = ['--keep-volumes', '--keep-load-balancers', '--keep-floating-ips', '--delete-snapshots', '--deadline', '15m'];
  await withApi(answer, ['cluster', 'delete', 'web', '--no-wait', ...wishes]);
  const sent = api?.asked.find(({ body }) => body.query?.includes('mutation'))?.body.variables?.['input'];
  const policy = { volumes: 'KEEP', loadBalancers: 'KEEP', floatingIps: 'KEEP', snapshots: 'DELETE', deadlineSeconds: 900 };
  expect(sent).toMatchObject({ clusterId: 'c1', policy });
  await api?.close();
  const both = await withApi(answer, ['cluster', 'delete', 'web', '--keep-volumes', '--delete-volumes']);
  expect(both.err).toContain('--keep-volumes and --delete-volumes exclude each other');
  expect(api?.asked.filter(({ body }) => body.query?.includes('mutation'))).toEqual([]);
});

test('whoami says who, where, and what is allowed', async () => {
  const viewer = {
    ...{ userName: 'rita', userDomainName: 'Default', projectId: 'p-1', projectName: 'blue', roles: ['reader'], isCloudAdmin: false },
    ...{ tokenExpiresAt: '2027-01-01T00:00:00.000Z', can: { readClusters: true, readUsage: true, deleteCluster: false } },
  };
  const { out } = await withApi(() => ({ body: { data: { viewer } } }), ['whoami']);
  expect(out).toBe(
    'rita@Default, in project blue (p-1)\nroles: reader; the token ends 2027-01-01T00:00:00.000Z\nmay: readClusters, readUsage\nmay not: deleteCluster\n',
  );
});
