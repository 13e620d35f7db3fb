/** The keys that seal a cluster's Secrets in its etcd, and how one takes the place of another without a moment in which somebody cannot read. */
import { randomBytes } from 'node:crypto';

export interface EncryptionKey {
  /** Counts up; a key's name in the API server's configuration is made of it. */
  number: number;
  /** 32 random bytes in base64. */
  secret: string;
}

export interface Encryption {
  /** The first writes, all read. */
  keys: EncryptionKey[];
  /** Secrets may be there that were written before there was a key. */
  plain: boolean;
  /** Rotations that are finished. */
  turn: number;
  /** Every API server that runs reads this very form. */
  spread: boolean;
}

export interface EncryptionChange {
  /** Every Secret is to be written anew before the change. */
  rewrite: boolean;
  after: Encryption;
}

/** `fresh`: nothing has been written yet. */
export const createEncryption = (fresh: boolean): Encryption => ({ keys: [createKey(1)], plain: !fresh, turn: 0, spread: fresh });

/**
 * The next change of a form that every API server reads; undefined when there is none. `wanted`: rotations that were asked for.
 * Added behind the old key, then before it, then Secrets are written anew, then the old one goes: API servers that are rolled one
 * after the other can read what any of them writes.
 */
export const nextEncryption = (now: Encryption, wanted: number): EncryptionChange | undefined => {
  const [first, second, ...others] = now.keys;
  const change = (after: Partial<Encryption>, rewrite = false): EncryptionChange => ({
    rewrite,
    after: { ...now, spread: false, ...after },
  });
  if (first === undefined) throw new Error('A cluster without an encryption key cannot read its Secrets.');
  if (second !== undefined && first.number < second.number) return change({ keys: [second, first, ...others] });
  if (second !== undefined) return change({ keys: [first], plain: false, turn: now.turn + 1 }, true);
  if (now.plain) return change({ plain: false }, true);
  if (now.turn < wanted) return change({ keys: [first, createKey(first.number + 1)] });
  return undefined;
};

/**
 * For data that was written with other keys: the newest there was goes on writing, and all that were in use then or are now read. A key of
 * `then` that is not known any more goes once Secrets have been written anew, as after any change of keys.
 */
export const readingAlso = (now: Encryption, then: Encryption): Encryption => {
  const known = new Set(now.keys.map(({ secret }) => secret));
  const old = then.keys.filter(({ secret }) => !known.has(secret));
  if (old.length === 0 && !then.plain) return now;
  // Writing Secrets anew to be rid of an old key ends what counts as a rotation, and nobody asked for one.
  const turn = old.length > 0 && now.keys.length === 1 ? now.turn - 1 : now.turn;
  return { keys: [...now.keys, ...old], plain: now.plain || then.plain, turn, spread: false };
};

/**
 * For data of another cluster, before an API server has begun: the own key writes, and those of the data are read until Secrets have been
 * written anew. Their names are in the data, so the own one takes the next number.
 */
export const takingOver = ({ keys: [own] }: Encryption, theirs: Encryption): Encryption => {
  if (own === undefined) throw new Error('A cluster without an encryption key cannot write Secrets.');
  const number = Math.max(...theirs.keys.map((key) => key.number)) + 1;
  // To be rid of the old keys counts as a rotation, and nobody asked for one.
  return { keys: [{ ...own, number }, ...theirs.keys], plain: theirs.plain, turn: -1, spread: false };
};

/** What is waited for until every API server reads a form. */
export const phaseOf = ({ keys: [first, second], turn, plain }: Encryption): string => {
  if (first !== undefined && second !== undefined)
    return first.number < second.number
      ? 'step 1 of 4: every API server to know the new key'
      : 'step 2 of 4: every API server to write with the new key';
  if (plain) return 'every API server to write with the key';
  return turn === 0 ? 'every API server to take nothing but what is sealed' : 'step 4 of 4: every API server to forget the old key';
};

const createKey = (number: number): EncryptionKey => ({ number, secret: randomBytes(32).toString('base64') });
