/** Servers as processes of their own that die at a commit (dyingServer.ts), and are started again on what they left. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import type { Served, Settings } from '../reconcilers/story.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

/** When a server dies by itself; see dyingServer.ts. Null: it does not. */
export interface Orders {
  at: number | null;
  seen: string | null;
  /** Only every n-th state that nobody has died in. */
  every?: number;
  writes?: { file: string; moment: 'BEFORE' | 'DURING' | 'AFTER' };
}

export interface Mortal extends Served {
  /** Undefined once it is dead. */
  alive(): boolean;
}

/** Runs the bundle from V8's cache of its compiled form, and makes that at the first run: compiling is half of a start. */
const loaderOf = (name: string) => `
const { existsSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { Script } = require('node:vm');
const filename = __dirname + '/${name}.cjs';
const cache = __dirname + '/${name}.cache';
const source = '(function (exports, require, module, __filename, __dirname) {' + readFileSync(filename, 'utf8') + '})';
const script = new Script(source, { filename, ...(existsSync(cache) && { cachedData: readFileSync(cache) }) });
globalThis.keepCompiled = () => {
  if (existsSync(cache)) return;
  // A name of its own: servers that start at the same time each make one.
  const coming = cache + '.' + process.pid;
  writeFileSync(coming, script.createCachedData());
  renameSync(coming, cache);
};
script.runInThisContext()(exports, require, module, filename, __dirname);
`;

/**
 * The server as one file: it starts in a third of a second where the sources take three. `name`: each suite has a file of its own.
 * `program`: what starts it.
 */
export const bundleServer = async (name = 'dyingServer', program = 'test/crash/dyingServer.ts'): Promise<string> => {
  // Beside drizzle/, which the server looks for there.
  const outfile = `${ROOT}dist/${name}.cjs`;
  await build({
    entryPoints: [`${ROOT}${program}`],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['better-sqlite3'],
    // Two forms of graphql would be two realms.
    alias: { graphql: 'graphql/index.js' },
    define: { 'import.meta.url': JSON.stringify(`file://${outfile}`) },
    minifyWhitespace: true,
    logLevel: 'error',
  });
  rmSync(`${ROOT}dist/${name}.cache`, { force: true });
  writeFileSync(`${ROOT}dist/${name}Loader.cjs`, loaderOf(name));
  return `${ROOT}dist/${name}Loader.cjs`;
};

/** Resolves when the server serves, or has died on the way there. Throws when it ended in any other way than by its own kill. */
export const startMortal = async (bundle: string, settings: Settings, orders: Orders): Promise<Mortal> => {
  const child = fork(bundle, { env: { DYING: JSON.stringify({ settings, ...orders }) }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  const [first] = await Promise.race([once(child, 'message'), exited]);
  const mortal: Mortal = {
    url: typeof first === 'string' ? first : '',
    alive: () => child.exitCode === null && child.signalCode === null,
    close: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
  expectNoFailure(child);
  return mortal;
};

const expectNoFailure = (child: ChildProcess): void => {
  if (child.exitCode !== null) throw new Error(`a server ended by itself with exit code ${child.exitCode}`);
};
