/** One watch request from its opening to its end: its lines as events, its silence as a failure. */
import { type Attempt, failureOfStatus, failureOfTransport } from './failure.ts';
import { createLineReader } from './jsonLines.ts';
import { collectionPath, type KubernetesObject } from './kinds.ts';
import { metadataForm } from './metadataForm.ts';
import type { CacheDeps, WatchQuery } from './watch.ts';
import { type Answer, cutError } from './wire.ts';

/** When the server ends a watch: rarely, for thousands of clusters at rest have a dozen each. What falls silent is found otherwise. */
const WATCH_SECONDS = { least: 43_200, spread: 43_200 };

export interface WatchEvent {
  type?: string;
  object?: KubernetesObject & { code?: number };
}

export interface Follow {
  deps: CacheDeps;
  query: WatchQuery;
  attempt: Attempt;
  version: string;
  stallMs: number;
  heard: () => void;
  onEvent: (event: WatchEvent) => void;
  /** Called once. `error` undefined: the server ended the stream in good order. */
  onEnd: (error: unknown, gone: boolean, durationMs: number) => void;
}

/** Opens one watch and reads it to its end. Returns what ends it without a call of `onEnd`. */
export const followStream = ({ deps, query, attempt, version, stallMs, heard, onEvent, onEnd }: Follow): (() => void) => {
  const openedAt = deps.clock.now();
  let over = false;
  const finish = (error: unknown, gone = false, silent?: 'silent'): void => {
    if (over) return;
    over = true;
    clearTimeout(stall);
    end(silent);
    onEnd(error === undefined ? undefined : failureOfTransport(attempt, error), gone, deps.clock.now() - openedAt);
  };
  const stalled = (): void => finish(Object.assign(new Error('the watch went silent'), { code: 'ETIMEDOUT' }), false, 'silent');
  const stall = setTimeout(stalled, stallMs);
  const read = createLineReader((value) => onEvent(value as WatchEvent));
  const onOpen = ({ status, retryAfter, body }: Answer): void => {
    if (status !== 200) {
      body.on('error', () => {});
      finish(failureOfStatus(attempt, status, '', retryAfter), status === 410);
      return;
    }
    heard();
    body.on('data', (chunk: Buffer) => {
      if (over) return;
      stall.refresh();
      heard();
      try {
        read(chunk);
      } catch (error) {
        finish(error);
      }
    });
    body.on('end', () => finish(undefined));
    body.on('error', (error) => finish(error));
    body.on('close', () => finish(cutError()));
  };
  const end = deps.stream(
    watchPath(query, version, deps.random()),
    query.metadataOnly === true ? metadataForm('PartialObjectMetadata') : undefined,
    onOpen,
    finish,
  );
  return () => {
    over = true;
    clearTimeout(stall);
    end();
  };
};

const watchPath = (query: WatchQuery, version: string, random: number): string => {
  const parameters = new URLSearchParams({ watch: 'true', allowWatchBookmarks: 'true', resourceVersion: version });
  parameters.set('timeoutSeconds', String(Math.round(WATCH_SECONDS.least + WATCH_SECONDS.spread * random)));
  if (query.labelSelector !== undefined) parameters.set('labelSelector', query.labelSelector);
  if (query.fieldSelector !== undefined) parameters.set('fieldSelector', query.fieldSelector);
  return `${collectionPath(query)}?${parameters.toString()}`;
};
