/** What every store of others' is held against, whatever it speaks. */
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { expect } from 'vitest';
import type { Log } from '../../src/lib/log.ts';
import type { ObjectStore, Transfer } from '../../src/objectStore/objectStore.ts';

export const newName = (): string => `${randomUUID()}/${randomUUID()}.db`;

/** As curl sends it: the headers of the transfer and the length, and nothing else. */
export const carry = (method: string, { url, headers, caPem }: Transfer, body?: Buffer): Promise<{ status: number; body: Buffer }> =>
  new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    const call = request(url, { method, headers: { ...headers, ...length }, ca: caPem ?? undefined, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }));
    });
    call.on('error', reject);
    call.end(body);
  });

export const failureOf = async (call: Promise<unknown>): Promise<unknown> => {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error('it should have failed');
};

/** A server that nobody is to call: every connection counts, whatever comes over it. */
const startBystander = async (): Promise<{ origin: string; connections: () => number; close: () => void }> => {
  let connections = 0;
  const server = createServer((_, response) => void response.end()).on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connections: () => connections, close };
};

/** Each way in which Seedbed itself calls a store, when the store sends it elsewhere; the errors, none of which may repeat where. */
export const expectNoRedirect = async (store: ObjectStore, redirectTo: (location: string, status: number) => void): Promise<Error[]> => {
  const other = await startBystander();
  const errors: Error[] = [];
  for (const status of [302, 307]) {
    redirectTo(`${other.origin}/elsewhere?signed=in-the-location`, status);
    for (const call of ['get', 'stat', 'remove'] as const) errors.push((await failureOf(store[call](newName()))) as Error);
    errors.push((await failureOf(store.put(newName(), Buffer.from('x')))) as Error);
  }
  for (const error of errors) expect(textOf(error)).not.toMatch(/in-the-location|elsewhere\?/);
  expect(other.connections()).toBe(0);
  other.close();
  return errors;
};

/** Everything that was said, as one text. */
export const listeningLog = (): { log: Log; said: () => string } => {
  const lines: unknown[] = [];
  const note = (level: string) => (fields: object, message: string) => void lines.push([level, fields, message]);
  const log: Log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error'), child: () => log };
  return { log, said: () => inspect(lines, { depth: null, showHidden: true, maxStringLength: null }) };
};

/** With causes and all. */
export const textOf = (error: unknown): string => inspect(error, { depth: null, showHidden: true });

/** Objects come back as they were put, by pods and by Seedbed, and a transfer is good for its own way and object alone. */
export const expectToKeep = async (store: ObjectStore, other: (url: string) => string): Promise<void> => {
  const [name, body] = [newName(), randomBytes(100_000)];
  expect([await store.get(name), await store.stat(name)]).toEqual([undefined, undefined]);
  const up = await store.upload(name, { ttlMs: 60_000, maxBytes: 1 });
  expect(up.addresses).toContain('127.0.0.1');
  expect((await store.end()).addresses).toEqual(expect.arrayContaining(up.addresses ?? []));
  expect(String((await store.end()).port)).toBe(new URL(up.url).port);
  expect((await carry('GET', up)).status).toBeGreaterThanOrEqual(400);
  expect((await carry('PUT', { ...up, url: other(up.url) }, body)).status).toBeGreaterThanOrEqual(400);
  expect((await carry('PUT', up, body)).status).toBeLessThan(300);
  expect(await store.stat(name)).toEqual({ sizeBytes: body.length, tail: body.subarray(-32) });
  expect((await store.get(name))?.equals(body)).toBe(true);
  const down = await store.download(name, { ttlMs: 60_000 });
  expect((await carry('GET', down)).body.equals(body)).toBe(true);
  for (const method of ['PUT', 'DELETE']) expect((await carry(method, down, Buffer.alloc(1))).status).toBeGreaterThanOrEqual(400);
  await store.put(name, Buffer.from('short'));
  expect(await store.stat(name)).toEqual({ sizeBytes: 5, tail: Buffer.from('short') });
  await store.put(name, Buffer.alloc(0));
  expect(await store.stat(name)).toEqual({ sizeBytes: 0, tail: Buffer.alloc(0) });
  for (let i = 0; i < 2; i += 1) await store.remove(name);
  expect(await store.get(name)).toBeUndefined();
};
