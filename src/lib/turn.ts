import { createLine } from './line.ts';

export interface Turns {
  /** Resolves when it is the caller's turn. */
  turn(): Promise<void>;
  /** How many stand in the line. */
  readonly waiting: number;
}

/**
 * A line of which one goes on in each turn of the event loop. Much that is ready at once, such as thirty answers that came together,
 * would otherwise be worked through in one turn, and sockets and timers would have to wait for all of it.
 */
export const createTurns = (): Turns => {
  const line = createLine<() => void>((goOn) => goOn());
  return {
    turn: () => new Promise((resolve) => line.join(resolve)),
    get waiting() {
      return line.length;
    },
  };
};

/** The line of all that passes do. */
export const passTurns = createTurns();
export const { turn } = passTurns;
