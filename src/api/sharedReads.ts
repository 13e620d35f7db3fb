/**
 * What live streams read, once for all of them: as long as nothing is committed, whoever sees the same reads the same. A commit
 * begins it anew, so nobody is told of what was before.
 */
import { type Seer, seerKeyOf } from '../domain/actor.ts';
import type { ProgressEvent } from '../domain/event.ts';
import type { Clock } from '../lib/clock.ts';
import { listEvents } from '../store/events.ts';
import type { Store } from '../store/open.ts';
import { createLoaders, type Loaders } from './loaders.ts';

export interface SharedReads {
  /** Of all who see what the seer sees; for now only: after a commit they are others. */
  loaders(seer: Seer): Loaders;
  /** Stored events after a number, oldest first, a page at most. Shared, so not to be changed. */
  events(streamId: string, after: number): Promise<readonly ProgressEvent[]>;
  /** Another number than before: what was read before may be old. */
  version(): number;
  /** Begins anew, so that a failure is not told again from memory. */
  forget(): void;
}

/** Events read at once: what a stream holds at most. */
const PAGE = 100;
/** Kept at once, for readers who catch up on different histories while nothing happens. */
const MAX_PAGES = 64;
/** Loaders remember all that they have read, and lists that lean on the time as they were then (`kubeconfigs` by their states). */
const MAX_AGE_MS = 1_000;

export const createSharedReads = ({ store, clock }: { store: Pick<Store, 'db' | 'version'>; clock: Clock }): SharedReads => {
  const { db } = store;
  let version = Number.NaN;
  let since = 0;
  let loaders = new Map<string, Loaders>();
  let pages = new Map<string, Promise<readonly ProgressEvent[]>>();

  const forget = () => {
    since = clock.now();
    loaders = new Map();
    pages = new Map();
  };
  const look = (): number => {
    const now = store.version();
    if (now !== version) {
      version = now;
      forget();
    }
    return now;
  };
  return {
    version: look,
    forget,
    loaders: (seer) => {
      look();
      // A clock may be put back.
      if (Math.abs(clock.now() - since) > MAX_AGE_MS) forget();
      const key = seerKeyOf(seer);
      const known = loaders.get(key) ?? createLoaders(db, { projectId: seer.projectId, rights: seer.rights });
      loaders.set(key, known);
      return known;
    },
    events: (streamId, after) => {
      look();
      const key = `${after} ${streamId}`;
      const known = pages.get(key);
      if (known !== undefined) return known;
      if (pages.size >= MAX_PAGES) pages = new Map();
      const page = listEvents(db, streamId, after, PAGE);
      pages.set(key, page);
      page.catch(forget);
      return page;
    },
  };
};
