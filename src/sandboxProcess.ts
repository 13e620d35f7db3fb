/** The sandbox beside a first try: a process of its own that is found again when it still runs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Handover } from './sandbox/handover.ts';

export interface SandboxProcess {
  handover: Handover;
  /** False: it ran before, and is not ours to end. */
  started: boolean;
  /** Ends the process if it was started here. */
  stop(): Promise<void>;
}

const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 5_000;

/** Throws an Error that names the sandbox's log when it does not start. */
export const openSandbox = async (dataDir: string): Promise<SandboxProcess> => {
  const running = await findRunning(dataDir);
  if (running !== null) return { handover: running, started: false, stop: async () => {} };
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const logPath = join(dataDir, 'sandbox.log');
  // A group of its own: Ctrl-C in the terminal must reach the server first, which still talks to the cloud.
  const child = spawn(process.execPath, [...entry(), '--data', dataDir], {
    detached: true,
    stdio: ['ignore', 'pipe', openSync(logPath, 'a', 0o600)],
  });
  try {
    await firstLine(child);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`The sandbox did not start; ${logPath} says why.`, { cause: error });
  }
  return { handover: readHandover(dataDir), started: true, stop: () => stop(child) };
};

/** In development the sources run as they are, by tsx. */
const entry = (): string[] => {
  const path = new URL(import.meta.url.endsWith('.ts') ? './sandbox/main.ts' : './sandbox/main.js', import.meta.url).pathname;
  return path.endsWith('.ts') ? ['--import', 'tsx', path] : [path];
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

const stop = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
