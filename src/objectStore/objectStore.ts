/** Where backups are kept, outside of all seeds: what pods are told to reach it, and what Seedbed itself does there. */

/** One transfer of one object, for a pod: whoever has it can do that, until it expires, and nothing else. */
export interface Transfer {
  url: string;
  headers: Record<string, string>;
  /** PEM of who signs the store's certificate; null: one of the authorities that everybody knows. */
  caPem: string | null;
  /** What the URL's host is dialled at, in place of what a resolver in the seed says of its name; null: as that one says. */
  addresses: string[] | null;
}

/** Where pods dial. */
export interface StoreEnd {
  port: number;
  /** All that transfers may dial which are not over; null: the host has a name that Seedbed itself need not know. */
  addresses: string[] | null;
}

export interface StoredObject {
  sizeBytes: number;
  /** Last bytes of the object, 32 at the most. */
  tail: Buffer;
}

/** All calls throw SeedbedErrors: Unavailable when a later try may succeed, UserError when the operator must act. */
export interface ObjectStore {
  end(): Promise<StoreEnd>;
  /** To put an object of at most `maxBytes` there, within `ttlMs`; S3 and Swift take a larger one all the same, so look at it afterwards. */
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

/** How long a transfer may take from its order on: of where it dials nothing is taken away before. */
export const LONGEST_TTL_MS = 3_600_000;

/** etcd ends a snapshot with the SHA-256 of all before. */
export const CHECKSUM_BYTES = 32;
