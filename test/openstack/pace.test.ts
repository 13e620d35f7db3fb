import { expect, test } from 'vitest';
import type { HttpCall } from '../../src/openstack/http.ts';
import { createPace } from '../../src/openstack/pace.ts';

test('the same write has one turn a second, and nothing else waits for it', () => {
  let now = 10_000;
  const pace = createPace({ now: () => now });
  const create = (name: string): HttpCall => ({ service: 'network', method: 'POST', url: 'http://cloud/ports', body: { name } });
  expect([pace.turnOf(create('a')), pace.turnOf(create('b'))]).toEqual([0, 0]);
  now += 300;
  expect(pace.turnOf(create('a'))).toBe(700);
  expect(pace.turnOf(create('a')), 'behind the one that waits').toBe(1_700);
  const read: HttpCall = { service: 'network', method: 'GET', url: 'http://cloud/ports' };
  expect([pace.turnOf(read), pace.turnOf(read)]).toEqual([0, 0]);
  now += 2_800;
  expect(pace.turnOf(create('a'))).toBe(0);
});

test('the second begins with the answer: a write whose way took long is not sent again right behind it', () => {
  let now = 10_000;
  const pace = createPace({ now: () => now });
  const create: HttpCall = { service: 'network', method: 'POST', url: 'http://cloud/ports', body: { name: 'a' } };
  pace.turnOf(create);
  now += 600;
  pace.ended(create);
  now += 400;
  expect(pace.turnOf(create)).toBe(600);
  now += 5_000;
  pace.ended(create);
  expect(pace.turnOf(create), 'after a time-out').toBe(1_000);
  pace.ended(create);
  expect(pace.turnOf(create), 'behind the one that waits').toBe(2_000);
});
