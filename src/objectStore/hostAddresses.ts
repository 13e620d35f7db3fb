/** What a store's name stands for: such names answer otherwise each time, and what pods dial must be what is opened for them. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import { LONGEST_TTL_MS } from './objectStore.ts';

export interface HostAddresses {
  /** As they are now, or were a minute ago; one at the least. @throws the resolver's error. */
  newest(): Promise<string[]>;
  /** With those of transfers that may still be under way, in order. A new process knows the newest alone: what fails by that is tried again. */
  all(): Promise<string[]>;
}

export interface HostAddressesDeps {
  host: string;
  clock: Clock;
  resolve?: (host: string) => Promise<string[]>;
}

const FRESH_MS = 60_000;

export const createHostAddresses = ({ host, clock, resolve = resolveAll }: HostAddressesDeps): HostAddresses => {
  const seen = new Map<string, number>();
  let last: { at: number; addresses: string[] } | null = null;
  const newest = async (): Promise<string[]> => {
    if (isIP(host) !== 0) return [host];
    const now = clock.now();
    if (last !== null && now - last.at < FRESH_MS) return last.addresses;
    const addresses = await resolve(host);
    if (addresses.length === 0) throw new Error('no address');
    for (const address of addresses) seen.set(address, now);
    last = { at: now, addresses };
    return addresses;
  };
  return {
    newest,
    all: async () => {
      const current = await newest();
      // What was newest until a moment ago may have been handed out then.
      for (const [address, at] of seen) if (clock.now() - at > LONGEST_TTL_MS + FRESH_MS) seen.delete(address);
      return [...new Set([...current, ...seen.keys()])].sort();
    },
  };
};

const resolveAll = async (host: string): Promise<string[]> => (await lookup(host, { all: true })).map(({ address }) => address);
