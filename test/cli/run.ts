/** Runs one command line in this process and keeps what it wrote. */
import { tmpdir } from 'node:os';
import type { Command } from 'commander';
import { buildProgram, runProgram } from '../../src/cli/program.ts';
import type { Io } from '../../src/cli/session.ts';

export interface Ran {
  status: number;
  out: string;
  err: string;
}

type Options = { cwd?: string; home?: string; signal?: AbortSignal; heard?: (text: string) => void };

const ioOf = (ran: Ran, environment: Record<string, string>, options: Options): Io => ({
  environment,
  cwd: options.cwd ?? tmpdir(),
  home: options.home ?? '/nonexistent',
  out: (text) => {
    ran.out += text;
    options.heard?.(text);
  },
  screen: {
    write: (text) => {
      ran.err += text;
    },
    live: false,
    columns: () => 80,
    rows: () => 24,
    now: Date.now,
  },
  signal: options.signal ?? new AbortController().signal,
});

export const run = async (args: readonly string[], environment: Record<string, string>, options: Options = {}): Promise<Ran> => {
  const ran = { status: 0, out: '', err: '' };
  ran.status = await runProgram(args, ioOf(ran, environment, options));
  return ran;
};

/** Every command that can be run, with the words that lead to it, such as "cluster create". */
export const listCommands = (): [string, Command][] => {
  const below = (command: Command, words: string): [string, Command][] =>
    command.commands.length === 0 ? [[words, command]] : command.commands.flatMap((one) => below(one, `${words} ${one.name()}`.trim()));
  return below(
    buildProgram(ioOf({ status: 0, out: '', err: '' }, {}, {}), () => {}),
    '',
  );
};

/** What changes nothing, by its last word; whatever is called otherwise changes something, and can be waited for. */
const READS = ['list', 'show', 'watch', 'leaks', 'keystone', 'usage', 'token', 'whoami', 'gql'];

/** Those of them that change something. */
export const listChanges = (): [string, Command][] => listCommands().filter(([words]) => !READS.includes(words.split(' ').at(-1) ?? ''));
