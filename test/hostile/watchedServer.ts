/**
 * A server that watches how long its own event loop stood still. Run by apart.ts as a process of its own: who attacks it must not count.
 * The settings come in WATCHED as JSON. It sends its URL, and a report for each message. NAMES may hold a resolver's answers, as JSON: by name,
 * each time the next one (addresses with commas between them), and the last one for ever.
 */
import dns from 'node:dns';
import { readFileSync } from 'node:fs';
import { readConfig } from '../../src/config.ts';
import { startServer } from '../../src/server.ts';

/** Since the report before. */
export interface Report {
  /** The longest that the loop worked at one thing, beside what it waited for a core: the lesser of the time and of what the process computed in it. */
  stallMs: number;
  /** The process's own CPU time, all threads. */
  cpuMs: number;
  rssMiB: number;
}

const TICK_MS = 5;

const names = JSON.parse(process.env['NAMES'] ?? '{}') as Record<string, string[]>;
const { lookup } = dns;
/** Of the forms of `lookup` that which asks for all addresses, as the guard of seeds' addresses does. */
const answer = (hostname: string, options: object, callback: (error: Error | null, found: dns.LookupAddress[]) => void): void => {
  const [next, ...later] = names[hostname] ?? [];
  if (next === undefined) return void (lookup as (...args: unknown[]) => void)(hostname, options, callback);
  if (later.length > 0) names[hostname] = later;
  const found = next.split(',').map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  process.nextTick(callback, null, found);
};
Object.assign(dns, { lookup: answer });

/** Nanoseconds that the main thread was ready to run and another had the core: of a busy machine, not of ours. Linux, proc(5). */
const coreWaitMs = (): number => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;

const cpuMs = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000;
const look = () => ({ at: performance.now(), waited: coreWaitMs(), cpu: cpuMs(process.cpuUsage()) });

let last = look();
let stallMs = 0;
let cpu = process.cpuUsage();
const tick = () => {
  const now = look();
  // On a busy machine the loop also waits for helpers of V8's collector that wait for a core: they compute nothing then.
  stallMs = Math.max(stallMs, Math.min(now.at - last.at - (now.waited - last.waited) - TICK_MS, now.cpu - last.cpu));
  last = now;
};

startServer(readConfig({}, JSON.parse(process.env['WATCHED'] ?? ''))).then(
  (server) => {
    tick();
    stallMs = 0;
    setInterval(tick, TICK_MS);
    process.on('message', (message) => {
      if (message === 'close') {
        void server.close(2_000).then(() => process.exit());
        return;
      }
      tick();
      process.send?.({ stallMs, cpuMs: cpuMs(process.cpuUsage(cpu)), rssMiB: process.memoryUsage.rss() / 2 ** 20 } satisfies Report);
      stallMs = 0;
      cpu = process.cpuUsage();
    });
    process.send?.(server.url);
  },
  (error: unknown) => {
    process.stderr.write(`${error}\n`);
    process.exit(1);
  },
);
