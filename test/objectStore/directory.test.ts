/** The folder's server: it takes and gives what a URL of its own is for, and whatever else is asked of it is refused and nobody's error. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { openDirectoryStore } from '../../src/objectStore/directory.ts';
import type { ObjectStore } from '../../src/objectStore/objectStore.ts';
import { freeAddress } from '../autoscaler/freeAddress.ts';
import { makeTls, type TestTls } from './tls.ts';

const HOUR = 3_600_000;
const folder = mkdtempSync(join(tmpdir(), 'directory-'));
const time = { now: Date.parse('2027-01-01T00:00:00Z') };
const errors: string[] = [];
const notes: string[] = [];
let store: ObjectStore;
let tls: TestTls;
beforeAll(async () => {
  const address = await freeAddress();
  tls = await makeTls('127.0.0.1');
  const log: Log = {
    ...silentLog,
    info: (_fields, message) => void notes.push(message),
    error: (_fields, message) => void errors.push(message),
  };
  const clock = { now: () => time.now };
  store = await openDirectoryStore({ folder, listen: address, address, tls, urlKey: Buffer.alloc(32, 7), clock, log });
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** `path`: the request's target, as it is. */
const ask = (base: string, { method = 'GET', path, body }: { method?: string; path: string; body?: Buffer }) =>
  new Promise<{ status: number; body: string }>((resolve, reject) => {
    const { hostname, port } = new URL(base);
    const call = request({ hostname, port, method, path, ca: tls.caPem, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    call.on('error', reject);
    call.end(body);
  });

const body = Buffer.from('what etcd had');
const whole = Buffer.concat([body, createHash('sha256').update(body).digest()]);

test('a URL is good for its one object, its one way, its size and its time', async () => {
  const name = `${randomUUID()}/${randomUUID()}.db`;
  const { url } = await store.upload(name, { ttlMs: HOUR, maxBytes: 1_000 });
  const path = url.slice(new URL(url).origin.length);
  const put = (changed: string, method = 'PUT') => ask(url, { method, path: changed, body: whole });
  for (const wrong of [
    path.replace(/[0-9a-f]{12}\.db/, '000000000000.db'),
    path.replace('.db', '.keys'),
    path.replace('max=1000', 'max=100000'),
    path.replace(/expires=\d/, 'expires=9'),
    path.replace(/signature=.*/, 'signature='),
    `${path}x`,
  ])
    expect((await put(wrong)).status).toBe(403);
  for (const method of ['GET', 'DELETE', 'POST']) expect((await put(path, method)).status).toBe(403);
  expect((await put(path)).status).toBe(201);
  const down = (await store.download(name, { ttlMs: HOUR })).url;
  const given = await ask(down, { path: down.slice(new URL(down).origin.length) });
  expect([given.status, given.body.slice(0, body.length)]).toEqual([200, String(body)]);
  time.now += HOUR;
  expect((await put(path)).status).toBe(403);
});

test.each(['//', '//store:99999/backups/x', '/backups/../../etc/passwd', '/backups/%2e%2e/x', '/\\', 'http://[', '*', '/backups/'])(
  '%s is refused, and no error of ours',
  async (path) => {
    const { url } = await store.download(`${randomUUID()}/${randomUUID()}.db`, { ttlMs: HOUR });
    expect((await ask(url, { path })).status).toBe(403);
    expect(errors).toEqual([]);
  },
);

const hangUps = () => notes.filter((note) => note.includes('hung up')).length;

test('who hangs up in the middle of an upload or of a download is noted, and no error of ours', async () => {
  const name = `${randomUUID()}/${randomUUID()}.db`;
  const { url: up } = await store.upload(name, { ttlMs: HOUR, maxBytes: 100_000 });
  const target = (url: string) => ({ hostname: '127.0.0.1', port: new URL(url).port, path: url.slice(new URL(url).origin.length) });
  const upload = request({ ...target(up), method: 'PUT', ca: tls.caPem, agent: false, headers: { 'Content-Length': 1_000 } });
  upload.on('error', () => {});
  const before = hangUps();
  upload.write(body, () => setTimeout(() => upload.destroy(), 50));
  await vi.waitFor(() => expect(hangUps()).toBe(before + 1), { timeout: 10_000 });
  expect(await store.stat(name)).toBeUndefined();

  await store.put(name, Buffer.alloc(32_000_000));
  const { url: down } = await store.download(name, { ttlMs: HOUR });
  const download = request({ ...target(down), ca: tls.caPem, agent: false }, (response) => response.once('data', () => response.destroy()));
  download.on('error', () => {});
  download.end();
  await vi.waitFor(() => expect(hangUps()).toBe(before + 2), { timeout: 10_000 });
  expect(errors).toEqual([]);
});
