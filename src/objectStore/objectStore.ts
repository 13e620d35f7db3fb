/** Where backups are kept, outside of all seeds: what pods are told to reach it, and what Seedbed itself does there. */

/** One transfer of one object, for a pod: whoever has it can do that, until it expires, and nothing else. */
export interface Transfer {
  url: string;
  headers: Record<string, string>;
  /** PEM of who signs the store's certificate; null: one of the authorities that everybody knows. */
  caPem: string | null;
}

export interface StoredObject {
  sizeBytes: number;
  /** Last bytes of the object, 32 at the most. */
  tail: Buffer;
}

/** All calls throw SeedbedErrors: Unavailable when a later try may succeed, UserError when the operator must act. */
export interface ObjectStore {
  /** Where pods dial. */
  end: { host: string; port: number };
  /** To put an object of at most `maxBytes` there, within `ttlMs`. */
  upload(name: string, limits: { ttlMs: number; maxBytes: number }): Promise<Transfer>;
  download(name: string, limits: { ttlMs: number }): Promise<Transfer>;
  put(name: string, body: Buffer): Promise<void>;
  /** Undefined when it is not there. */
  get(name: string): Promise<Buffer | undefined>;
  stat(name: string): Promise<StoredObject | undefined>;
  /** Also of what is not there. */
  remove(name: string): Promise<void>;
  close(): Promise<void>;
}

/** etcd ends a snapshot with the SHA-256 of all before. */
export const CHECKSUM_BYTES = 32;
