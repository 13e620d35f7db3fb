import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { ensureObjects, type Ledger, pruneObjects } from '../../src/seeds/apply.ts';
import { type Kubernetes, openKubernetes } from '../../src/seeds/connection.ts';
import { type KubernetesObject, keyOf, type ObjectRef, refOf, refOfKey } from '../../src/seeds/kinds.ts';
import { projectOnto } from '../../src/seeds/projection.ts';
import { type Api, json, type Seen, startApi } from './tlsServer.ts';

/** An API that keeps objects by path and, as the real one, changes what it is given: quantities, defaults, stringData. */
let stored: Map<string, KubernetesObject>;
let failOn: string | undefined;
let busy: number;
let busiest: number;
let api: Api;
let k: Kubernetes;

const normalise = (object: KubernetesObject): KubernetesObject => {
  const text = JSON.stringify({ ...object, status: { observed: true } }).replaceAll('"1024Mi"', '"1Gi"');
  const copy = JSON.parse(text) as KubernetesObject;
  copy.metadata = { ...copy.metadata, uid: 'u', resourceVersion: '1' };
  return copy;
};
const answer = ({ method, path, body }: Seen): [status: number, body: unknown] => {
  if (failOn !== undefined && path.endsWith(failOn)) return [503, {}];
  if (method === 'PATCH') {
    stored.set(path, normalise(JSON.parse(body) as KubernetesObject));
    return [200, stored.get(path)];
  }
  if (method === 'DELETE') return [stored.delete(path) ? 200 : 404, {}];
  const found = stored.get(path);
  if (found) return [200, found];
  const within = [...stored].filter(([key]) => key.startsWith(`${path}/`)).map(([, object]) => object);
  return within.length > 0 ? [200, { metadata: { resourceVersion: '1' }, items: within }] : [404, {}];
};

beforeEach(async () => {
  stored = new Map();
  failOn = undefined;
  busy = 0;
  busiest = 0;
  api = await startApi((seen, response) => {
    busy += 1;
    busiest = Math.max(busiest, busy);
    setTimeout(() => {
      busy -= 1;
      json(response, ...answer(seen));
    }, 2);
  });
  k = openKubernetes({ access: api.access, clock: systemClock, policy: { allowPrivate: false, allowLoopback: true } });
});
afterEach(async () => {
  k.close();
  await api.close();
});

const configMap = (name: string, data: object = { a: '1' }): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'n' },
  data,
});
const secret: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's', namespace: 'n' },
  stringData: { password: 'hush-hush' },
};
const role: KubernetesObject = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'r' },
  rules: [{ verbs: ['get'], resources: ['pods'] }],
};
const deployment: KubernetesObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd', namespace: 'n' },
  spec: { template: { spec: { containers: [{ name: 'a', image: 'x:1', resources: { requests: { memory: '1024Mi' } } }] } } },
};
const namespace: KubernetesObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } };
const ALL = [deployment, configMap('a'), configMap('b'), configMap('c'), secret, role, namespace];

const settle = async (objects = ALL): Promise<Ledger> => (await ensureObjects(k, objects, {}, { look: 'trust' })).ledger;
const requestsOf = async (work: () => Promise<unknown>): Promise<string[]> => {
  const from = api.seen.length;
  await work();
  return api.seen.slice(from).map(({ method, path }) => `${method} ${path}`);
};
const change = (path: string, edit: (object: Record<string, unknown>) => void): void => {
  const object = structuredClone(stored.get(path));
  edit(object as unknown as Record<string, unknown>);
  if (object) stored.set(path, object);
};

test('all is written once, the namespace first, workloads last, few at a time; a settled pass asks nothing', async () => {
  const many = [...ALL, ...Array.from({ length: 20 }, (_, index) => configMap(`x${index}`))];
  const first = await ensureObjects(k, many, {}, { look: 'trust' });
  expect(first.written.sort()).toEqual(many.map((object) => keyOf(refOf(object))).sort());
  expect(api.seen[0]?.path).toBe('/api/v1/namespaces/n');
  expect(api.seen.at(-1)?.path).toBe('/apis/apps/v1/namespaces/n/deployments/d');
  expect(busiest).toBeLessThanOrEqual(6);
  expect(busiest).toBeGreaterThan(1);
  const again = await requestsOf(async () =>
    expect((await ensureObjects(k, many, first.ledger, { look: 'trust' })).ledger).toEqual(first.ledger),
  );
  expect(again).toEqual([]);
});

test('a full look at a settled set writes nothing and needs one list for three of a kind', async () => {
  const ledger = await settle();
  const requests = await requestsOf(async () => expect((await ensureObjects(k, ALL, ledger, { look: 'full' })).written).toEqual([]));
  expect(requests.sort()).toEqual([
    'GET /api/v1/namespaces/n',
    'GET /api/v1/namespaces/n/configmaps',
    'GET /api/v1/namespaces/n/secrets/s',
    'GET /apis/apps/v1/namespaces/n/deployments/d',
    'GET /apis/rbac.authorization.k8s.io/v1/clusterroles/r',
  ]);
});

const PATHS = {
  d: '/apis/apps/v1/namespaces/n/deployments/d',
  a: '/api/v1/namespaces/n/configmaps/a',
  s: '/api/v1/namespaces/n/secrets/s',
  r: '/apis/rbac.authorization.k8s.io/v1/clusterroles/r',
};
test.each<[string, string, () => void]>([
  ['a changed value', 'v1/ConfigMap/n/a', () => change(PATHS.a, (o) => void Object.assign(o, { data: { a: '2' } }))],
  ['a removed field', 'v1/ConfigMap/n/a', () => change(PATHS.a, (o) => void Object.assign(o, { data: {} }))],
  ['a removed object', 'v1/ConfigMap/n/a', () => void stored.delete(PATHS.a)],
  [
    'a changed secret that was given as stringData',
    'v1/Secret/n/s',
    () => change(PATHS.s, (o) => void Object.assign(o, { data: { password: 'eA==' } })),
  ],
  [
    'a right that was added',
    'rbac.authorization.k8s.io/v1/ClusterRole//r',
    () => change(PATHS.r, (o) => void (o.rules as unknown[]).push({ verbs: ['*'] })),
  ],
  [
    'an image deep inside',
    'apps/v1/Deployment/n/d',
    () => {
      const text = JSON.stringify(stored.get(PATHS.d)).replace('x:1', 'x:2');
      stored.set(PATHS.d, JSON.parse(text) as KubernetesObject);
    },
  ],
])('%s is found by a full look and repaired once', async (_name, key, drift) => {
  const ledger = await settle();
  const before = new Map(stored);
  drift();
  expect((await ensureObjects(k, ALL, ledger, { look: 'trust' })).written).toEqual([]);
  const repaired = await ensureObjects(k, ALL, ledger, { look: 'full' });
  expect(repaired.written).toEqual([key]);
  expect(new Map([...stored].sort())).toEqual(new Map([...before].sort()));
  expect((await ensureObjects(k, ALL, repaired.ledger, { look: 'full' })).written).toEqual([]);
});

test.each<[string, () => void]>([
  [
    'a status, a label and an annotation of others',
    () =>
      change(
        PATHS.d,
        (o) => void Object.assign(o, { status: { replicas: 3 }, metadata: { ...(o.metadata as object), labels: { x: 'y' } } }),
      ),
  ],
  ['a key that others added to a map', () => change(PATHS.a, (o) => void Object.assign(o, { data: { a: '1', b: '2' } }))],
])('%s is no drift', async (_name, alien) => {
  const ledger = await settle();
  alien();
  expect((await ensureObjects(k, ALL, ledger, { look: 'full' })).written).toEqual([]);
});

test('a container that others put in front costs one write, and then there is peace', async () => {
  const ledger = await settle();
  const inject = (): void =>
    change(PATHS.d, (o) => {
      const { containers } = (o.spec as unknown as { template: { spec: { containers: object[] } } }).template.spec;
      containers.unshift({ name: 'sidecar', image: 'y' });
    });
  inject();
  const seen = await ensureObjects(k, ALL, ledger, { look: 'full' });
  expect(seen.written).toEqual(['apps/v1/Deployment/n/d']);
  expect((await ensureObjects(k, ALL, seen.ledger, { look: 'full' })).written).toEqual([]);
});

test('a changed wish is written in either look, and nothing else is', async () => {
  const ledger = await settle();
  const wish = ALL.map((object) => (object.metadata.name === 'a' ? configMap('a', { a: 'new' }) : object));
  const requests = await requestsOf(async () =>
    expect((await ensureObjects(k, wish, ledger, { look: 'trust' })).written).toEqual(['v1/ConfigMap/n/a']),
  );
  expect(requests).toEqual(['PATCH /api/v1/namespaces/n/configmaps/a']);
});

test('what is known to be unchanged is not read again; what is not known is, and then confirmed', async () => {
  const ledger = await settle();
  const confirmed: string[] = [];
  const versions = {
    unchanged: (ref: ObjectRef) => ref.kind !== 'Secret',
    changed: () => false,
    confirm: (object: KubernetesObject) => void confirmed.push(keyOf(refOf(object))),
  };
  const options = { look: 'full', versions } as const;
  const requests = await requestsOf(async () => expect((await ensureObjects(k, ALL, ledger, options)).written).toEqual([]));
  expect(requests).toEqual(['GET /api/v1/namespaces/n/secrets/s']);
  expect(confirmed).toEqual(['v1/Secret/n/s']);
});

test('what is no longer wanted is deleted, workloads before what they use, and leaves the ledger', async () => {
  const ledger = await settle();
  const rest = await ensureObjects(k, [namespace, configMap('b')], ledger, { look: 'trust' });
  expect(Object.keys(rest.ledger).sort()).toEqual(['v1/ConfigMap/n/b', 'v1/Namespace//n']);
  const deletions = api.seen.filter(({ method }) => method === 'DELETE').map(({ path }) => path);
  expect(deletions).toHaveLength(5);
  expect(deletions[0]).toBe(PATHS.d);
  expect(await pruneObjects(k, rest.ledger, new Set())).toMatchObject({ ledger: {} });
  expect([...stored.keys()]).toEqual([]);
  expect(api.seen.at(-1)?.path).toBe('/api/v1/namespaces/n');
});

test('an object that is wanted under another version of its group is not deleted', async () => {
  const ledger: Ledger = { 'autoscaling/v1/HorizontalPodAutoscaler/n/h': { fingerprint: 'f', observed: 'o' } };
  const pruned = await pruneObjects(k, ledger, new Set(['autoscaling/v2/HorizontalPodAutoscaler/n/h']));
  expect(pruned).toEqual({ ledger: {}, removed: [] });
  expect(api.seen).toEqual([]);
});

test('a failure stops what has not begun, prunes nothing, and reports what was written', async () => {
  const ledger = await settle();
  failOn = '/configmaps/b';
  const reported: string[] = [];
  const wish = [namespace, configMap('a', { n: '1' }), configMap('b', { n: '1' }), deployment];
  const attempt = ensureObjects(k, wish, ledger, { look: 'trust', onWritten: (key) => reported.push(key) });
  await expect(attempt).rejects.toMatchObject({ code: 'SEED_UNAVAILABLE' });
  expect(reported).toEqual(['v1/ConfigMap/n/a']);
  expect(api.seen.filter(({ method }) => method === 'DELETE')).toEqual([]);
});

test('neither ledger nor live objects hold the content of a secret', async () => {
  const { ledger, live } = await ensureObjects(k, [secret], {}, { look: 'full' });
  const text = JSON.stringify([ledger, [...live]]);
  expect(text).not.toContain('hush');
  expect(text).not.toContain(Buffer.from('hush-hush').toString('base64'));
  expect(text).toContain('"name":"s"');
});

test('elements are found by what names them, wherever they stand; one more changes the picture', () => {
  const wish = {
    ports: [
      { port: 53, protocol: 'TCP' },
      { port: 53, protocol: 'UDP' },
    ],
    finalizers: ['ours'],
    args: ['x'],
    gone: { a: 1 },
  };
  const tcp = { port: 53, protocol: 'TCP', nodePort: 1 };
  const udp = { port: 53, protocol: 'UDP', nodePort: 2 };
  const live = { ports: [udp, tcp], finalizers: ['theirs', 'ours'], args: ['x'], extra: 1 };
  const seen = projectOnto(wish, live);
  expect(seen).toEqual({ ports: { length: 2, items: wish.ports }, finalizers: ['ours'], args: ['x'], gone: null });
  expect(projectOnto(wish, { ...live, ports: [tcp, udp], finalizers: ['ours'] })).toEqual(seen);
  expect(projectOnto(wish, { ...live, ports: [tcp, udp, { port: 54, protocol: 'UDP' }] })).not.toEqual(seen);
  expect(projectOnto(wish, { ...live, args: ['x', 'y'] })).not.toEqual(seen);
});

test('keys and references are each the reverse of the other', () => {
  for (const object of ALL) expect(refOfKey(keyOf(refOf(object)))).toEqual(refOf(object));
  expect(() => refOfKey('v1/ConfigMap')).toThrow();
});
