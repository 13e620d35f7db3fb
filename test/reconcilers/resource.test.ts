/** A create whose answer is lost: it is waited for before another is sent, the longer the slower the cloud is. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Conflict, NotFound, Unavailable, UserError } from '../../src/domain/errors.ts';
import { NotYet } from '../../src/engine/flow.ts';
import { ensureResource, presentId, removeResource } from '../../src/reconcilers/resource.ts';
import { inventory } from '../../src/store/tables.ts';
import { ANNA, call, type House, openHouse, TEMPLATE } from '../commands/house.ts';

/** What the client waits for an answer, as in openstack/http.ts. */
const TIMEOUT_MS = 30_000;
let house: House;
let clusterId: string;

beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
  clusterId = (await house.commands.createCluster(call(ANNA), { name: 'slow', clusterTemplate: 'standard' })).cluster.id;
});
afterEach(() => house.close());

const noAnswer = (status: number) =>
  new Unavailable('CLOUD_UNAVAILABLE', 'No answer.', { openstack: { service: 'network', status, requestId: null } });

const openScope = () => ({
  db: house.store.db,
  clock: { now: () => house.time.now },
  write: house.store.transaction,
  cutOffMs: 15_000,
  look: 'trust' as const,
  restored: false,
});

/** A cloud that takes `slowMs` to make a router; what it has begun, it ends, whether somebody waits or not. */
const ensureOn = async (slowMs: number, refusals: number[] = []) => {
  const { time } = house;
  const begun: number[] = [];
  const scope = openScope();
  const from = time.now;
  const router = {
    key: { clusterId, ownerId: clusterId, service: 'NETWORK' as const, kind: 'router', name: 'r' },
    find: async () => begun.map((at, i) => ({ id: `router-${i}`, at })).find(({ at }) => at + slowMs <= time.now),
    create: async () => {
      const status = refusals.shift();
      if (status !== undefined) throw noAnswer(status);
      begun.push(time.now);
      time.now += Math.min(slowMs, TIMEOUT_MS);
      if (slowMs > TIMEOUT_MS) throw noAnswer(0);
      return { id: `router-${begun.length - 1}` };
    },
  };
  for (let passes = 0; passes < 1_000; passes += 1) {
    try {
      return { id: await ensureResource(scope, router), begun: begun.map((at) => at - from), afterMs: time.now - from };
    } catch (error) {
      if (!(error instanceof NotYet || error instanceof Unavailable)) throw error;
      time.now += 1_000;
    }
  }
  throw new Error('it never ended');
};

test.each([
  [20, 1],
  [45, 1],
  [100, 2],
  [300, 3],
])('a cloud that takes %i s is asked %i times', async (seconds, times) => {
  const { id, begun, afterMs } = await ensureOn(seconds * 1000);
  expect(begun).toHaveLength(times);
  expect(id).toBe('router-0');
  expect(afterMs).toBeLessThanOrEqual(seconds * 1000 + 2_000);
});

test('what the service itself refused to answer is sent again at once, however long the first try is ago', async () => {
  await expect(ensureOn(20_000, [500, 500, 500])).resolves.toMatchObject({ begun: [3_000] });
});

test('a thing that is made anew is not waited for because of how long ago the first was made', async () => {
  await ensureOn(1_000);
  await house.store.transaction(async (tx) => void (await tx.db.update(inventory).set({ state: 'GONE' })));
  house.time.now += 86_400_000;
  expect((await ensureOn(45_000)).begun).toEqual([0]);
  await house.store.transaction(async (tx) => void (await tx.db.update(inventory).set({ state: 'GONE' })));
  house.time.now += 86_400_000;
  expect((await ensureOn(100_000)).begun).toEqual([0, 60_000]);
});

const refusalOf = (status: number) => {
  const openstack = { service: 'network', status, requestId: null };
  if (status === 409) return new Conflict('CONFLICT', 'In the way.', { openstack });
  if (status === 404) return new NotFound('Something', { openstack });
  return new UserError(status === 413 ? 'QUOTA_EXCEEDED' : 'CLOUD_REFUSED', 'Refused.', { openstack });
};

/** A create that made the thing and was refused all the same, for a proxy sent it twice; listings show it after `lag` looks. */
const refusedOnce = (error: Error, lag: number) => {
  let sent = 0;
  let looks = 0;
  const scope = openScope();
  const spec = {
    key: { clusterId, ownerId: clusterId, service: 'NETWORK' as const, kind: 'subnet', name: 's' },
    find: async () => {
      looks += 1;
      return looks > lag ? { id: 'subnet-0' } : undefined;
    },
    create: async () => {
      sent += 1;
      throw error;
    },
  };
  return { ensure: () => ensureResource(scope, spec), sent: () => sent, looks: () => looks };
};

test.each([400, 403, 404, 409, 413])('what is refused with %i is looked for before that is believed', async (status) => {
  const { ensure, sent } = refusedOnce(refusalOf(status), 0);
  expect(await ensure()).toBe('subnet-0');
  expect(sent()).toBe(1);
});

test('where the listing lags the next try looks again, at once, and sends nothing', async () => {
  const { ensure, sent } = refusedOnce(refusalOf(400), 1);
  await expect(ensure()).rejects.toThrow('Refused.');
  expect(await ensure()).toBe('subnet-0');
  expect(sent()).toBe(1);
});

test('what was taken back by the cloud, which made another of it, is found, and not asked for again', async () => {
  const { time, store } = house;
  const there = ['router-0'];
  let sent = 0;
  const scope = {
    db: store.db,
    clock: { now: () => time.now },
    write: store.transaction,
    cutOffMs: 15_000,
    look: 'full' as const,
    restored: false,
  };
  const spec = {
    key: { clusterId, ownerId: clusterId, service: 'NETWORK' as const, kind: 'router', name: 'r' },
    find: async () => there.map((id) => ({ id }))[0],
    create: async () => {
      sent += 1;
      return { id: `router-${sent - 1}` };
    },
    isThere: async (id: string) => there.includes(id),
  };
  expect(await ensureResource(scope, spec)).toBe('router-0');
  there.splice(0, 1, 'router-x');
  expect(await ensureResource(scope, spec)).toBe('router-x');
  expect(sent).toBe(1);
  there.pop();
  expect(await ensureResource(scope, spec)).toBe('router-1');
});

test('what was never asked for, as there is no right to ask with, is not looked for', async () => {
  const { ensure, looks } = refusedOnce(
    new UserError('CLOUD_CREDENTIAL', 'No.', { openstack: { service: 'identity', status: 401, requestId: null } }),
    9,
  );
  await expect(ensure()).rejects.toThrow('No.');
  await expect(ensure()).rejects.toThrow('No.');
  expect(looks()).toBe(0);
});

test('what is found after the database was put back has a note from then on, for whoever needs it and for its removal', async () => {
  const scope = { ...openScope(), restored: true };
  const key = { clusterId, ownerId: clusterId, service: 'NETWORK' as const, kind: 'security-group', name: 'g' };
  const create = () => Promise.reject(new Error('It is there already.'));
  expect(await ensureResource(scope, { key, find: async () => ({ id: 'group-0' }), create })).toBe('group-0');
  expect(await presentId(house.store.db, key)).toBe('group-0');
});

test('what may still come of a create that was cut off is waited for before it is taken to be gone', async () => {
  const { time } = house;
  const scope = openScope();
  const key = { clusterId, ownerId: clusterId, service: 'COMPUTE' as const, kind: 'server', name: 'n' };
  const there: { id: string; at: number }[] = [];
  const find = async () => there.find(({ at }) => at <= time.now);
  const create = async () => {
    there.push({ id: 'server-0', at: time.now + 10_000 });
    throw noAnswer(0);
  };
  await expect(ensureResource(scope, { key, find, create })).rejects.toThrow('No answer.');
  const remove = async (id: string) => {
    there.splice(
      there.findIndex((thing) => thing.id === id),
      1,
    );
    return true;
  };
  const tryToRemove = () => removeResource(scope, { key, find, remove });
  await expect(tryToRemove()).rejects.toThrow('the outcome of an interrupted request for a server');
  time.now += 9_999;
  await expect(tryToRemove()).rejects.toBeInstanceOf(NotYet);
  time.now += 1;
  expect(await tryToRemove()).toBe(true);
  expect(there).toEqual([]);
  expect(await tryToRemove()).toBe(true);
});

test('what a create that was cut off has not come to by then is gone', async () => {
  const scope = openScope();
  const key = { clusterId, ownerId: clusterId, service: 'COMPUTE' as const, kind: 'server', name: 'n' };
  const spec = { key, find: async () => undefined };
  await expect(ensureResource(scope, { ...spec, create: () => Promise.reject(noAnswer(0)) })).rejects.toThrow('No answer.');
  const remove = async () => true;
  await expect(removeResource(scope, { ...spec, remove })).rejects.toBeInstanceOf(NotYet);
  house.time.now += scope.cutOffMs;
  expect(await removeResource(scope, { ...spec, remove })).toBe(true);
});
