/** What README shows of the command line, done word by word and in its order in the world that `npm start` brings. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const PROGRAM = ['--import', import.meta.resolve('tsx'), join(root, 'src', 'main.ts')];
/** README's commands name files by their place in the project's folder, so this stands for it. */
const folder = mkdtempSync(join(tmpdir(), 'readme-walk-'));
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(OS_|SEEDBED_)/.test(name)));

let child: ChildProcess | undefined;
afterAll(async () => {
  if (child !== undefined && child.exitCode === null) {
    const ended = new Promise((resolve) => child?.once('close', resolve));
    child.kill('SIGINT');
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
});

const start = (): Promise<string> =>
  new Promise((resolve, reject) => {
    child = spawn(process.execPath, [...PROGRAM, 'start', '--port', '0'], { cwd: folder, env: clean });
    let text = '';
    const take = (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('Ctrl-C ends it')) resolve(/serves (\S+\/graphql)/.exec(text)?.[1] ?? '');
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.once('close', () => reject(new Error(`It ended:\n${text}`)));
  });

interface Step {
  line: string;
  environment: Record<string, string>;
}

/** Its commands, each with what its block exports. */
const steps = (): Step[] =>
  [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => {
    const environment: Record<string, string> = {};
    return block.split('\n').flatMap((line): Step[] => {
      for (const [, name = '', value = ''] of line.startsWith('export ') ? line.matchAll(/(\w+)=(\S+)/g) : []) environment[name] = value;
      return line.startsWith('seedbed ') ? [{ line, environment }] : [];
    });
  });

const seedbed = (url: string, { line, environment }: Step): Promise<{ line: string; status: unknown; err: string }> =>
  new Promise((resolve) => {
    const env = { ...clean, ...environment, SEEDBED_URL: url };
    execFile(process.execPath, [...PROGRAM, ...line.split(' ').slice(1)], { cwd: folder, env }, (error, _out, err) =>
      resolve({ line, status: error === null ? 0 : error.code, err: error === null ? '' : err }),
    );
  });

test('every command does what it says', { timeout: 360_000 }, async () => {
  const url = await start();
  const walk = steps();
  expect(walk.length).toBeGreaterThan(12);
  for (const step of walk) expect(await seedbed(url, step)).toEqual({ line: step.line, status: 0, err: '' });
});
