/** Subscriptions that outlive their connection: they go on from the last event, and nothing comes twice. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Client, ConnectionLost, REFUSALS } from './client.ts';
import { CLUSTER_PROGRESS, OPERATION_PROGRESS } from './documents.ts';
import { ClientError } from './errors.ts';
import type { Event, Operation } from './types.ts';

export interface StreamOptions {
  signal?: AbortSignal;
  /** Attempts in a row that bring nothing before it gives up. */
  attempts?: number;
}

const DEFAULT_ATTEMPTS = 8;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

export interface ProgressOptions extends StreamOptions {
  /** Number of the last event that you have; 0: from the beginning. */
  after: number;
  /** SETTLED: end once the cluster has come to rest. */
  until?: 'SETTLED';
}

/** The cluster's events after the cursor, each once and in order, over as many connections as it takes. Throws ClientError. */
export async function* followCluster(client: Client, clusterId: string, options: ProgressOptions): AsyncGenerator<Event, void, undefined> {
  let cursor = options.after;
  const connect = () =>
    client.subscribe<{ clusterProgress: Event }>(
      CLUSTER_PROGRESS,
      { clusterId, after: cursor, until: options.until ?? null },
      options.signal,
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
  const connect = () =>
    client.subscribe<{ operationProgress: { operation: Operation } }>(OPERATION_PROGRESS, { operationId }, options.signal);
  for await (const { operationProgress } of again(connect, options)) yield operationProgress.operation;
}

async function* again<T>(connect: () => AsyncIterable<T>, options: StreamOptions): AsyncGenerator<T, void, undefined> {
  let failures = 0;
  for (;;) {
    try {
      for await (const value of connect()) {
        failures = 0;
        yield value;
      }
      return;
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      failures += 1;
      // A fresh token may help once.
      const limit = REFUSALS.includes(error.closeCode) ? 2 : (options.attempts ?? DEFAULT_ATTEMPTS);
      if (isFinal(error.closeCode) || failures >= limit) throw errorOfLoss(error);
    }
    await pause(Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS), undefined, optionsOf(options.signal)).catch(() => {
      throw new ClientError('INTERRUPTED', 'Interrupted.');
    });
  }
}

const optionsOf = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal });

/** graphql-transport-ws closes with these when trying again in the same way cannot help. */
const isFinal = (code: number): boolean => [4004, 4005, 4400, 4406, 4409].includes(code);

const errorOfLoss = (loss: ConnectionLost): ClientError =>
  REFUSALS.includes(loss.closeCode)
    ? new ClientError('UNAUTHENTICATED', `The API closed the stream: ${loss.message || 'the token is not valid'}.`, { cause: loss })
    : new ClientError('UNREACHABLE', `The stream was lost (${loss.closeCode}${loss.message === '' ? '' : `: ${loss.message}`}).`, {
        cause: loss,
      });
