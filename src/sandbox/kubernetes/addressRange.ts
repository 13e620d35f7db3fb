/** A range of loopback addresses of its own for each sandbox on the machine, from 127.77.0.0/16 to 127.126.0.0/16. */
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

const FIRST = 77;
const LAST = 126;
/** Nobody serves here; whoever listens has the range. */
const CLAIM_PORT = 47_077;
const RETRIES = 40;
const RETRY_MS = 150;

export interface AddressRange {
  second: number;
  /** Such as 127.77. */
  prefix: string;
  /** The part of it that is the cloud's outside: a thousand clusters want a router each, and floating IPs besides. */
  outside: string;
  close(): void;
}

const claim = (second: number): Promise<Server | undefined> =>
  new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ host: `127.${second}.255.254`, port: CLAIM_PORT }, () => resolve(server.unref()));
  });

const rangeOf = (second: number, server: Server): AddressRange => ({
  second,
  prefix: `127.${second}`,
  outside: `127.${second}.128.0/18`,
  close: () => server.close(),
});

/**
 * `remembered`: the range of an earlier run, whose addresses stand in certificates and kubeconfigs, so that no other will do.
 * Throws when it is not to be had: another sandbox with the same data still runs.
 */
export const claimAddressRange = async (remembered: number | undefined): Promise<AddressRange> => {
  if (remembered !== undefined) {
    for (let tries = 0; tries < RETRIES; tries += 1) {
      const server = await claim(remembered);
      if (server) return rangeOf(remembered, server);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    throw new Error(
      `The addresses 127.${remembered}.0.0/16 of this sandbox are in use by another one on this machine, perhaps on the same data directory; end that one, or use another directory.`,
    );
  }
  // Where it begins is left to chance: a range that is free only because its sandbox is down will be wanted again.
  const count = LAST + 1 - FIRST;
  const begin = randomInt(count);
  for (let i = 0; i < count; i += 1) {
    const second = FIRST + ((begin + i) % count);
    const server = await claim(second);
    if (server) return rangeOf(second, server);
  }
  throw new Error('No range of loopback addresses is free for the sandbox (127.77.0.0/16 to 127.126.0.0/16).');
};
