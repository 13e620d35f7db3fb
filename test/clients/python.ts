/** The example in Python, run as a process of its own. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pythonWith } from '../house/python.ts';
import type { Cluster, Live } from './clients.test.ts';

/** A Python that has gql. */
export const findPython = (): string => pythonWith(join(import.meta.dirname, 'requirements.txt'));

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
