/** The sandbox beside a first try: a process of its own that is found again when it still runs, and that ends with its last user. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Handover } from './sandbox/handover.ts';

export interface SandboxProcess {
  handover: Handover;
  /** False: it ran before. */
  started: boolean;
  /** Ends the process, unless somebody else uses it or it was started to go on by itself. */
  stop(): Promise<void>;
}

const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 5_000;

/** Throws an Error that names the sandbox's log when it does not start. */
export const openSandbox = async (dataDir: string): Promise<SandboxProcess> => {
  const running = await findRunning(dataDir);
  if (running === null) await start(dataDir);
  const handover = running ?? readHandover(dataDir);
  const letGo = await hold(handover);
  const stop = async () => {
    if ((await letGo()) && handover.shared) await end(handover.pid);
  };
  return { handover, started: running === null, stop };
};

const start = async (dataDir: string): Promise<void> => {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const logPath = join(dataDir, 'sandbox.log');
  // A group of its own: Ctrl-C in the terminal must reach the server first, which still talks to the cloud.
  const child = spawn(process.execPath, [...entry(), '--data', dataDir, '--shared'], {
    detached: true,
    stdio: ['ignore', 'pipe', openSync(logPath, 'a', 0o600)],
  });
  try {
    await firstLine(child);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`The sandbox did not start; ${logPath} says why.`, { cause: error });
  }
};

/** In development the sources run as they are, by tsx, from whatever folder. */
const entry = (): string[] => {
  const path = new URL(import.meta.url.endsWith('.ts') ? './sandbox/main.ts' : './sandbox/main.js', import.meta.url).pathname;
  return path.endsWith('.ts') ? ['--import', import.meta.resolve('tsx'), path] : [path];
};

const readHandover = (dataDir: string): Handover => JSON.parse(readFileSync(join(dataDir, 'sandbox.json'), 'utf8')) as Handover;

/** A pid alone may be another program's by now, and a port too; together with an answer of ours they are not. */
const findRunning = async (dataDir: string): Promise<Handover | null> => {
  try {
    const handover = readHandover(dataDir);
    process.kill(handover.pid, 0);
    const answer = await fetch(`${handover.controlUrl}/health`, { signal: AbortSignal.timeout(2_000) });
    return answer.ok ? handover : null;
  } catch {
    return null;
  }
};

const firstLine = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${START_LIMIT_MS / 1000} s`)), START_LIMIT_MS);
    const settle = (work: () => void) => {
      clearTimeout(timer);
      work();
    };
    child.once('error', (error) => settle(() => reject(error)));
    child.once('exit', (code) => settle(() => reject(new Error(`it ended with status ${code}`))));
    if (child.stdout === null) return settle(() => reject(new Error('it has no output')));
    createInterface({ input: child.stdout }).once('line', () => settle(resolve));
  });

/** Says to the sandbox that it is used, for as long as this process lives. What is returned ends that; true: nobody else uses it. */
const hold = ({ controlUrl }: Handover): Promise<() => Promise<boolean>> =>
  new Promise((resolve, reject) => {
    const url = `${controlUrl}/hold/${randomUUID()}`;
    const request = get(url, { agent: false }, (response) => {
      // From here on the sandbox's end is no surprise: every call to it says so.
      request.off('error', reject).on('error', () => {});
      response.on('error', () => {}).resume();
      response.socket.unref();
      resolve(async () => {
        try {
          const answer = await fetch(url, { method: 'DELETE', signal: AbortSignal.timeout(2_000) });
          return ((await answer.json()) as { holders: number }).holders === 0;
        } catch {
          // It does not answer: nobody is served by it.
          return true;
        } finally {
          request.destroy();
        }
      });
    });
    request.once('error', reject);
  });

const runs = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const end = async (pid: number): Promise<void> => {
  const limit = performance.now() + STOP_LIMIT_MS;
  if (runs(pid)) process.kill(pid, 'SIGTERM');
  while (runs(pid)) {
    if (performance.now() > limit) return void process.kill(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
