import { randomBytes, randomUUID } from 'node:crypto';

/** A new object id: a random UUID, as OpenStack's own ids are. In one piece: Node's is a string of twenty, which takes ten times the memory while nobody reads it. */
export const newId = (): string => Buffer.from(randomUUID(), 'latin1').toString('latin1');

/** A request's id in the form that OpenStack's services pass on; `id`: a UUID. */
export const openstackRequestId = (id: string): string => `req-${id}`;

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** A random string of lower-case letters and digits, unbiased, from the system's source. */
export const randomToken = (length: number): string => {
  let out = '';
  while (out.length < length) {
    for (const byte of randomBytes(length * 2)) {
      // 252 is the largest multiple of 36 in a byte: dropping the rest keeps every letter equally likely.
      if (byte < 252 && out.length < length) out += ALPHABET[byte % 36];
    }
  }
  return out;
};
