/** The example in Python, run as a process of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster, Live } from './clients.test.ts';

const VERSION = '4.4.0';
const IMPORTS = `import gql, aiohttp, websockets; assert gql.__version__ == '${VERSION}'`;

/** A Python that has gql: an environment of our own, made once and kept in the temporary directory. */
export const findPython = (): string => {
  const works = (python: string): boolean => spawnSync(python, ['-c', IMPORTS]).status === 0;
  const own = join(tmpdir(), `seedbed-gql-${VERSION}`);
  const found = ['python3', join(own, 'bin/python')].find(works);
  if (found !== undefined) return found;
  for (const [command, ...args] of [
    ['python3', '-m', 'venv', own],
    [join(own, 'bin/pip'), 'install', '--quiet', `gql[aiohttp,websockets]==${VERSION}`],
  ] as [string, ...string[]][]) {
    const run = spawnSync(command, args, { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`gql could not be installed: ${command} ${args.join(' ')}\n${run.stderr}`);
  }
  return join(own, 'bin/python');
};

/** Starts live.py; what it complains of shows in the test's output. */
export const startPython = (python: string, url: string, token: string, show: (clusters: readonly Cluster[]) => void): Live => {
  const child = spawn(python, [join(import.meta.dirname, 'live.py'), url, token], { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  const made = new Map<string, (problem: string | null) => void>();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const told = JSON.parse(line) as Cluster[] | { made: string; problem: string | null };
      if (Array.isArray(told)) show(told);
      else made.get(told.made)?.(told.problem);
    }
  });
  return {
    create: (name) =>
      new Promise<void>((resolve, reject) => {
        made.set(name, (problem) => (problem === null ? resolve() : reject(new Error(problem))));
        child.stdin.write(`${name}\n`);
      }),
    stop: () => void child.stdin.end(),
  };
};
