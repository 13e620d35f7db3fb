/**
 * How many passes are side by side. Most of a pass is waiting for somebody's answer, so many at once make the most of slow clouds. But once they compute all the
 * time, more of them get nothing done sooner: all their answers come in the same turns of the event loop, and whoever asks the API stands behind them.
 */
import { performance } from 'node:perf_hooks';

export interface Hands {
  /** As many as there ever are. */
  readonly most: number;
  /** How many there are now. */
  count(): number;
  /** To be told of each pass that has ended. */
  ended(): void;
}

export interface HandsDeps {
  /** Milliseconds of a clock that is never put back. */
  now?: () => number;
  /** The share of the time since it was last asked in which the event loop was at work, 0 to 1. */
  share?: () => number;
}

/** So long a share is measured; when all hands are taken it is worth while to count them again after it. */
export const MEASURE_MS = 100;
const MOST = 48;
const LEAST = 8;
/** From here on the loop is full, and below the other there is room. */
const FULL = 0.9;
const FREE = 0.75;
const MORE = 4;

/**
 * Half as many while the loop is full, and a few more each time that it has room. When it is full and no pass ends, it is with something else, and the passes
 * all wait for somebody who may be long in answering: then there are more, too.
 */
export const createHands = ({ now = () => performance.now(), share = loopShare() }: HandsDeps = {}): Hands => {
  let hands = MOST;
  let measured = now();
  let ends = 0;
  share();
  return {
    most: MOST,
    count: () => {
      if (now() - measured >= MEASURE_MS) {
        measured = now();
        const busy = share();
        if (busy < FREE || ends === 0) hands = Math.min(MOST, hands + MORE);
        else if (busy > FULL) hands = Math.max(LEAST, Math.floor(hands / 2));
        ends = 0;
      }
      return hands;
    },
    ended: () => {
      ends += 1;
    },
  };
};

const loopShare = (): (() => number) => {
  let last = performance.eventLoopUtilization();
  return () => {
    const next = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(next, last);
    last = next;
    return utilization;
  };
};
