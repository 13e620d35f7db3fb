/** The real server as a process of its own (watchedServer.ts), with all that it says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { bundleServer } from '../crash/mortal.ts';
import type { Served, Settings } from '../reconcilers/story.ts';
import type { Report } from './watch.ts';

export interface Apart extends Served {
  pid: number;
  /** Resets what it measures. */
  report(): Promise<Report>;
  /** All of its standard output and error so far. */
  output(): string;
  /** It has neither ended nor been killed. */
  alive(): boolean;
}

/** `before`: a command that runs the server's, such as strace. `name`: of the bundle, one for each file of tests. */
export const serveApart =
  (name: string, options: { before?: readonly string[]; environment?: Record<string, string>; started?(server: Apart): void } = {}) =>
  async (settings: Settings): Promise<Apart> => {
    const program = await bundleServer(name, 'test/hostile/watchedServer.ts');
    const [command = '', ...words] = [...(options.before ?? []), process.execPath, program];
    const child = spawn(command, words, {
      env: { ...options.environment, PATH: process.env['PATH'], WATCHED: JSON.stringify(settings) },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => said.push(String(chunk)));
    const exited = once(child, 'exit');
    const [url] = await Promise.race([once(child, 'message'), exited]);
    if (typeof url !== 'string') throw new Error(`The server did not start: ${said.join('')}`);
    const server: Apart = {
      url,
      pid: child.pid ?? 0,
      report: () => ask(child),
      output: () => said.join(''),
      alive: () => child.exitCode === null && child.signalCode === null,
      close: async () => {
        if (child.connected) child.send('close');
        await exited;
      },
    };
    options.started?.(server);
    return server;
  };

const ask = async (child: ChildProcess): Promise<Report> => {
  const answer = once(child, 'message');
  child.send('report');
  const [report] = await answer;
  return report as Report;
};
