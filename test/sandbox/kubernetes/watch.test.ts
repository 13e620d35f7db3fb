import { afterAll, beforeAll, expect, test } from 'vitest';
import { at, until } from './client.ts';
import { type SeedWorld, startSeedWorld } from './seedWorld.ts';

let world: SeedWorld;
beforeAll(async () => {
  world = await startSeedWorld();
  await world.admin.call('POST', '/api/v1/namespaces', { metadata: { name: 'w' } });
});
afterAll(() => world.close());

const LIST = '/api/v1/namespaces/w/configmaps';
const put = (name: string, labels: object, value = '1') =>
  world.limited.apply(`${LIST}/${name}`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data: { value } });

test('a watch resumes after a revision without loss or repetition, and ends after its time', async () => {
  const list = await world.limited.call('GET', LIST);
  const revision = String(at(list.body, 'metadata', 'resourceVersion'));
  await put('one', {});
  await put('two', {});
  const watch = await world.limited.watch(`${LIST}?resourceVersion=${revision}&timeoutSeconds=1`);
  await put('three', {});
  await watch.until((e) => at(e.object, 'metadata', 'name') === 'three');
  expect(watch.events.filter((e) => e.type === 'ADDED').map((e) => at(e.object, 'metadata', 'name'))).toEqual(['one', 'two', 'three']);
  await watch.ended;
});

test('a selector turns changes into additions and deletions', async () => {
  const watch = await world.limited.watch(
    `${LIST}?labelSelector=${encodeURIComponent('tier in (a,b)')}&resourceVersion=${await revisionNow()}`,
  );
  await put('s', { tier: 'c' });
  await put('s', { tier: 'a' });
  await put('s', { tier: 'a' }, '2');
  await put('s', { tier: 'd' });
  await watch.until((e) => e.type === 'DELETED');
  expect(watch.events.map((e) => e.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
  watch.stop();
});

const revisionNow = async (): Promise<string> =>
  String(at((await world.limited.call('GET', `${LIST}?limit=1`)).body, 'metadata', 'resourceVersion'));

test('a revision from before the history is 410 Expired', async () => {
  await world.restart();
  const old = await world.limited.watch(`${LIST}?resourceVersion=3`);
  expect(old.status).toBe(410);
  old.stop();
});

test('initial events end with a bookmark', async () => {
  const watch = await world.limited.watch(`${LIST}?sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`);
  const bookmark = await watch.until((e) => e.type === 'BOOKMARK');
  expect(at(bookmark.object, 'metadata', 'annotations', 'k8s.io/initial-events-end')).toBe('true');
  expect(watch.events[0]?.type).toBe('ADDED');
  watch.stop();
});

test('lists come in pages that together hold everything once', async () => {
  for (let i = 0; i < 7; i += 1) await put(`page-${i}`, { page: 'yes' });
  const names: unknown[] = [];
  let next = '';
  do {
    const page = await world.limited.call('GET', `${LIST}?labelSelector=page%3Dyes&limit=3${next && `&continue=${next}`}`);
    names.push(...(page.body.items as object[]).map((o) => at(o, 'metadata', 'name')));
    next = String(at(page.body, 'metadata', 'continue') ?? '');
  } while (next);
  expect(names).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => `page-${i}`));
});

test('a reset after the commit leaves the object behind', async () => {
  world.faults.add({
    id: 'x',
    service: 'kubernetes',
    method: 'POST',
    path: 'configmaps',
    skip: 0,
    times: 1,
    probability: 1,
    hits: 0,
    fault: { kind: 'resetAfter' },
  });
  await expect(world.limited.call('POST', LIST, { metadata: { name: 'lost' } })).rejects.toThrow();
  await until('the object', async () => (await world.limited.call('GET', `${LIST}/lost`)).status === 200);
  expect(world.calls).toContain('kubernetes POST /api/v1/namespaces/{namespace}/configmaps');
});
