/** What the API's own schema has deprecated, asked for by who wants an answer as if it were gone (`?remove_deprecated=true`) and by who does not. */
import { expect, test } from 'vitest';
import { overSocket, overSse } from './live.ts';
import { makeCluster, openWorld, type World } from './world.ts';

const OLD = '{ clusterTemplates { nodes { revisions { revision } } } }';
const SHOWN = { data: { clusterTemplates: { nodes: [{ revisions: [{ revision: 1 }] }] } } };
const REFUSED = { errors: [{ message: expect.stringContaining('revisions'), extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] };
const PATHS = ['/graphql', '/graphql/read'];
const WITHOUT = 'remove_deprecated=true';

const headers = { 'content-type': 'application/json', 'x-auth-token': 'anna' };

const post = async (world: World, path: string): Promise<unknown> => {
  const answer = await fetch(world.page(path), { method: 'POST', headers, body: JSON.stringify({ query: OLD }) });
  return [answer.status, await answer.json()];
};

const get = async (world: World, path: string): Promise<unknown> => {
  const answer = await fetch(world.page(`${path}${path.includes('?') ? '&' : '?'}query=${encodeURIComponent(OLD)}`), { headers });
  return [answer.status, await answer.json()];
};

// In turn, and each again: the answer kept from the one is not given to the other.
test.each([
  ['POST', post],
  ['GET', get],
] as const)('by %s it is answered to who says nothing, and refused to who wants to do without it, in any order', async (_way, ask) => {
  const world = await openWorld();
  await makeCluster(world, 'anna');
  for (const path of PATHS)
    for (const order of [
      ['', `?${WITHOUT}`],
      [`?${WITHOUT}`, ''],
    ])
      for (const how of [...order, ...order])
        expect([path, how, await ask(world, `${path}${how}`)]).toMatchObject([path, how, [200, how === '' ? SHOWN : REFUSED]]);
  // Only this word is the wish.
  expect(await ask(world, '/graphql?remove_deprecated=false')).toMatchObject([200, SHOWN]);
});

const SUBSCRIPTION = 'subscription { clusters { cluster { template { revisions { revision } } } } }';

test('over WebSocket and SSE the address that was opened says so for all that is asked there', async () => {
  const world = await openWorld();
  await makeCluster(world, 'anna');
  for (const path of PATHS)
    for (let i = 0; i < 2; i += 1) {
      const [whole, without] = [path, `${path}?${WITHOUT}`].map((at) => ({ ...world, url: world.page(at) })) as [World, World];
      const shown = overSocket(whole, 'anna', OLD);
      expect([path, await shown.ended, shown.payloads]).toMatchObject([path, 'complete', [SHOWN]]);
      for (const query of [OLD, SUBSCRIPTION]) {
        const refused = overSocket(without, 'anna', query);
        expect([path, await refused.ended, refused.payloads]).toMatchObject([path, 'error', [REFUSED]]);
      }
      const stream = overSse(without, 'anna', SUBSCRIPTION);
      expect([path, await stream.ended, stream.payloads]).toMatchObject([path, 'complete', [REFUSED]]);
    }
});
