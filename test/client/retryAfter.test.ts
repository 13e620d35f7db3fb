/** The client waits as long as a server that is asked too often says, and no longer than is sensible. */
import { afterEach, expect, test } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { type FakeApi, startFakeApi } from '../cli/fakeApi.ts';

const LIMITED = { errors: [{ message: 'Too many requests.', extensions: { code: 'RATE_LIMITED' } }] };
let api: FakeApi | undefined;
afterEach(() => api?.close());

/** Refuses so many times, and then answers. */
const clientOf = async (refusals: number, headers: Record<string, string>, signal?: AbortSignal) => {
  let left = refusals;
  const opened = await startFakeApi(() => {
    left -= 1;
    return left >= 0 ? { status: 429, body: LIMITED, headers } : { body: { data: { viewer: { userName: 'anna' } } } };
  });
  api = opened;
  const client = createClient({ url: opened.url, token: async () => 'a-token', ...(signal && { signal }) });
  return { asked: opened.asked, ask: () => client.request('{ viewer { userName } }') };
};

test('it comes again after as many seconds as it is told', async () => {
  const { ask, asked } = await clientOf(1, { 'Retry-After': '1' });
  const began = performance.now();
  expect(await ask()).toEqual({ viewer: { userName: 'anna' } });
  expect(performance.now() - began).toBeGreaterThan(990);
  expect(asked).toHaveLength(2);
});

test('five times at the most', async () => {
  const { ask, asked } = await clientOf(100, { 'Retry-After': '0' });
  await expect(ask()).rejects.toMatchObject({ code: 'RATE_LIMITED', message: 'Too many requests.' });
  expect(asked).toHaveLength(5);
});

test.each([[{}], [{ 'Retry-After': '3600' }], [{ 'Retry-After': 'Wed, 21 Oct 2026 07:28:00 GMT' }]])(
  'not when nothing, too long or a date is told: %j',
  async (headers) => {
    const { ask, asked } = await clientOf(1, { ...headers });
    await expect(ask()).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(asked).toHaveLength(1);
  },
);

test('whoever stops waiting is let go at once', async () => {
  const { ask } = await clientOf(1, { 'Retry-After': '30' }, AbortSignal.timeout(100));
  await expect(ask()).rejects.toMatchObject({ code: 'INTERRUPTED' });
});
