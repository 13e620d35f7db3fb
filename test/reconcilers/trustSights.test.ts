import { beforeEach, expect, test } from 'vitest';
import { createTrustSights, type TrustSights } from '../../src/reconcilers/trustSights.ts';

const MAX_AGE_MS = 60_000;

let now: number;
let lent: Set<string>;
let listings: number;
let looks: string[];
let dead: Set<string>;
let sights: TrustSights;

beforeEach(() => {
  now = 1_000_000;
  lent = new Set(['a', 'b', 'c']);
  listings = 0;
  looks = [];
  dead = new Set();
  sights = createTrustSights({
    clock: { now: () => now },
    maxAgeMs: MAX_AGE_MS,
    listIds: async () => {
      listings += 1;
      if (lent.size === 0) throw new Error('Keystone is away');
      return new Set(lent);
    },
  });
});

const holds = (trustId: string, more: { trustorUserId?: string; roles?: string[]; projectId?: string } = {}) => {
  const terms = { trustorUserId: 'ada', roles: ['member', 'reader'], projectId: 'p', expiresAt: '2036-01-01T00:00:00Z', ...more };
  return sights.holds({ ...terms, trustId }, async () => {
    looks.push(trustId);
    return !dead.has(trustId);
  });
};

test('of trusts of one trustor, project and roles one is asked about, and all are listed once', async () => {
  expect([await holds('a'), await holds('b'), await holds('c', { roles: ['reader', 'member'] })]).toEqual([true, true, true]);
  expect(looks).toEqual(['a']);
  expect(listings).toBe(1);
  now += MAX_AGE_MS;
  await holds('b');
  expect(looks).toEqual(['a', 'b']);
});

test.each([
  ['trustor', { trustorUserId: 'bob' }],
  ['project', { projectId: 'q' }],
  ['roles', { roles: ['member'] }],
])('a trust of another %s is asked about itself', async (_, more) => {
  await holds('a');
  dead.add('b');
  expect(await holds('b', more)).toBe(false);
  expect(looks).toEqual(['a', 'b']);
});

test('one that is not in the list is asked about, and its death says nothing of the others', async () => {
  lent.delete('b');
  dead.add('b');
  expect([await holds('a'), await holds('b'), await holds('c')]).toEqual([true, false, true]);
  expect(looks).toEqual(['a', 'b']);
});

test('one that holds no longer is asked about at each look, until it does', async () => {
  dead.add('a');
  expect([await holds('a'), await holds('a')]).toEqual([false, false]);
  dead.clear();
  expect(await holds('a')).toBe(true);
  expect(looks).toEqual(['a', 'a', 'a']);
});

test('a listing that fails is told, and asked for again', async () => {
  await holds('a');
  const all = lent;
  lent = new Set();
  await expect(holds('b')).rejects.toThrow('Keystone is away');
  lent = all;
  expect(await holds('b')).toBe(true);
});
