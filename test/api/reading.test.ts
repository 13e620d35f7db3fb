import { expect, test } from 'vitest';
import type { Actor } from '../../src/domain/actor.ts';
import { overSocket, overSse } from './live.ts';
import { makeCluster, openWorld, type World } from './world.ts';

const AT = '/graphql/read';
const MUTATION = 'mutation { findOrphans(input: {}) { __typename } }';

const post = (world: World, path: string, query: string, headers: Record<string, string> = { 'x-auth-token': 'anna' }, more: object = {}) =>
  fetch(world.page(path), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, ...more }),
  });

const reading = (world: World): World => ({ ...world, url: world.page(AT) });

test('queries are answered at /graphql/read, and a mutation is refused and written down', async () => {
  const world = await openWorld();
  const answer = await post(world, AT, '{ viewer { userName } }');
  expect([answer.status, await answer.json()]).toMatchObject([200, { data: { viewer: { userName: 'anna' } } }]);
  const refused = await post(world, AT, MUTATION);
  expect([refused.status, await refused.json()]).toMatchObject([400, { errors: [{ extensions: { code: 'READ_ONLY' } }] }]);
  const both = `query look { viewer { userName } } ${MUTATION.replace('mutation', 'mutation change')}`;
  expect((await post(world, AT, both, undefined, { operationName: 'look' })).status).toBe(200);
  expect((await post(world, AT, both, undefined, { operationName: 'change' })).status).toBe(400);
  const get = (query: string) => fetch(world.page(`${AT}?query=${encodeURIComponent(query)}`), { headers: { 'x-auth-token': 'anna' } });
  expect((await get('{ viewer { userName } }')).status).toBe(200);
  const got = await get(MUTATION);
  expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
  expect((await fetch(world.page(AT), { headers: { accept: 'text/html' } })).status).toBe(405);
  expect((await post(world, AT, '{ viewer { userName } }', {})).status).toBe(401);
  const { auditLog } = await world.data<{ auditLog: { nodes: object[] } }>('ada', '{ auditLog { nodes { action errorCode } } }');
  expect(auditLog.nodes).toEqual(Array(2).fill({ action: 'findOrphans', errorCode: 'READ_ONLY' }));
});

test('subscriptions run there over WebSocket and SSE, and a mutation over the socket is refused', async () => {
  const world = await openWorld();
  const made = await makeCluster(world, 'anna');
  for (const subscribe of [overSocket, overSse]) {
    const one = subscribe(reading(world), 'anna', `subscription { clusterProgress(clusterId: "${made.id}", after: 0) { number } }`);
    expect((await one.until(1))[0]).toMatchObject({ data: { clusterProgress: { number: 1 } } });
    one.stop();
  }
  const refused = overSocket(reading(world), 'anna', MUTATION);
  expect(await refused.ended).toBe('error');
  expect(refused.payloads).toMatchObject([{ errors: [{ extensions: { code: 'READ_ONLY' } }] }]);
});

const withRules = (world: World, token: string, reach: Actor['reach'], more: Partial<Actor> = {}) => {
  const anna = world.tokens.get('anna');
  if (anna === undefined) throw new Error('Nobody is there.');
  world.tokens.set(token, { ...anna, reach, ...more });
};

test('a token is good for the calls that its access rules allow and for no other, each time that it is shown', async () => {
  const world = await openWorld();
  withRules(world, 'reads', [{ method: 'POST', path: AT }]);
  withRules(world, 'watches', [{ method: 'GET', path: AT }]);
  withRules(world, 'none', []);
  const look = '{ viewer { userName } }';
  const status = async (token: string, path: string) => (await post(world, path, look, { 'x-auth-token': token })).status;
  for (let i = 0; i < 2; i += 1) {
    expect(await status('reads', AT)).toBe(200);
    for (const [token, path] of [
      ['reads', '/graphql'],
      ['watches', AT],
      ['none', AT],
      ['none', '/graphql'],
    ] as const)
      expect([token, path, await status(token, path)]).toEqual([token, path, 401]);
  }
  const answer = await post(world, '/graphql', look, { 'x-auth-token': 'none' });
  expect(answer.headers.get('www-authenticate')).toBe('Keystone uri="https://keystone.example.org/v3"');
  expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  // A socket is a GET of its address.
  const open = async (at: World, token: string) => overSocket(at, token, look).ended;
  expect(await open(reading(world), 'watches')).toBe('complete');
  expect(await open(world, 'watches')).toBe('4403');
  expect(await open(reading(world), 'reads')).toBe('4403');
});

test('a stream over SSE rests on a token that may be used there', async () => {
  const world = await openWorld();
  const made = await makeCluster(world, 'anna');
  withRules(world, 'reads', [{ method: 'POST', path: AT }]);
  const one = overSse(reading(world), 'reads', `subscription { clusterProgress(clusterId: "${made.id}", after: 0) { number } }`);
  expect((await one.until(1))[0]).toMatchObject({ data: { clusterProgress: { number: 1 } } });
  one.stop();
});

test("a service's token lets a call be made by somebody's token that has ended, and by one with rules that can be kept", async () => {
  const world = await openWorld();
  const anna = world.tokens.get('anna');
  if (anna === undefined) throw new Error('Nobody is there.');
  world.tokens.set('heat', { ...anna, userId: 'user-heat', userName: 'heat', roles: ['service'] });
  world.tokens.set('ended', { ...anna, expiresAt: world.time.now - 1_000 });
  withRules(world, 'narrow', []);
  withRules(world, 'unkept', [], { isRulesKept: false });
  const ask = async (token: string, service: string) => {
    const answer = await post(world, '/graphql', '{ viewer { userName } }', { 'x-auth-token': token, 'x-service-token': service });
    return [answer.status, ((await answer.json()) as { data?: { viewer: { userName: string } } }).data?.viewer.userName];
  };
  for (let i = 0; i < 2; i += 1) {
    expect(await ask('ended', '')).toEqual([401, undefined]);
    expect(await ask('ended', 'heat')).toEqual([200, 'anna']);
  }
  expect(await ask('narrow', 'heat')).toEqual([200, 'anna']);
  expect(await ask('unkept', 'heat')).toEqual([401, undefined]);
  // A service's token that is none refuses even what would be good alone.
  for (const service of ['nobody', 'anna', 'ended']) expect([service, await ask('anna', service)]).toEqual([service, [401, undefined]]);
  expect(await ask('anna', 'heat')).toEqual([200, 'anna']);
});
