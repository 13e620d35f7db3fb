/** Waiting for an operation while its progress is drawn, within a time limit. */
import type { Client } from '../client/client.ts';
import { ClientError, errorOfProblem } from '../client/errors.ts';
import { followCluster, followOperation } from '../client/stream.ts';
import type { Operation } from '../client/types.ts';
import { type Board, createBoard, type Row } from './board.ts';
import { type Drawing, type Screen, startDrawing } from './progress.ts';

export interface WaitOptions {
  client: Client;
  operation: Operation;
  title: string;
  /** The cluster whose workers are drawn as well, from the event after this number on. */
  cluster?: { id: string; after: number };
  screen: Screen;
  /** Null: as long as it takes. */
  timeoutMs: number | null;
  signal?: AbortSignal;
}

/** The operation at its good end. Throws ClientError: its problem when it failed, TIMED_OUT, INTERRUPTED; it goes on then. */
export const waitForOperation = async (options: WaitOptions): Promise<Operation> => {
  const stop = new AbortController();
  const limit = new AbortController();
  const timer = options.timeoutMs === null ? undefined : setTimeout(() => limit.abort(), options.timeoutMs);
  const signals = [stop.signal, limit.signal, ...(options.signal === undefined ? [] : [options.signal])];
  const signal = AbortSignal.any(signals);
  const board = createBoard(options.screen.now);
  const drawing = startDrawing(options.screen, board, options.title);
  drawing.changed(board.takeOperation(options.operation));
  const workers = options.cluster === undefined ? Promise.resolve() : drawWorkers(options, options.cluster, board, drawing.changed, signal);
  let last: Operation;
  try {
    last = await lastState(options, board, drawing, signal);
  } catch (error) {
    const goesOn = `the operation goes on: seedbed operation show ${options.operation.uuid} --wait`;
    if (options.signal?.aborted) throw new ClientError('INTERRUPTED', `Interrupted; ${goesOn}`, { cause: error });
    if (limit.signal.aborted) throw new ClientError('TIMED_OUT', `Not finished in time; ${goesOn}`, { cause: error });
    if (error instanceof ClientError && LOST.includes(error.code))
      throw new ClientError(error.code, `${error.message} In the server ${goesOn}`, { cause: error });
    throw error;
  } finally {
    clearTimeout(timer);
    stop.abort();
    await workers;
    drawing.end();
  }
  return settled(last);
};

/** The watcher is cut off, not what it watches. */
const LOST: readonly string[] = ['UNREACHABLE', 'UNAUTHENTICATED'];

type Changed = (rows: readonly Row[]) => void;

const lastState = async (options: WaitOptions, board: Board, drawing: Drawing, signal: AbortSignal): Promise<Operation> => {
  let last = options.operation;
  const stream = followOperation(options.client, options.operation.uuid, { signal, onConnection: drawing.connection });
  for await (const operation of stream) {
    last = operation;
    drawing.changed(board.takeOperation(operation));
  }
  return last;
};

const drawWorkers = async (
  options: WaitOptions,
  cluster: { id: string; after: number },
  board: Board,
  changed: Changed,
  signal: AbortSignal,
): Promise<void> => {
  try {
    for await (const event of followCluster(options.client, cluster.id, { after: cluster.after, signal })) changed(board.takeEvent(event));
  } catch {
    // The workers are an ornament: whether the operation succeeds is told by its own stream.
  }
};

const settled = (operation: Operation): Operation => {
  if (operation.state === 'SUCCEEDED') return operation;
  if (operation.problem !== null) throw errorOfProblem(operation.problem);
  if (operation.state === 'SUPERSEDED') throw new ClientError('CONFLICT', 'A later operation took its place.');
  throw new ClientError('FAILED', `The operation ended as ${operation.state}.`);
};
