/** Watches how long this process's own event loop stands still, what it computes, and what memory it takes. */
import { readFileSync } from 'node:fs';

/** Since the report before. */
export interface Report {
  /** The longest that the loop worked at one thing, beside what it waited for a core: the lesser of the time and of what the process computed in it. */
  stallMs: number;
  /** The process's own CPU time, all threads. */
  cpuMs: number;
  rssMiB: number;
}

const TICK_MS = 5;

/** How long the main thread was ready to run and another had the core: of a busy machine, not of ours. Linux, proc(5). */
const coreWaitMs = (): number => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
const cpuMs = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000;
const look = () => ({ at: performance.now(), waited: coreWaitMs(), cpu: cpuMs(process.cpuUsage()) });

/** Begins to watch; gives what tells of it. */
export const watchLoop = (): (() => Report) => {
  let last = look();
  let stallMs = 0;
  let cpu = process.cpuUsage();
  const tick = () => {
    const now = look();
    // On a busy machine the loop also waits for helpers of V8's collector that wait for a core: they compute nothing then.
    stallMs = Math.max(stallMs, Math.min(now.at - last.at - (now.waited - last.waited) - TICK_MS, now.cpu - last.cpu));
    last = now;
  };
  setInterval(tick, TICK_MS);
  return () => {
    tick();
    const report = { stallMs, cpuMs: cpuMs(process.cpuUsage(cpu)), rssMiB: process.memoryUsage.rss() / 2 ** 20 };
    stallMs = 0;
    cpu = process.cpuUsage();
    return report;
  };
};
