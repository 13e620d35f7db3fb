/** Kinds that a cluster's own definitions bring, when these change. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { type Kubernetes, openKubernetes } from '../../src/seeds/connection.ts';
import { type Api, json, startApi } from './tlsServer.ts';

const WIDGET = { apiVersion: 'example.org/v1', kind: 'Widget', metadata: { name: 'w', namespace: 'n' } };
const REF = { apiVersion: 'example.org/v1', kind: 'Widget', namespace: 'n', name: 'w' };

let api: Api;
let k: Kubernetes;
let plural: string;
let isThere: boolean;

beforeEach(async () => {
  plural = 'widgets';
  isThere = true;
  api = await startApi(({ path }, response) => {
    const resources = [{ name: plural, kind: 'Widget', namespaced: true }];
    if (path === '/apis/example.org/v1') return json(response, 200, { resources });
    if (path.endsWith(`/${plural}`)) return json(response, 200, { metadata: {}, items: [WIDGET] });
    return path.endsWith(`/${plural}/w`) && isThere ? json(response, 200, WIDGET) : json(response, 404, {});
  });
  const policy = { allowPrivate: false, allowLoopback: true };
  k = openKubernetes({ access: api.access, clock: systemClock, policy, random: () => 0 });
});
afterEach(async () => {
  k.close();
  await api.close();
});

test.each([
  ['read', () => k.get(REF)],
  ['applied', () => k.apply(WIDGET)],
  ['removed', () => k.remove(REF)],
  ['listed', async () => (await k.list(REF)).items[0]],
])('an object whose kind has another plural by now is %s there', async (_, call) => {
  expect(await k.get(REF)).toEqual(WIDGET);
  plural = 'widgetz';
  expect(await call()).toBeTruthy();
});

test('one that is not there is not asked for twice in the same place', async () => {
  await k.get(REF);
  isThere = false;
  const before = api.seen.length;
  expect(await k.get(REF)).toBeUndefined();
  expect(api.seen.slice(before).map(({ path }) => path)).toEqual(['/apis/example.org/v1/namespaces/n/widgets/w', '/apis/example.org/v1']);
});
