/** /readyz: anybody may ask as often as he likes, and Keystone hears of it every few seconds. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { startServer } from '../../src/server.ts';
import { startCloud } from '../sandbox/cloud.ts';
import { openWorld } from './world.ts';

const KEYSTONE_DOWN = new Error('Keystone does not answer.');
const GOOD = [200, 'ok\n'];
const BAD = [503, 'Keystone does not answer.\n'];

const readyz = async (page: (path: string) => string): Promise<[number, string]> => {
  const response = await fetch(page('/readyz'));
  return [response.status, await response.text()];
};

test('good news is told for five seconds, bad news for one', async () => {
  const world = await openWorld();
  const ask = async () => [...(await readyz(world.page)), world.looks.count];
  expect(await ask()).toEqual([...GOOD, 1]);
  world.keystone.down = KEYSTONE_DOWN;
  world.time.now += 4_999;
  expect(await ask()).toEqual([...GOOD, 1]);
  world.time.now += 1;
  expect(await ask()).toEqual([...BAD, 2]);
  world.keystone.down = null;
  world.time.now += 999;
  expect(await ask()).toEqual([...BAD, 2]);
  world.time.now += 1;
  expect(await ask()).toEqual([...GOOD, 3]);
  // A clock that was put back by an hour.
  world.keystone.down = KEYSTONE_DOWN;
  world.time.now -= 3_600_000;
  expect(await ask()).toEqual([...BAD, 4]);
});

test('all who ask while Keystone is being asked wait for the one look, and one that broke down is not remembered', async () => {
  const world = await openWorld();
  let answer = (): void => {};
  world.looks.before = () =>
    new Promise<void>((_resolve, reject) => {
      answer = () => reject(new Error('The look itself failed.'));
    });
  const asked = Array.from({ length: 20 }, () => readyz(world.page));
  await expect.poll(() => world.looks.count).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  answer();
  for (const [status] of await Promise.all(asked)) expect(status).toBe(500);
  expect(world.looks.count).toBe(1);
  world.looks.before = async () => {};
  expect(await readyz(world.page)).toEqual(GOOD);
});

test('of a hundred calls at once Keystone hears one; a failure is seen soon, and so is its end', async () => {
  const cloud = await startCloud();
  const { username, password, projectName } = cloud.sandbox.handover.users.service;
  const login = { keystoneUsername: username, keystonePassword: password, keystoneProject: projectName };
  const own = { listen: '127.0.0.1:0', data: join(cloud.dataDir, 'server'), logLevel: 'silent' as const };
  const server = await startServer(readConfig({}, { ...own, keystoneUrl: cloud.sandbox.handover.authUrl, ...login }));
  onTestFinished(async () => {
    await server.close(1_000);
    await cloud.close();
    rmSync(cloud.dataDir, { recursive: true, force: true });
  });
  const page = (path: string) => new URL(path, server.url).href;
  const calls = async () => {
    const { at } = await cloud.control('GET', '/counters');
    return Number(at('byService', 'identity', 'total') ?? 0);
  };
  // The first look may log in, too.
  expect(await readyz(page)).toEqual(GOOD);
  await new Promise((resolve) => setTimeout(resolve, 5_100));
  const before = await calls();
  const statuses = await Promise.all(Array.from({ length: 100 }, async () => (await readyz(page))[0]));
  expect([...new Set(statuses)]).toEqual([200]);
  expect((await calls()) - before).toBe(1);

  await cloud.control('POST', '/faults', { kind: 'status', service: 'identity', status: 503 });
  const away = Date.now();
  await expect.poll(() => readyz(page), { timeout: 8_000, interval: 200 }).toEqual([503, 'Keystone does not let the service user in.\n']);
  expect(Date.now() - away).toBeLessThan(7_000);
  await cloud.control('DELETE', '/faults');
  const back = Date.now();
  await expect.poll(() => readyz(page), { timeout: 5_000, interval: 100 }).toEqual(GOOD);
  expect(Date.now() - back).toBeLessThan(3_000);
}, 40_000);
