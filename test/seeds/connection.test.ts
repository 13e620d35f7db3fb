import type { ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { SeedbedError } from '../../src/domain/errors.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { type Kubernetes, type KubernetesDeps, openKubernetes } from '../../src/seeds/connection.ts';
import type { KubernetesObject } from '../../src/seeds/kinds.ts';
import { type Api, json, makeCertificates, startApi } from './tlsServer.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const policy = { allowPrivate: true, allowLoopback: true };
const start = async (...parameters: Parameters<typeof startApi>): Promise<Api> => {
  const api = await startApi(...parameters);
  closers.push(api.close);
  return api;
};
const open = (access: KubernetesDeps['access'], rest: Partial<KubernetesDeps> = {}): Kubernetes => {
  const k = openKubernetes({ access, clock: systemClock, policy, ...rest });
  closers.push(k.close);
  return k;
};
const failure = async (promise: Promise<unknown>): Promise<SeedbedError> => {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof SeedbedError)) throw new Error(`no failure of ours: ${String(error)}`);
  return error;
};
const status = (code: number, message: string, more: object = {}) => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  message,
  ...more,
});
const configMap: KubernetesObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'n' }, data: { x: '1' } };
const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'n', name: 'a' };

test('an API that is busy for a moment is asked again, but for a create', async () => {
  let left = 0;
  const api = await start((_, response) => {
    left -= 1;
    json(response, left >= 0 ? 503 : 200, left >= 0 ? status(503, 'starting') : configMap);
  });
  const k = open(api.access, { random: () => 0 });
  for (const call of [() => k.get(ref), () => k.apply(configMap), () => k.remove(ref)]) {
    left = 2;
    await call();
    left = 3;
    expect(await failure(call())).toMatchObject({ code: 'SEED_UNAVAILABLE' });
  }
  expect(api.seen).toHaveLength(18);
  left = 1;
  expect(await failure(k.create(configMap))).toMatchObject({ code: 'SEED_UNAVAILABLE' });
  expect(api.seen).toHaveLength(19);
});

test.each([
  ['HTTP/2', false, 1],
  // And one to see that it speaks nothing newer.
  ['HTTP/1.1', true, 5],
])('50 calls at once over %s share few TLS connections, with the client certificate, and are counted', async (_, http1, connections) => {
  let [underWay, most] = [0, 0];
  const answer = (response: ServerResponse) => {
    underWay -= 1;
    json(response, 200, configMap);
  };
  const api = await start(
    (_, response) => {
      underWay += 1;
      most = Math.max(most, underWay);
      setTimeout(answer, 2, response);
    },
    { http1 },
  );
  const k = open(api.access);
  const calls: string[] = [];
  const counted = open(api.access, { onCall: ({ verb, resource, status: code }) => calls.push(`${verb} ${resource} ${code}`) });
  await Promise.all(Array.from({ length: 50 }, () => k.get(ref)));
  await k.get(ref);
  expect(api.connections()).toBeLessThanOrEqual(connections);
  expect(most).toBeLessThanOrEqual(4);
  expect(k.requests).toBe(51);
  expect(new Set(api.seen.map(({ clientName }) => clientName))).toEqual(new Set(['test-client']));
  await counted.get(ref);
  expect(calls).toEqual(['get configmaps 200']);
});

test('a token goes into the header, and only to the API itself: a redirect is an error', async () => {
  const elsewhere = await start((_, response) => json(response, 200, {}));
  const api = await start((_, response) => void response.writeHead(307, { location: `${elsewhere.access.server}/api` }).end(), {
    token: 'tok',
  });
  const k = open(api.access);
  for (const call of [() => k.get(ref), () => k.raw('/readyz'), () => k.apply(configMap)]) {
    const error = await failure(call());
    expect(error.code).toBe('SEED_REFUSED');
    expect(error.message).toContain('redirect');
  }
  expect(api.seen[0]?.headers.authorization).toBe('Bearer tok');
  expect(elsewhere.seen).toHaveLength(0);
});

test('apply, create and delete as the API expects them', async () => {
  const api = await start(({ method }, response) => json(response, method === 'DELETE' ? 404 : 200, configMap));
  const k = open(api.access);
  await k.apply(configMap);
  await k.create({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', namespace: 'n' } });
  expect(await k.remove(ref, { propagation: 'Foreground', uid: 'u1' })).toBe(false);
  const [apply, create, remove] = api.seen;
  expect(`${apply?.method} ${apply?.path}?${apply?.query}`).toBe('PATCH /api/v1/namespaces/n/configmaps/a?fieldManager=seedbed&force=true');
  expect(apply?.headers['content-type']).toBe('application/apply-patch+yaml');
  expect(JSON.parse(apply?.body ?? '')).toEqual(configMap);
  expect(`${create?.method} ${create?.path}`).toBe('POST /apis/apps/v1/namespaces/n/deployments');
  expect(JSON.parse(remove?.body ?? '')).toMatchObject({ propagationPolicy: 'Foreground', preconditions: { uid: 'u1' } });
});

test('a list reads all pages, and starts again in one piece when a page expires', async () => {
  let expire = false;
  const item = (name: string) => ({ metadata: { name } });
  const api = await start(({ query }, response) => {
    if (query.get('continue') === 'p2') {
      if (expire) return json(response, 410, status(410, 'expired'));
      return json(response, 200, { metadata: { resourceVersion: '9' }, items: [item('b')] });
    }
    if (query.get('limit') === null)
      return json(response, 200, { metadata: { resourceVersion: '11' }, items: [item('a'), item('b'), item('c')] });
    json(response, 200, { metadata: { resourceVersion: '9', continue: 'p2' }, items: [item('a')] });
  });
  const k = open(api.access);
  const query = { apiVersion: 'apps/v1', kind: 'Deployment', labelSelector: 'a=b,c', limit: 1 };
  expect(await k.list(query)).toEqual({
    resourceVersion: '9',
    items: ['a', 'b'].map((name) => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name } })),
  });
  expect(api.seen[1]?.query.get('labelSelector')).toBe('a=b,c');
  expire = true;
  const again = await k.list(query);
  expect(again.resourceVersion).toBe('11');
  expect(again.items).toHaveLength(3);
});

test("a customer's cluster cannot fill the memory with what it holds", async () => {
  // Ten pages of 8 MiB.
  const item = { metadata: { name: 'fat' }, data: { x: 'x'.repeat(8 * 1024 * 1024) } };
  const api = await start(({ query }, response) => {
    const page = Number(query.get('continue') ?? '1');
    json(response, 200, { metadata: { resourceVersion: '9', ...(page < 10 && { continue: String(page + 1) }) }, items: [item] });
  });
  const k = open(api.access, { subject: 'cluster' });
  const query = { apiVersion: 'v1', kind: 'Secret', limit: 1 };
  const error = await failure(k.list(query));
  expect(error).toMatchObject({ code: 'CLUSTER_UNAVAILABLE', detail: { whoMustAct: 'CUSTOMER' } });
  expect(error.message).toContain('secrets are more than 64 MiB');
  expect(api.seen.length).toBeLessThan(10);
  let pages = 0;
  for await (const page of k.pages(query)) {
    expect(page).toEqual([{ ...item, apiVersion: 'v1', kind: 'Secret' }]);
    pages += 1;
  }
  expect(pages).toBe(10);
});

test.each<[number, object, string, string | null, boolean, string]>([
  [401, status(401, 'Unauthorized'), 'SEED_REFUSED', 'CLOUD_ADMIN', false, 'credential'],
  [403, status(403, 'configmaps is forbidden: no'), 'SEED_REFUSED', 'CLOUD_ADMIN', false, 'patch configmaps: configmaps is forbidden: no'],
  [
    403,
    status(403, 'x', { details: { causes: [{ reason: 'NamespaceTerminating' }] } }),
    'SEED_UNAVAILABLE',
    null,
    true,
    'still being deleted',
  ],
  [404, status(404, 'namespaces "n" not found'), 'NOT_FOUND', 'CLOUD_ADMIN', false, 'namespace'],
  [409, status(409, 'modified'), 'CONFLICT', 'CLOUD_ADMIN', false, 'modified'],
  [422, status(422, 'data is invalid'), 'SEED_REFUSED', 'CLOUD_ADMIN', false, 'data is invalid'],
  [400, status(400, 'bad'), 'SEED_REFUSED', 'CLOUD_ADMIN', false, 'bad'],
  [429, status(429, 'too many'), 'SEED_UNAVAILABLE', null, true, '429'],
  [500, {}, 'SEED_UNAVAILABLE', null, true, '500'],
  [503, status(503, 'apiserver is shutting down'), 'SEED_UNAVAILABLE', null, true, 'shutting down'],
])('status %i becomes the right error', async (code, body, expected, who, retryable, words) => {
  const api = await start((_, response) => json(response, code, body, { 'retry-after': '7' }));
  const error = await failure(open(api.access).apply(configMap));
  expect(error.code).toBe(expected);
  expect(error.retryable).toBe(retryable);
  expect(error.message).toContain(words);
  if (who !== null) expect(error.toProblem().whoMustAct).toBe(who);
  if (code === 429) expect(error).toMatchObject({ retryAfterMs: 7000 });
});

test('for a customer cluster the code is its own, and a denial may pass, since roles appear while it starts', async () => {
  const api = await start(({ path }, response) => json(response, path.includes('secrets') ? 422 : 403, status(403, 'no')));
  const k = open(api.access, { subject: 'cluster' });
  expect(await failure(k.get(ref))).toMatchObject({ code: 'CLUSTER_UNAVAILABLE', retryable: true });
  expect(await failure(k.get({ ...ref, kind: 'Secret' }))).toMatchObject({ code: 'CLUSTER_UNAVAILABLE', retryable: false });
});

test('what the API says about a Secret is not repeated, but for the fields', async () => {
  const causes = [{ field: 'data[tls.key]', message: 'Invalid value: "hush"' }];
  const api = await start((_, response) => json(response, 422, status(422, 'Secret "a" is invalid: "hush"', { details: { causes } })));
  const error = await failure(open(api.access).apply({ ...configMap, kind: 'Secret', data: { 'tls.key': 'hush' } }));
  expect(error.message).toContain('data[tls.key]');
  expect(JSON.stringify(error.toProblem())).not.toContain('hush');
});

test('a server that does not answer is given up in time, and so are the calls that wait behind', async () => {
  const api = await start(() => {});
  const k = open(api.access, { timeoutMs: 150 });
  const begin = performance.now();
  const errors = await Promise.all(Array.from({ length: 9 }, () => failure(k.get(ref))));
  expect(performance.now() - begin).toBeLessThan(2_000);
  expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['SEED_UNAVAILABLE']));
  expect(errors[0]?.message).toContain('no answer in time');
});

test('a certificate of another CA or name is said to be that', async () => {
  const api = await start((_, response) => json(response, 200, {}));
  const stranger = await makeCertificates();
  const other = await failure(open({ ...api.access, caPem: stranger.caPem }).version());
  expect(other).toMatchObject({ code: 'SEED_UNAVAILABLE', retryable: true });
  expect(other.message).toContain('not trusted');
  const named = await start((_, response) => json(response, 200, {}), { serverName: 'api.example' });
  expect((await failure(open(named.access).version())).message).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
});

test('refused ports, cut connections and plain HTTP are unavailability', async () => {
  const api = await start(
    ({ headers }, response) => void (headers['content-type'] ? response.socket?.destroy() : json(response, 200, configMap)),
  );
  const k = open(api.access);
  expect((await failure(k.apply(configMap))).message).toContain('cut');
  const plain = createTcpServer(
    (socket) =>
      void socket
        .on('error', () => {})
        .resume()
        .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  );
  await new Promise<void>((resolve) => void plain.listen(0, '127.0.0.1', resolve));
  const address = plain.address();
  const server = `https://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
  expect((await failure(open({ ...api.access, server }).version())).code).toBe('SEED_UNAVAILABLE');
  await new Promise((resolve) => plain.close(resolve));
  expect((await failure(open({ ...api.access, server }).version())).message).toContain('nothing listens');
});

test('a kept connection that died is replaced without an error, and the call is sent once', async () => {
  const api = await start((_, response) => json(response, 200, configMap));
  const k = open(api.access);
  await k.get(ref);
  api.cut();
  await k.get(ref);
  await k.apply(configMap);
  expect(api.seen.map(({ method }) => method)).toEqual(['GET', 'GET', 'PATCH']);
});

test.each([
  ['https://127.0.0.1:6443', 'loopback'],
  ['https://localhost:6443', 'loopback'],
  ['https://[::ffff:127.0.0.1]:6443', 'loopback'],
  ['https://169.254.169.254', 'forbidden'],
  ['https://[fe80::1]', 'forbidden'],
  ['https://0x7f.1', 'loopback'],
])('a seed at %s is refused without a connection', async (server, kind) => {
  const { caPem, client } = await makeCertificates();
  const k = open(
    { server, caPem, clientCertPem: client.certPem, clientKeyPem: client.keyPem },
    { policy: { allowPrivate: true, allowLoopback: false } },
  );
  const error = await failure(k.version());
  expect(error.code).toBe('SEED_REFUSED');
  expect(error.message).toContain(kind);
});

test('close ends what is under way', async () => {
  const api = await start(() => {});
  const k = open(api.access);
  const pending = failure(k.get(ref));
  setTimeout(k.close, 50);
  expect((await pending).code).toBe('SEED_UNAVAILABLE');
  expect((await failure(k.get(ref))).code).toBe('SEED_UNAVAILABLE');
});
