/** A create while the services fail now and then: it comes to its end, soon, and without calling more than that takes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Living, openLiving } from './world.ts';

let world: Living;
beforeAll(async () => {
  world = await openLiving();
});
afterAll(() => world?.close());

interface Counters {
  total: number;
  calls: { service: string; method: string; path: string; calls: number }[];
}
const control = async <T>(method: string, path: string, body?: object): Promise<T> => {
  const answer = await fetch(`${world.sandbox.controlUrl}/${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
  return (await answer.json()) as T;
};
/** What was called for a new cluster of two nodes under such a fault. */
const callsFor = async (name: string, fault: object | null, seconds: number): Promise<Counters> => {
  await control('DELETE', 'counters');
  if (fault !== null) await control('POST', 'faults', fault);
  const input = { name, clusterTemplate: 'small', nodeCount: 2 };
  const ask = () => world.change(world.member, 'createCluster', input, 'cluster { uuid }');
  // Where one in four calls fails, one in some hundred logins does in spite of its own tries: a caller tries again.
  await ask().catch(ask).catch(ask);
  const state = () => world.rows<{ state: string }>(`select state from clusters where name = '${name}'`)[0]?.state;
  for (const end = Date.now() + seconds * 1000; state() !== 'READY' && Date.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 50));
  await control('DELETE', 'faults');
  expect(state(), `${name} after ${seconds} s`).toBe('READY');
  return control('GET', 'counters');
};
const callsOf = ({ calls }: Counters, service: string, method: string, path: RegExp) =>
  calls.filter((c) => c.service === service && c.method === method && path.test(c.path)).reduce((sum, c) => sum + c.calls, 0);

test('a refused create is looked for and sent again at once: nothing of it is under way', async () => {
  await callsFor('calm', null, 60);
  await callsFor('refused', { service: 'network', method: 'POST', path: '^/v2.0/networks$', kind: 'status', status: 503, times: 1 }, 60);
  expect(
    world.rows("select 1 from events where subject_name = 'refused' and message like '%interrupted request%'"),
    'it would be waited for',
  ).toEqual([]);
});

test('a create that is sent twice and refused the second time is found, and not asked for again', async () => {
  const twice = { service: 'network', method: 'POST', path: '^/v2.0/subnets$', kind: 'duplicate', times: 3 };
  expect(callsOf(await callsFor('twice', twice, 60), 'network', 'POST', /subnets$/)).toBe(1);
  expect(world.rows("select 1 from events where subject_name = 'twice' and problem is not null")).toEqual([]);
});

test('a new thing that is not found to be tagged is looked for and tagged, and nobody has to act', async () => {
  const lost = { service: 'network', method: 'PUT', path: '/tags/', kind: 'status', status: 404, times: 4 };
  await callsFor('untagged', lost, 60);
  expect(
    world.rows(
      "select 1 from events where stream_id = (select id from clusters where name = 'untagged') and json_extract(problem, '$.retryable') = 0",
    ),
  ).toEqual([]);
});

test('a router that vanishes while it is being made is looked for, and no second one is asked for', async () => {
  const gone = (method: string, path: string) => ({ service: 'network', method, path, kind: 'status', status: 404, times: 1 });
  await control('POST', 'faults', gone('GET', '^/v2.0/routers/[^/]+$'));
  const counters = await callsFor('vanishing', gone('PUT', '/add_router_interface$'), 90);
  expect(callsOf(counters, 'network', 'POST', /routers$/)).toBe(1);
  expect(callsOf(counters, 'network', 'PUT', /add_router_interface$/)).toBe(2);
});

test('of many objects those that were written are not written again when one fails', async () => {
  const calm = await callsFor('once', null, 60);
  const fault = { service: 'hosted', method: 'PATCH', path: 'clusterrolebindings/', kind: 'status', status: 503, times: 12 };
  const hit = await callsFor('again', fault, 60);
  const count = (counters: Counters) => callsOf(counters, 'hosted', 'PATCH', /clusterroles/);
  expect(count(calm)).toBeGreaterThan(1);
  expect(count(hit)).toBe(count(calm));
});

test('one in four calls fails', { timeout: 240_000 }, async () => {
  const calm = await callsFor('quiet', null, 60);
  const { total } = await callsFor('stormy', { kind: 'status', status: 503, probability: 0.25 }, 60);
  expect(total).toBeLessThan(4 * calm.total);
});
