/** Seals secrets with AES-256-GCM before they touch the database; the row's place is authenticated with them. */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

export interface Sealer {
  keyId: string;
  seal(plain: string, place: string): Buffer;
  /** Throws when the key is not among ours, or the blob was changed or moved to another row. */
  open(sealed: Buffer, keyId: string, place: string): string;
}

/** A sealed secret begins with its nonce, which no other sealing has. */
export const NONCE_BYTES = 12;
const TAG = 16;

/** The beginning of its hash: it says which key it is, and nothing of the key. */
export const keyIdOf = (key: Buffer): string => createHash('sha256').update('seedbed key id').update(key).digest('hex').slice(0, 8);

/** `keys`: 32 bytes each; the first seals, all open. */
export const createSealer = (keys: readonly Buffer[]): Sealer => {
  const byId = new Map(keys.map((key) => [keyIdOf(key), key]));
  const first = [...byId][0];
  if (first === undefined || keys.some((key) => key.length !== 32)) throw new Error('An encryption key must be 32 bytes.');
  const [keyId, sealingKey] = first;
  return {
    keyId,
    seal: (plain, place) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', sealingKey, nonce).setAAD(Buffer.from(place));
      return Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    },
    open: (sealed, id, place) => {
      const key = byId.get(id);
      if (key === undefined) throw new Error(`The encryption key ${id} that a secret was sealed with is not in the configuration.`);
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES)).setAAD(Buffer.from(place));
      decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
      return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG)), decipher.final()]).toString('utf8');
    },
  };
};
