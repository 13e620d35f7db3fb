/** Keeps a copy of one kind of object in step with the API by list and watch, through cut, stalled and expired streams. */
import { type Problem, problemOf } from '../domain/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { type Attempt, failureOfStatus, failureOfTransport, type Subject } from './failure.ts';
import { type CollectionRef, type KubernetesObject, resourceOf } from './kinds.ts';
import type { Transport } from './transport.ts';
import { createCopy } from './watchCopy.ts';
import { followStream, type WatchEvent } from './watchStream.ts';

export interface WatchQuery extends CollectionRef {
  labelSelector?: string;
  fieldSelector?: string;
  /** Metadata alone is sent: of a Secret nothing secret travels, of a large object next to nothing. */
  metadataOnly?: boolean;
}

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface WatchHandlers {
  /** What is kept of an object; all of it by default. Pure, and must not throw whatever the object looks like. */
  project?: (object: KubernetesObject) => KubernetesObject;
  /** The projected object; for DELETED the last one known. Must not throw. */
  onChange?: (object: KubernetesObject, type: ChangeType) => void;
  /** The copy has become complete, for the first time or again after a full reading. */
  onSynced?: () => void;
  /** The first failure after it was well. */
  onProblem?: () => void;
  /** A stream without a byte for this long is cut and resumed; servers send a bookmark about every minute. */
  stallMs?: number;
}

export interface Cache {
  /** A first full reading is done; it stays true from then on. */
  readonly synced: boolean;
  /** Resolves once `synced`. Rejects, with what a call would throw, when the reading fails before that. */
  firstSync(): Promise<void>;
  /** When the API last said anything on this watch, in ms since the epoch; 0 before. */
  readonly heardAt: number;
  /** Why it is not connected now, if it is not. */
  readonly problem: Problem | undefined;
  get(namespace: string | undefined, name: string): KubernetesObject | undefined;
  list(): KubernetesObject[];
  /** Returns what ends it. */
  onChange(callback: (object: KubernetesObject, type: ChangeType) => void): () => void;
  close(): void;
}

export interface CacheDeps {
  list(query: WatchQuery): Promise<{ items: KubernetesObject[]; resourceVersion: string }>;
  stream: Transport['stream'];
  subject: Subject;
  clock: Clock;
  random: () => number;
  onClose: () => void;
}

const STALL_MS = 150_000;
const BACKOFF_MS = { first: 500, longest: 30_000 };
/** A stream that ends sooner than this without a word counts as a failure, lest an ill server be asked in a loop. */
const SHORT_MS = 1_000;

export const openCache = (deps: CacheDeps, query: WatchQuery, handlers: WatchHandlers): Cache => {
  const attempt: Attempt = { subject: deps.subject, verb: 'watch', resource: resourceOf(query).plural, secret: query.kind === 'Secret' };
  const copy = createCopy(handlers);
  /** Empty: read all of it first. */
  let version = '';
  let problem: Problem | undefined;
  let failure: unknown;
  const waiters: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  let heardAt = 0;
  let failures = 0;
  let expired = false;
  let closed = false;
  let stop = (): void => {};

  const later = (ms: number): void => {
    const timer = setTimeout(() => void step(), ms);
    stop = () => clearTimeout(timer);
  };
  const failed = (error: unknown): void => {
    if (closed) return;
    problem = problemOf(error);
    failure = error;
    for (const { reject } of waiters.splice(0)) reject(error);
    failures += 1;
    if (failures === 1) handlers.onProblem?.();
    const base = Math.min(BACKOFF_MS.longest, BACKOFF_MS.first * 2 ** Math.min(failures - 1, 10));
    later(base / 2 + (base / 2) * deps.random());
  };
  const heard = (): void => {
    heardAt = deps.clock.now();
    problem = undefined;
  };
  /** Never rejects: it either reads the list, or opens the stream, or plans the next try. */
  const step = async (): Promise<void> => {
    if (closed) return;
    try {
      if (version === '') {
        const answer = await deps.list(query);
        if (closed) return;
        copy.replace(answer.items);
        version = answer.resourceVersion;
        heard();
        for (const { resolve } of waiters.splice(0)) resolve();
        handlers.onSynced?.();
      }
      stop = followStream({ deps, query, attempt, version, stallMs: handlers.stallMs ?? STALL_MS, heard, onEvent, onEnd });
    } catch (error) {
      failed(error);
    }
  };
  const onEvent = (event: WatchEvent): void => {
    const { type, object } = event;
    if (!object) return;
    if (type === 'ERROR') {
      // 410 Gone: the version we have is too old to go on from.
      if (object.code === 410) version = '';
      throw failureOfStatus(attempt, object.code ?? 500, JSON.stringify(object), undefined);
    }
    version = (object as Partial<KubernetesObject>).metadata?.resourceVersion ?? version;
    failures = 0;
    expired = false;
    if (type === 'ADDED' || type === 'MODIFIED') copy.put({ ...object, apiVersion: query.apiVersion, kind: query.kind });
    else if (type === 'DELETED') copy.drop(object);
  };
  const onEnd = (error: unknown, gone: boolean, durationMs: number): void => {
    if (closed) return;
    if (gone) version = '';
    if (version === '' && !expired) {
      // An expiry is usual and answered at once by reading anew; a second one without an event between is not.
      expired = true;
    } else if (error !== undefined || durationMs < SHORT_MS) {
      failed(error ?? failureOfTransport(attempt, undefined));
      return;
    } else failures = 0;
    later(deps.random() * 100);
  };

  later(0);
  return {
    get synced() {
      return copy.filled;
    },
    firstSync: () => {
      if (copy.filled) return Promise.resolve();
      if (closed) return Promise.reject(failureOfTransport(attempt, undefined));
      if (problem !== undefined) return Promise.reject(failure);
      return new Promise((resolve, reject) => waiters.push({ resolve, reject }));
    },
    get heardAt() {
      return heardAt;
    },
    get problem() {
      return problem;
    },
    get: copy.get,
    list: copy.list,
    onChange: copy.onChange,
    close: () => {
      closed = true;
      for (const { reject } of waiters.splice(0)) reject(failureOfTransport(attempt, undefined));
      stop();
      deps.onClose();
    },
  };
};
