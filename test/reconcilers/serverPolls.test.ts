/** One listing a project tells of all its servers that are on their way, whoever's credential it takes. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Unavailable, UserError } from '../../src/domain/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Server } from '../../src/openstack/server.ts';
import type { Cloud } from '../../src/openstack/session.ts';
import { createServerPolls, type ServerPolls } from '../../src/reconcilers/serverPolls.ts';
import { workItems } from '../../src/store/tables.ts';
import { openTestDatabase, type TestDatabase } from '../store/database.ts';

let db: TestDatabase;
let polls: ServerPolls;
beforeEach(() => {
  db = openTestDatabase();
  polls = createServerPolls({ store: db.store, clock: { now: Date.now }, log: silentLog, turnMs: 5 });
});
afterEach(async () => {
  polls.close();
  await db.close();
});

const cloudOf = (listServers: () => Promise<Server[]>) => ({ compute: { listServers } }) as unknown as Cloud;
const follow = (clusterId: string, serverId: string, cloud: Cloud) =>
  polls.follow({ projectId: 'blue', clusterId, cloud, serverId, nodeId: `node of ${serverId}`, status: 'BUILD' });
const active = (id: string) => ({ id, status: 'ACTIVE' }) as Server;
const hinted = async () => (await db.store.db.select().from(workItems)).map(({ id }) => id).sort();
const until = async (what: () => Promise<boolean>) => {
  for (let i = 0; i < 400 && !(await what()); i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await what()).toBe(true);
};

test('a cluster whose credential is dead keeps no other of its project from hearing of its servers', async () => {
  const dead = cloudOf(() => Promise.reject(new UserError('CLOUD_CREDENTIAL', 'It is dead.')));
  // Each pass opens the project anew.
  for (let i = 0; i < 200; i += 1) follow('dead', `lost-${i}`, { ...dead });
  follow(
    'well',
    'server-1',
    cloudOf(async () => [active('server-1'), active('lost-7')]),
  );
  await until(async () => (await hinted()).length === 2);
  expect(await hinted()).toEqual(['node of lost-7', 'node of server-1']);
});

test('when none can list, all are tried again', async () => {
  let away = true;
  const cloud = (id: string) =>
    cloudOf(async () => {
      if (away) throw new Unavailable('CLOUD_UNAVAILABLE', 'It is away.');
      return [active(id)];
    });
  follow('one', 'server-1', cloud('server-1'));
  follow('two', 'server-2', cloud('server-2'));
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(await hinted()).toEqual([]);
  away = false;
  await until(async () => (await hinted()).length === 2);
});

test('nothing ticks once nobody is waited for', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    follow(
      'well',
      'server-1',
      cloudOf(async () => []),
    );
    expect(vi.getTimerCount()).toBe(1);
    polls.forget('server-1');
    await vi.advanceTimersByTimeAsync(100);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
