/** Stores of others that are reached by signed URLs, by pods and by Seedbed alike: what S3 and Swift have in common. */
import { Unavailable } from '../domain/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { createHostAddresses, type HostAddresses } from './hostAddresses.ts';
import { CHECKSUM_BYTES, type ObjectStore, type StoredObject, type Transfer } from './objectStore.ts';
import { capital, codeOf, createWire, type WireCall, type WireDeps, type WireReply } from './wire.ts';

type Method = WireCall['method'];

export interface SignedStoreDeps extends WireDeps {
  clock: Clock;
  /** A URL for one method on one object. @throws SeedbedErrors. */
  sign(order: { method: Method; name: string; ttlMs: number }): Promise<string>;
  /** Whether an answer says that there is no such object, and not that there is no place for any. */
  isAbsent(reply: WireReply): boolean;
  /** Why an answer is no success: a SeedbedError. */
  refusalOf(reply: WireReply): Error;
  /** After an answer that a signature is not good: true when another may be. */
  signAnew?(reply: WireReply): boolean;
}

/** For a call of Seedbed's own. */
const OWN_TTL_MS = 300_000;

export const createSignedStore = (deps: SignedStoreDeps): ObjectStore => {
  const wire = createWire(deps);
  const addressesOf = createAddressBook(deps);

  const call = async (method: Method, name: string, more: Pick<WireCall, 'headers' | 'body'> = {}): Promise<WireReply | undefined> => {
    const once = async () => wire.send({ method, url: await deps.sign({ method, name, ttlMs: OWN_TTL_MS }), ...more });
    const first = await once();
    const reply = deps.signAnew?.(first) === true ? await once() : first;
    if ((reply.status >= 200 && reply.status <= 299) || reply.status === 416) return reply;
    if (deps.isAbsent(reply) && method !== 'PUT') return undefined;
    throw deps.refusalOf(reply);
  };
  const transfer = async (method: Method, name: string, ttlMs: number): Promise<Transfer> => {
    const url = await deps.sign({ method, name, ttlMs });
    return { url, headers: {}, caPem: deps.caPem, addresses: await addressesOf(url, 'newest') };
  };
  return {
    end: async () => {
      const url = await deps.sign({ method: 'GET', name: 'end', ttlMs: OWN_TTL_MS });
      const { port, protocol } = new URL(url);
      return { port: Number(port) || (protocol === 'https:' ? 443 : 80), addresses: await addressesOf(url, 'all') };
    },
    upload: (name, { ttlMs }) => transfer('PUT', name, ttlMs),
    download: (name, { ttlMs }) => transfer('GET', name, ttlMs),
    put: async (name, body) => {
      await call('PUT', name, { body });
    },
    get: async (name) => (await call('GET', name))?.body,
    stat: async (name) => {
      const reply = await call('GET', name, { headers: { range: `bytes=-${CHECKSUM_BYTES}` } });
      return reply && endOf(reply);
    },
    remove: async (name) => {
      await call('DELETE', name);
    },
    close: () => wire.close(),
  };
};

/** One call tells both, so that they are of the same object. An empty one has no range that could be given. */
const endOf = ({ status, headers, body }: WireReply): StoredObject => {
  if (status === 416) return { sizeBytes: 0, tail: Buffer.alloc(0) };
  const [, total] = /\/(\d+)$/.exec(String(headers['content-range'] ?? '')) ?? [];
  const sizeBytes = status === 206 ? Number(total) : body.length;
  if (!Number.isSafeInteger(sizeBytes)) throw new Unavailable('CLOUD_UNAVAILABLE', 'The object store does not say how large an object is.');
  return { sizeBytes, tail: body.subarray(-CHECKSUM_BYTES) };
};

/** By host: Swift's is known only when its URL is. */
const createAddressBook = ({ clock, store, placeSetting }: SignedStoreDeps) => {
  const hosts = new Map<string, HostAddresses>();
  return async (url: string, which: 'newest' | 'all'): Promise<string[]> => {
    const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
    const known = hosts.get(host) ?? createHostAddresses({ host, clock });
    hosts.set(host, known);
    try {
      return await known[which]();
    } catch (error) {
      const message = `The name of ${store} has no address (${codeOf(error)}); see ${placeSetting} if that lasts.`;
      throw new Unavailable('CLOUD_UNAVAILABLE', capital(message), { whoMustAct: 'CLOUD_ADMIN' });
    }
  };
};
