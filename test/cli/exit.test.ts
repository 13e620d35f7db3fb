import { afterEach, expect, test } from 'vitest';
import { type Answer, type FakeApi, startFakeApi } from './fakeApi.ts';
import { run } from './run.ts';

let api: FakeApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

const withApi = async (answer: Answer, args: string[], tokens?: string[]) => {
  api = await startFakeApi(answer, tokens);
  return run(args, { SEEDBED_URL: api.url, OS_TOKEN: 'ready' });
};

const problem =
  (type: string, code: string, more: object = {}) =>
  () => ({
    body: { data: { createCluster: { __typename: type, code, message: `It is ${code}.`, field: ['name'], ...more } } },
  });

test.each([
  ['InvalidInputError', 'INVALID_INPUT', 2],
  ['InvalidInputError', 'UNSUPPORTED_VERSION', 2],
  ['ForbiddenError', 'FORBIDDEN', 3],
  ['NotFoundError', 'NOT_FOUND', 4],
  ['QuotaError', 'QUOTA_EXCEEDED', 5],
  ['ConflictError', 'NAME_TAKEN', 6],
  ['ConflictError', 'IDEMPOTENCY_MISMATCH', 6],
  ['UnavailableError', 'CLOUD_UNAVAILABLE', 1],
])('a %s with %s ends a command with its own status, a sentence on stderr and nothing on stdout', async (type, code, status) => {
  const ran = await withApi(problem(type, code), ['cluster', 'create', 'web', '--template', 'small']);
  expect(ran).toEqual({ status, out: '', err: `seedbed: It is ${code}. [<name>]\n` });
});

test('every quota says its figures, once', async () => {
  const quotas = [
    { resource: 'instances', used: 9, limit: 10, requested: 2 },
    { resource: 'port', used: null, limit: null, requested: 1 },
  ];
  const create = ['cluster', 'create', 'web', '--template', 'small'];
  const ran = await withApi(problem('QuotaError', 'QUOTA_EXCEEDED', { quotas }), create);
  expect(ran.err).toContain('(instances: 9 of 10 used, 2 more asked for; port: ? of ? used, 1 more asked for)');
  await api?.close();
  const told = await withApi(
    problem('QuotaError', 'QUOTA_EXCEEDED', { quotas: quotas.slice(0, 1), message: 'instances (9 of 10 used)' }),
    create,
  );
  expect(told.err).toBe('seedbed: instances (9 of 10 used) [<name>]\n');
});

test("no control character of an error's text reaches the terminal", async () => {
  const errors = [{ message: 'denied: \u001b]0;owned\u0007\u001b[2J', extensions: { code: 'FORBIDDEN' } }];
  const ran = await withApi(() => ({ status: 200, body: { errors } }), ['cluster', 'list']);
  expect(ran.err).toMatch(/^seedbed: denied: {2}\]0;owned {2}\[2J\n$/);
});

test('errors above the data keep their code and the request id', async () => {
  const errors = [{ message: 'No valid token.', extensions: { code: 'UNAUTHENTICATED', requestId: 'r-1' } }];
  const ran = await withApi(() => ({ status: 401, body: { errors } }), ['cluster', 'list']);
  expect(ran).toEqual({ status: 3, out: '', err: 'seedbed: No valid token. (request r-1)\n' });
});

test('an answer that is not GraphQL says so instead of breaking', async () => {
  const ran = await withApi(() => ({ status: 502, body: 'Bad gateway' }), ['cluster', 'list']);
  expect(ran.status).toBe(1);
  expect(ran.err).toContain('HTTP 502');
});

test('nobody there is a failure that names the address', async () => {
  const ran = await run(['cluster', 'list'], { SEEDBED_URL: 'http://127.0.0.1:9/graphql', OS_TOKEN: 'ready' });
  expect(ran.status).toBe(1);
  expect(ran.err).toContain('http://127.0.0.1:9/graphql cannot be reached');
});

test('an object that is null is not found', async () => {
  const ran = await withApi(() => ({ body: { data: { cluster: null } } }), ['cluster', 'show', 'web']);
  expect(ran).toEqual({ status: 4, out: '', err: 'seedbed: Cluster web was not found.\n' });
});

test('an interrupted command says so', async () => {
  api = await startFakeApi(() => ({ body: {} }));
  const ran = await run(['cluster', 'list'], { SEEDBED_URL: api.url, OS_TOKEN: 'ready' }, { signal: AbortSignal.abort() });
  expect(ran).toEqual({ status: 130, out: '', err: 'seedbed: Interrupted.\n' });
});

test.each([
  [[], 2],
  [['no-such-noun'], 2],
  [['cluster', 'create', 'web'], 2],
  [['cluster', 'create', 'web', '--template', 't', '--nodes', '-1'], 2],
  [['cluster', 'create', 'web', '--template', 't', '--timeout', 'soon'], 2],
  [['cluster', 'create', 'web', '--template', 't', '--label', 'novalue'], 2],
  [['cluster', 'kubeconfig', 'web', '--no-such-option'], 2],
  [['cluster', 'list', '--url', 'ftp://x'], 2],
  [['seed', 'register', 's', '--kubeconfig', '/nonexistent'], 2],
  [['seed', 'update', 's'], 2],
  [['--help'], 0],
  [['cluster', 'create', '--help'], 0],
])('usage: %j ends with %i', async (args, status) => {
  expect((await run(args, { OS_TOKEN: 'ready' })).status).toBe(status);
});

test('the help lists every status', async () => {
  const { out } = await run(['--help'], {});
  for (const status of [0, 1, 2, 3, 4, 5, 6, 7, 130]) expect(out).toMatch(new RegExp(`^ {2}${status} +\\w`, 'm'));
});
