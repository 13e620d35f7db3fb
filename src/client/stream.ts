/** Subscriptions that outlive their connection: they go on from the last event, and nothing comes twice. */
import { setTimeout as pause } from 'node:timers/promises';
import { pauseAfter } from './backoff.ts';
import { type Client, ConnectionLost, REFUSALS } from './client.ts';
import { CLUSTER_PROGRESS, OPERATION_PROGRESS } from './documents.ts';
import { ClientError } from './errors.ts';
import type { Event, Operation } from './types.ts';

export interface StreamOptions {
  signal?: AbortSignal;
  /** How long it tries to come back after the server was last heard. */
  patienceMs?: number;
  /** Told once each time the server is lost, and again when it is back. */
  onConnection?: (lost: boolean) => void;
}

/** Longer than a server takes to be restarted or moved to another machine. */
const PATIENCE_MS = 300_000;
/** Of a user who has too many streams: longer than a server takes to see that those of a network that broke have ended. */
const SEAT_PATIENCE_MS = 90_000;
/** A connection that lasted is a server that was there; one that breaks at once is not. */
const HELD_MS = 10_000;
/** A pause that nobody needs to hear of. */
const QUIET_FAILURES = 2;

export interface ProgressOptions extends StreamOptions {
  /** Number of the last event that you have; 0: from the beginning. */
  after: number;
  /** SETTLED: end once the cluster has come to rest. */
  until?: 'SETTLED';
}

/** The cluster's events after the cursor, each once and in order, over as many connections as it takes. Throws ClientError. */
export async function* followCluster(client: Client, clusterId: string, options: ProgressOptions): AsyncGenerator<Event, void, undefined> {
  let cursor = options.after;
  const connect = (onConnected: () => void) =>
    client.subscribe<{ clusterProgress: Event }>(
      CLUSTER_PROGRESS,
      { clusterId, after: cursor, until: options.until ?? null },
      { signal: options.signal, onConnected },
    );
  for await (const { clusterProgress: event } of again(connect, options)) {
    if (event.number <= cursor) continue;
    cursor = event.number;
    yield event;
  }
}

/** The operation now and each time it changes, to its end. Throws ClientError. */
export async function* followOperation(
  client: Client,
  operationId: string,
  options: StreamOptions = {},
): AsyncGenerator<Operation, void, undefined> {
  const connect = (onConnected: () => void) =>
    client.subscribe<{ operationProgress: { operation: Operation } }>(
      OPERATION_PROGRESS,
      { operationId },
      { signal: options.signal, onConnected },
    );
  for await (const { operationProgress } of again(connect, options)) yield operationProgress.operation;
}

/** What `connect` gives, and again when its connection is lost, until the patience is over. Throws ClientError. */
export async function* again<T>(
  connect: (onConnected: () => void) => AsyncIterable<T>,
  options: StreamOptions,
): AsyncGenerator<T, void, undefined> {
  const { patienceMs = PATIENCE_MS } = options;
  let heardAt = performance.now();
  let failures = 0;
  let refusals = 0;
  let toldLost = false;
  const back = () => {
    if (toldLost) options.onConnection?.(false);
    toldLost = false;
  };
  for (;;) {
    try {
      for await (const value of connect(back)) {
        heardAt = performance.now();
        failures = 0;
        refusals = 0;
        yield value;
      }
      return;
    } catch (error) {
      if (!isLoss(error)) throw error;
      const lost = error instanceof ConnectionLost;
      if (lost && error.heldMs > HELD_MS) {
        heardAt = performance.now();
        failures = 0;
        refusals = 0;
      }
      failures += 1;
      if (lost && REFUSALS.includes(error.closeCode)) refusals += 1;
      // A fresh token may help once.
      const patience = lost && error.closeCode === TOO_MANY ? Math.min(patienceMs, SEAT_PATIENCE_MS) : patienceMs;
      const over = refusals > 1 || (lost && isFinal(error.closeCode)) || performance.now() - heardAt > patience;
      if (over) throw lost ? errorOfLoss(error) : error;
      if (failures === QUIET_FAILURES + 1) {
        toldLost = true;
        options.onConnection?.(true);
      }
    }
    await pause(pauseAfter(failures, patienceMs, Math.random()), undefined, optionsOf(options.signal)).catch(() => {
      throw new ClientError('INTERRUPTED', 'Interrupted.');
    });
  }
}

/** Also a login that gets no answer: Keystone may be restarted, too. */
const isLoss = (error: unknown): error is ConnectionLost | ClientError =>
  error instanceof ConnectionLost || (error instanceof ClientError && error.code === 'UNREACHABLE');

const optionsOf = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal });

/** graphql-transport-ws closes with these when trying again in the same way cannot help. */
const isFinal = (code: number): boolean => [4004, 4005, 4400, 4406, 4409].includes(code);

/** The user has as many streams as one may have, or asked for too much at once. */
const TOO_MANY = 4429;

const errorOfLoss = (loss: ConnectionLost): ClientError => {
  const said = loss.message === '' ? '' : `: ${loss.message}`;
  if (REFUSALS.includes(loss.closeCode))
    return new ClientError('UNAUTHENTICATED', `The API closed the stream: ${loss.message || 'the token is not valid'}.`, { cause: loss });
  const code = loss.closeCode === TOO_MANY ? 'TOO_MANY_CONNECTIONS' : 'UNREACHABLE';
  return new ClientError(code, `The stream was lost (${loss.closeCode}${said}).`, { cause: loss });
};
