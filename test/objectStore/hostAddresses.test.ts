/** Names of stores answer otherwise each time: what a pod was told to dial stays open for as long as it may take. */
import { expect, test } from 'vitest';
import { createHostAddresses } from '../../src/objectStore/hostAddresses.ts';

const MINUTE_MS = 60_000;

test('a name is asked for once a minute, and what it stood for in the last hour stays', async () => {
  let now = 0;
  let asked = 0;
  const resolve = async () => {
    asked += 1;
    return [`192.0.2.${asked}`, '2001:db8::1'];
  };
  const addresses = createHostAddresses({ host: 's3.example.org', clock: { now: () => now }, resolve });
  expect([await addresses.newest(), await addresses.newest()]).toEqual(Array(2).fill(['192.0.2.1', '2001:db8::1']));
  now = MINUTE_MS;
  expect(await addresses.newest()).toEqual(['192.0.2.2', '2001:db8::1']);
  now = 60 * MINUTE_MS;
  expect(await addresses.all()).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1']);
  now = 63 * MINUTE_MS;
  expect(await addresses.all()).toEqual(['192.0.2.3', '192.0.2.4', '2001:db8::1']);
  expect(asked).toBe(4);
});

test('an address is itself, and a name that has none is no open door', async () => {
  const resolve = async () => [];
  const of = (host: string) => createHostAddresses({ host, clock: { now: () => 0 }, resolve });
  expect(await of('2001:db8::7').all()).toEqual(['2001:db8::7']);
  await expect(of('nothing.example.org').all()).rejects.toThrow('no address');
});
