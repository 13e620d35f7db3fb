import { createHash } from 'node:crypto';
import { createClient, type SubscribePayload } from 'graphql-ws';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import * as clientDocuments from '../../src/client/documents.ts';
import { openWorld, type World } from './world.ts';

const KNOWN = '{ viewer { userName } }';
const STORED = 'query stored { viewer { projectId } }';
const OTHER = '{ viewer { roles } }';
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

const open = (onlyKnown: boolean) =>
  openWorld({ operations: [{ name: 'stored', text: STORED }], persisted: [KNOWN, ...Object.values(clientDocuments)], onlyKnown });

const send = async (world: World, body: object): Promise<[number, unknown]> => {
  const response = await fetch(world.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': 'anna' },
    body: JSON.stringify(body),
  });
  const { data, errors } = (await response.json()) as { data?: unknown; errors?: { extensions: { code: string } }[] };
  return [response.status, data ?? errors?.[0]?.extensions.code];
};

const overSocket = async (world: World, payload: object): Promise<unknown> => {
  const client = createClient({
    url: world.url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { 'X-Auth-Token': 'anna' },
    retryAttempts: 0,
  });
  try {
    for await (const { data } of client.iterate(payload as SubscribePayload)) return data;
    return undefined;
  } catch (error) {
    return (error as { extensions: { code: string } }[])[0]?.extensions.code;
  } finally {
    await client.dispose();
  }
};

const apq = (text: string) => ({ extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(text) } } });

test.each([false, true])('a document that is known is run by its hash alone (only those: %s)', async (onlyKnown) => {
  const world = await open(onlyKnown);
  const anna = [200, { viewer: { userName: 'anna' } }];
  expect(await send(world, { documentId: `sha256:${hashOf(KNOWN)}` })).toEqual(anna);
  expect(await send(world, apq(KNOWN))).toEqual(anna);
  expect(await send(world, { documentId: hashOf(STORED), operationName: 'stored' })).toEqual([200, { viewer: { projectId: 'blue' } }]);
  expect(await send(world, { documentId: hashOf(OTHER) })).toEqual([404, 'PERSISTED_QUERY_NOT_FOUND']);
  expect(await send(world, { query: '', ...apq(OTHER) })).toEqual([404, 'PERSISTED_QUERY_NOT_FOUND']);
  expect(await send(world, { documentId: 7 })).toEqual([400, 'BAD_REQUEST']);
  expect(await overSocket(world, { query: '', ...apq(KNOWN) })).toEqual({ viewer: { userName: 'anna' } });
  expect(await overSocket(world, { query: '', ...apq(OTHER) })).toBe('PERSISTED_QUERY_NOT_FOUND');
});

test('nothing else is run where it is set so, over HTTP and WebSocket, with a hash or without', async () => {
  const world = await open(true);
  const mutation = 'mutation { findOrphans(input: {}) { __typename } }';
  for (const query of [OTHER, `${KNOWN} `, '{ __schema { queryType { name } } }', mutation, '{']) {
    expect([query, await send(world, { query })]).toEqual([query, [403, 'PERSISTED_QUERY_ONLY']]);
    // A hash does not vouch for another text.
    expect([query, await send(world, { query, ...apq(KNOWN) })]).toEqual([query, [403, 'PERSISTED_QUERY_ONLY']]);
    expect([query, await overSocket(world, { query })]).toEqual([query, 'PERSISTED_QUERY_ONLY']);
  }
  expect(await send(world, { query: KNOWN })).toEqual([200, { viewer: { userName: 'anna' } }]);
  expect((await send(world, { query: clientDocuments.VIEWER }))[0]).toBe(200);
  expect(await overSocket(world, { query: KNOWN })).toEqual({ viewer: { userName: 'anna' } });
  // What a URL asks for is read by one rule alone, so that no second one finds another document in it.
  const get = async (search: string) => (await fetch(`${world.url}?${search}`, { headers: { 'x-auth-token': 'anna' } })).status;
  expect(await get(`documentId=sha256:${hashOf(KNOWN)}`)).toBe(200);
  expect(await get(`query=${encodeURIComponent(KNOWN)}`)).toBe(200);
  expect(await get(`query=${encodeURIComponent(OTHER)}`)).toBe(403);
  expect(await get(`documentId=${hashOf(OTHER)}`)).toBe(404);
  for (const second of [`&query=${encodeURIComponent(OTHER)}`, `?&query=${encodeURIComponent(OTHER)}`, '?%0A%7Bviewer%7Broles%7D%7D']) {
    const response = await fetch(`${world.url}?query=${encodeURIComponent(KNOWN)}${second}`, { headers: { 'x-auth-token': 'anna' } });
    expect([second, await response.json()]).toMatchObject([second, { data: { viewer: { userName: 'anna' } } }]);
  }
  const read = await fetch(world.page('/graphql/read'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': 'anna' },
    body: JSON.stringify({ query: OTHER }),
  });
  expect(read.status).toBe(403);
  const stored = await fetch(world.page('/v1/ops/stored'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': 'anna' },
  });
  expect([stored.status, await stored.json()]).toEqual([200, { viewer: { projectId: 'blue' } }]);
});
