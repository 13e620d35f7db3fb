/** Work: a durable set of keys, each with a due time, a lease and a fencing number, as the engine's worker sees it. */
import type { ObjectKind } from './condition.ts';

export interface Claim {
  kind: ObjectKind;
  id: string;
  /** Writes of this pass carry it; a row with another number says that the lease is lost. */
  fence: number;
  /** The row's wake number at the claim; if it has grown at the settle, somebody asked for another pass. */
  wake: number;
  attempts: number;
}

export interface Settlement {
  claim: Claim;
  /** Null: nothing left to do, ever; the key is taken out. */
  dueAt: number | null;
  attempts: number;
}

export interface Queue {
  /** Takes up to `limit` due keys whose lease is free or over, soonest first. */
  claim(options: { owner: string; limit: number; leaseMs: number }): Promise<Claim[]>;
  renew(owner: string, claims: readonly Claim[], leaseMs: number): Promise<void>;
  settle(settlements: readonly Settlement[]): Promise<void>;
  /** Gives all of an owner's leases back: at a graceful stop. */
  release(owner: string): Promise<void>;
  /**
   * At the start of the one process that owns the queue: frees every lease, whoever's, and makes due what is to be looked at within a minute.
   * Such a key waits for something that may have come while nobody listened.
   */
  takeOver(): Promise<void>;
  /** When the next free key is due; null when there is none. */
  nextDueAt(): Promise<number | null>;
  /** Called after each commit that asked for keys, with those keys. */
  onHint(listener: (keys: readonly { kind: ObjectKind; id: string }[]) => void): () => void;
}
