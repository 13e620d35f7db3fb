/** A crowd of subscribers of which most do not read: what it does to those who do, and to the server. */
import { behind, type Subscriber, subscribeMany, waitOf } from './audience.ts';
import type { Streams } from './streams.ts';

export interface Crowd {
  projects: number;
  stalled: number;
  healthy: number;
  /** How long each part takes: before the others come, and with them. */
  seconds: number;
}

export interface Outcome {
  /** 99 of 100 changes were heard of within, before and while others did not read (the worst of its parts). */
  calmMs: number;
  crowdedMs: number;
  /** At its most, over the most that it was without the others, or with all of them there and nothing sent yet. */
  grownMiB: number;
  events: number;
  strays: number;
  /** Whose last word is not the state: of those who read, and of those who read on. */
  behind: string[];
  /** Cut off in the last part, so that nothing is known of their last word. */
  gone: number;
}

const PAUSE_MS = 100;
const PADDING = 8_192;
/** All that may be on its way to one who does not read is sent after so much. */
const FILL = { change: 20, pauseMs: 20, padding: 32_768 };
/** Who does not answer two pings is cut off; he comes back before. */
const BACK_SECONDS = 40;

/** Each cluster changes ten times a second; counted is from when the sockets of those who do not read are full. */
export const watchCrowd = async (streams: Streams, { projects, stalled, healthy, seconds }: Crowd): Promise<Outcome> => {
  const readers = await subscribeMany(streams, 'healthy', healthy, projects);
  let most = 0;
  const change = async (during: number) => {
    const watch = setInterval(
      () =>
        void streams.report().then(({ rssMiB }) => {
          most = Math.max(most, rssMiB);
        }),
      500,
    );
    await streams.order({ change: Math.max(1, Math.round((during * 1000) / PAUSE_MS)), pauseMs: PAUSE_MS, padding: PADDING });
    clearInterval(watch);
  };
  await change(Math.min(5, seconds));
  waitOf(readers);
  await change(Math.min(60, seconds));
  const calmMs = waitOf(readers);
  let others = await stall(streams, stalled, projects);
  const before = Math.max(most, (await streams.report()).rssMiB);
  const crowdedMs: number[] = [];
  for (let left = seconds; left > 0; left -= BACK_SECONDS) {
    await streams.order(FILL);
    waitOf(readers);
    await change(Math.min(left, BACK_SECONDS));
    crowdedMs.push(waitOf(readers));
    if (left <= BACK_SECONDS) break;
    for (const { socket } of others) socket.terminate();
    await Promise.all(others.map(({ closed }) => closed));
    others = await stall(streams, stalled, projects);
  }
  for (const { socket } of others) socket.resume();
  const all = [...readers, ...others];
  const late = await behind(streams, all);
  const gone = all.filter(({ socket }) => socket.readyState !== socket.OPEN).length;
  for (const { socket } of all) socket.close();
  await Promise.all(all.map(({ closed }) => closed));
  const sum = (of: (subscriber: Subscriber) => number) => all.reduce((total, subscriber) => total + of(subscriber), 0);
  return {
    calmMs,
    crowdedMs: Math.max(...crowdedMs),
    grownMiB: most - before,
    events: sum(({ events }) => events),
    strays: sum(({ strays }) => strays),
    behind: late,
    gone,
  };
};

const stall = async (streams: Streams, count: number, projects: number): Promise<Subscriber[]> => {
  const subscribers = await subscribeMany(streams, 'stalled', count, projects);
  for (const { socket } of subscribers) socket.pause();
  return subscribers;
};
