/** A range of loopback addresses of its own for each sandbox on the machine, from 127.77.0.0/16 to 127.126.0.0/16. */
import { randomInt } from 'node:crypto';
import { constants, existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';

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

const OWNER = userInfo().uid;
/** Of this user alone: in a folder that somebody else made, a name may lead anywhere. */
const NOTES = join(tmpdir(), `seedbed-sandbox-ranges-${OWNER}`);

const areNotesOwn = (): boolean => {
  const { uid, mode } = lstatSync(NOTES);
  return uid === OWNER && (mode & constants.S_IFMT) === constants.S_IFDIR && (mode & 0o022) === 0;
};

/** Says which world will want the range again: a file for each, of which that of a world that is gone is out of date. */
const noteOf = (second: number): string => join(NOTES, String(second));

const note = (second: number, worldPath: string): void => {
  try {
    mkdirSync(NOTES, { recursive: true, mode: 0o700 });
    if (areNotesOwn()) writeFileSync(noteOf(second), resolve(worldPath));
  } catch {
    // Then the range is no more than likely to be free when it is wanted.
  }
};

const isWanted = (second: number): boolean => {
  try {
    return areNotesOwn() && existsSync(readFileSync(noteOf(second), 'utf8'));
  } catch {
    return false;
  }
};

/**
 * `remembered`: the range of an earlier run, whose addresses stand in certificates and kubeconfigs, so that no other will do. `worldPath`: the file of the
 * world that will want it again, where it is kept. Throws when it is not to be had: another sandbox with the same data still runs.
 */
export const claimAddressRange = async (
  remembered: number | undefined,
  worldPath: string,
  among = { first: FIRST, last: LAST },
): Promise<AddressRange> => {
  const range = await (remembered === undefined ? claimNew(among) : claimAgain(remembered));
  note(range.second, worldPath);
  return range;
};

const claimAgain = async (remembered: number): Promise<AddressRange> => {
  for (let tries = 0; tries < RETRIES; tries += 1) {
    const server = await claim(remembered);
    if (server) return rangeOf(remembered, server);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  throw new Error(
    `The addresses 127.${remembered}.0.0/16 of this sandbox are in use by another one on this machine, perhaps on the same data directory; end that one, or use another directory.`,
  );
};

const claimNew = async ({ first, last }: { first: number; last: number }): Promise<AddressRange> => {
  // Where it begins is left to chance, and one that is free only because its sandbox is down is the last choice.
  const count = last + 1 - first;
  const begin = randomInt(count);
  const all = Array.from({ length: count }, (_, i) => first + ((begin + i) % count));
  for (const second of [...all.filter((one) => !isWanted(one)), ...all.filter(isWanted)]) {
    const server = await claim(second);
    if (server) return rangeOf(second, server);
  }
  throw new Error(`No range of loopback addresses is free for the sandbox (127.${first}.0.0/16 to 127.${last}.0.0/16).`);
};
