/** What Seedbed is measured against and with: servers and a load generator that are a package of their own, brought when they are first needed. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const FOLDER = new URL('peers/', import.meta.url).pathname;

export const installPeers = (): void => {
  if (!existsSync(join(FOLDER, 'node_modules'))) execFileSync('npm', ['ci', '--silent', '--prefix', FOLDER], { stdio: 'inherit' });
};

/** `node peer.mjs NAME PORT FILE`. */
export const startPeer = (name: string, port: number, file: string): ChildProcess =>
  spawn(process.execPath, [join(FOLDER, 'peer.mjs'), name, String(port), file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env.PATH, NODE_ENV: 'production' },
  });

/** A program of peers/, or from beside it where it shares packages with Seedbed; told a port and what else it needs. */
export const startProgram = (
  program: string,
  port: number,
  words: readonly string[],
  environment: Record<string, string> = {},
): ChildProcess =>
  spawn(process.execPath, [join(FOLDER, program), String(port), ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...environment },
  });

/** `node broadcast.mjs PORT`, listening. */
export const startBroadcast = async (port: number): Promise<ChildProcess> => {
  const child = spawn(process.execPath, [join(FOLDER, 'broadcast.mjs'), String(port)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { PATH: process.env.PATH, NODE_ENV: 'production' },
  });
  await once(child, 'message');
  return child;
};

export const urlOf = (port: number): string => `http://127.0.0.1:${port}`;

/** All threads of a process on one core. */
export const pin = ({ pid }: { pid?: number | undefined }, core: number): void =>
  void execFileSync('taskset', ['-acp', String(core), String(pid)]);

export interface Load {
  connections: number;
  seconds: number;
  /** autocannon puts another text in the place of `[<id>]` each time. */
  renewed?: boolean;
}

/** Answers a second, asked for from the other core. Throws when one of them was not good. */
export const load = async (url: string, headers: Record<string, string>, body: string, how: Load): Promise<number> => {
  const told = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`]);
  const program = join(FOLDER, 'node_modules/autocannon/autocannon.js');
  const words = ['-c', '1', process.execPath, program, '--json', '-c', String(how.connections), '-d', String(how.seconds), '-m', 'POST'];
  const { stdout } = await promisify(execFile)('taskset', [...words, ...told, ...(how.renewed ? ['-I'] : []), '-b', body, url], {
    maxBuffer: 10_000_000,
  });
  const { requests, non2xx, errors } = JSON.parse(stdout) as { requests: { average: number }; non2xx: number; errors: number };
  if (non2xx + errors > 0) throw new Error(`${url}: ${non2xx + errors} bad answers`);
  return requests.average;
};
