/** Seedbed as a user runs it: the built program, its environment, and a signal at the end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createServer } from 'node:net';
import { until } from './run.ts';
import type { World } from './world.ts';

export interface Server {
  /** http://127.0.0.1:… without a path. */
  url: string;
  pid: number;
  /** False once it has died at a commit. */
  alive(): boolean;
  kill9(): Promise<void>;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
}

const root = new URL('../../..', import.meta.url).pathname;

/**
 * Starts it over a data directory that may hold an earlier life, and waits until it says that it is ready. Its log is appended to a file.
 * With `diesAt` it is killed right after that many commits, be it ready by then or not. `more`: further variables.
 */
export const startServer = async (
  world: World,
  dataDir: string,
  port: number,
  logLevel = 'debug',
  diesAt?: number,
  more: Readonly<Record<string, string>> = {},
): Promise<Server> => {
  const { service } = world;
  const hook = diesAt === undefined ? [] : ['--import', `${root}test/real/support/mortal.mjs`];
  const child = spawn(process.execPath, [...hook, `${root}dist/main.js`, 'serve'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      SEEDBED_DATA: dataDir,
      SEEDBED_LISTEN: `127.0.0.1:${port}`,
      SEEDBED_KEYSTONE_URL: service.authUrl,
      SEEDBED_KEYSTONE_USERNAME: service.username,
      SEEDBED_KEYSTONE_PASSWORD: service.password,
      SEEDBED_KEYSTONE_USER_DOMAIN: service.userDomain,
      SEEDBED_KEYSTONE_PROJECT: service.project,
      SEEDBED_KEYSTONE_PROJECT_DOMAIN: service.projectDomain,
      SEEDBED_INTROSPECTION: '1',
      SEEDBED_LOG_LEVEL: logLevel,
      ...more,
      ...(diesAt !== undefined && { SEEDBED_TEST_DIES_AT: String(diesAt) }),
    },
  });
  // A runner that is ended runs no hooks; the server must not outlive it.
  process.once('exit', () => child.kill('SIGKILL'));
  const log = createWriteStream(`${dataDir}/server.log`, { flags: 'a' });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const url = `http://127.0.0.1:${port}`;
  const alive = () => child.exitCode === null && child.signalCode === null;
  const ask = async () => {
    if (diesAt !== undefined && child.signalCode === 'SIGKILL') return true;
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}, see ${dataDir}/server.log`);
    return (await fetch(`${url}/readyz`)).ok ? true : undefined;
  };
  await until('Seedbed is ready', 60, ask, 50);
  return { url, pid: child.pid ?? 0, alive, kill9: async () => void (await end(child, 'SIGKILL')), stop: () => end(child, 'SIGTERM') };
};

const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> => {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
  return child.exitCode;
};

/** A port that is free now. A server that is killed and started again keeps it, as in production. */
export const freePort = async (host = '127.0.0.1'): Promise<number> => {
  const probe = createServer().listen(0, host);
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
};
