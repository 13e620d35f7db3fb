/**
 * Requests that come on a connection before the ones before them are answered (pipelining) wait for those: their answers stand in order anyway, and a
 * thousand in one piece would be begun in one turn of the event loop. While some wait no more are read. A request takes a hundred times its bytes of
 * memory, and some megabytes of them, sent faster than they are answered or behind a stream without end, would be all that there is.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * On all connections together, some 20 MB: one read brings up to two thousand, and there are as many connections as somebody opens. Who sends one at a
 * time never waits; of who does not, those connections are closed that would bring more.
 */
const MOST_WAITING = 10_240;

interface Line {
  /** Resolves when the newest is answered. */
  last: Promise<void>;
  waiting: number;
}

export interface Pipelines {
  /** Answers it when all that came before it on its connection is answered. */
  take: Answer;
  /** Whether something that came on a connection is not answered yet. */
  isBusy(socket: Duplex): boolean;
}

/** `answer` must not reject. `mostWaiting`: on all connections. */
export const createPipelines = (answer: Answer, mostWaiting = MOST_WAITING): Pipelines => {
  const lines = new WeakMap<Duplex, Line>();
  let waiting = 0;

  const wait = async (socket: Socket, line: Line): Promise<void> => {
    const before = line.last;
    waiting += 1;
    line.waiting += 1;
    // Node reads on by itself when a request was answered.
    if (line.waiting === 1) socket.on('resume', pause).pause();
    await before;
    if (!socket.destroyed) await new Promise((resolve) => setImmediate(resolve));
    waiting -= 1;
    line.waiting -= 1;
    // The newest of them may have a body that was not read yet.
    if (line.waiting === 0) socket.off('resume', pause).resume();
  };

  const answerAfter = async (line: Line | undefined, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { socket } = request;
    if (line !== undefined) await wait(socket, line);
    if (socket.destroyed) return;
    await answer(request, response);
    if (!response.closed) await new Promise((resolve) => response.once('close', resolve));
  };

  const take: Answer = (request, response) => {
    const { socket } = request;
    const before = lines.get(socket);
    if (before !== undefined && (socket.destroyed || waiting >= mostWaiting)) {
      socket.destroy();
      return before.last;
    }
    const line = before ?? { last: Promise.resolve(), waiting: 0 };
    const answered = answerAfter(before, request, response).finally(() => {
      if (line.last === answered) lines.delete(socket);
    });
    line.last = answered;
    lines.set(socket, line);
    return answered;
  };
  return { take, isBusy: (socket) => lines.has(socket) };
};

function pause(this: Socket): void {
  this.pause();
}
