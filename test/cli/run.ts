/** Runs one command line in this process and keeps what it wrote. */
import { tmpdir } from 'node:os';
import { runProgram } from '../../src/cli/program.ts';

export interface Ran {
  status: number;
  out: string;
  err: string;
}

export const run = async (
  args: readonly string[],
  environment: Record<string, string>,
  options: { cwd?: string; home?: string; signal?: AbortSignal } = {},
): Promise<Ran> => {
  let out = '';
  let err = '';
  const status = await runProgram(args, {
    environment,
    cwd: options.cwd ?? tmpdir(),
    home: options.home ?? '/nonexistent',
    out: (text) => {
      out += text;
    },
    screen: {
      write: (text) => {
        err += text;
      },
      live: false,
      columns: () => 80,
      rows: () => 24,
      now: Date.now,
    },
    signal: options.signal ?? new AbortController().signal,
  });
  return { status, out, err };
};
