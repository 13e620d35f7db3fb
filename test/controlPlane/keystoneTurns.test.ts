/** Whose turn it is to have a token judged, and what is not worth a question: the guard as a real process over TLS. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Guard, known, NOBODY, newToken, OURS, startGuard } from './guard.ts';

let guard: Guard;
beforeAll(async () => {
  guard = await startGuard();
});
beforeEach(() => {
  guard.questionMs = 20;
});
afterAll(() => guard?.close());

test('k8s-keystone-auth is asked one question after the other, and each answer goes to who asked', async () => {
  guard.answer = (token) => known(OURS, { username: token });
  guard.mostAtOnce = 0;
  const tokens = Array.from({ length: 5 }, newToken);
  const names = await Promise.all(
    tokens.map(async (token) => ((await guard.statusOf(token)) as { user: { username: string } }).user.username),
  );
  expect(names).toEqual(tokens.map((token) => `keystone:default/${token}`));
  expect(guard.mostAtOnce).toBe(1);
});

test('who sends tokens without end shuts out nobody whose token is good, be it new or known', async () => {
  const good = new Set<string>();
  guard.answer = (token) => (good.has(token) ? known(OURS) : NOBODY);
  let stop = false;
  const flood = Array.from({ length: 30 }, async () => {
    while (!stop) await guard.statusOf(newToken());
  });
  try {
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (let i = 0; i < 10; i += 1) {
      const token = newToken();
      good.add(token);
      for (let again = 0; again < 2; again += 1) expect(await guard.statusOf(token)).toMatchObject({ authenticated: true });
    }
  } finally {
    stop = true;
    await Promise.all(flood);
  }
}, 120_000);

test('a token that was good lately goes before those that nobody knows', async () => {
  const good = newToken();
  guard.answer = (token) => (token === good ? known(OURS) : NOBODY);
  await guard.statusOf(good);
  guard.asked = [];
  guard.questionMs = 500;
  const ended: Promise<unknown>[] = [];
  const [a, b, c] = [newToken(), newToken(), newToken()];
  for (const token of [a, b, good, c]) {
    ended.push(guard.statusOf(token));
    // In this order, all while the first is under way.
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  await Promise.all(ended);
  expect(guard.asked.slice(0, 2)).toEqual([a, good]);
  expect(guard.asked.slice(2).toSorted()).toEqual([b, c].toSorted());
});

test('of too many the oldest is told so, in words that no API server keeps', async () => {
  guard.answer = () => NOBODY;
  // Longer than the guard's patience with a question, so that they pile up however slowly they come.
  guard.questionMs = 60_000;
  const isCrowded = (status: unknown) => JSON.stringify(status).includes('too many tokens at once');
  const sent = Array.from({ length: 260 }, () => guard.statusOf(newToken()));
  await Promise.any(sent.map(async (one) => isCrowded(await one) || Promise.reject(new Error('answered'))));
  guard.questionMs = 0;
  const crowded = (await Promise.all(sent)).filter(isCrowded);
  expect(crowded.length).toBeGreaterThan(0);
  expect(crowded.length).toBeLessThan(130);
}, 120_000);

test('what cannot be a token of Keystone is no question, nor is what was bad a moment ago', async () => {
  guard.answer = () => known(OURS);
  guard.asked = [];
  const jws = `eyJhbGciOiJFUzI1NiJ9.${randomBytes(200).toString('base64url')}.${randomBytes(64).toString('base64url')}`;
  for (const token of ['t', 'gAAAAA', 'a'.repeat(200), `${newToken()} `, '0'.repeat(32), `gAAAAA${'x'.repeat(5000)}`])
    expect(await guard.statusOf(token)).toEqual({ authenticated: false });
  expect(guard.asked).toEqual([]);
  expect(await guard.statusOf(jws)).toMatchObject({ authenticated: true });
  guard.answer = () => NOBODY;
  const bad = newToken();
  for (let i = 0; i < 3; i += 1) expect(await guard.statusOf(bad)).toEqual({ authenticated: false });
  expect(guard.asked).toEqual([jws, bad]);
});

test('a token on which k8s-keystone-auth hangs up is nobody, and the next is asked for', async () => {
  guard.answer = () => 'hang up';
  expect(await guard.statusOf(newToken())).toMatchObject({ authenticated: false });
  guard.answer = () => known(OURS);
  expect(await guard.statusOf(newToken())).toMatchObject({ authenticated: true });
});

test('a name arrives whole however its answer was cut', async () => {
  guard.answer = () => known(OURS, { username: 'jürgen' });
  expect(await guard.statusOf(newToken())).toMatchObject({ user: { username: 'keystone:default/jürgen' } });
});
