/** The server as a first try starts it, with its own cloud. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = new URL('../..', import.meta.url).pathname;

interface Running {
  /** Of GraphQL. */
  url: string;
  /** Of a member of the sandbox's first project. */
  token: string;
  /** Stops it as an operator does, and starts it again at the same address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Resolves when seed and template are there; rejects with what the server said when it ends before. */
export const startServer = async (): Promise<Running> => {
  const data = mkdtempSync(join(tmpdir(), 'seedbed-clients-'));
  let life = await live(data, 0);
  const handover = JSON.parse(readFileSync(join(data, 'sandbox', 'sandbox.json'), 'utf8')) as Handover;
  return {
    url: life.url,
    token: await logIn(handover),
    restart: async () => {
      await life.end();
      life = await live(data, Number(new URL(life.url).port));
    },
    stop: async () => {
      await life.end();
      rmSync(data, { recursive: true, force: true });
    },
  };
};

/** One life of the server. */
const live = async (data: string, port: number): Promise<{ url: string; end(): Promise<void> }> => {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(OS_|SEEDBED_)/.test(name)));
  const args = ['--import', 'tsx', 'src/main.ts', 'start', '--bare', '--port', String(port), '--data', data];
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...env, SEEDBED_CLUSTERS_PER_PROJECT: '100' } });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      said += String(chunk);
      if (said.includes('Ctrl-C ends it')) resolve();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    void ended.then(() => reject(new Error(said)));
  });
  return {
    url: /serves (\S+\/graphql),/.exec(said)?.[1] ?? '',
    end: async () => {
      child.kill('SIGINT');
      await ended;
    },
  };
};

interface Handover {
  authUrl: string;
  users: { member: { userId: string; password: string; projectId: string } };
}

const logIn = async ({ authUrl, users: { member } }: Handover): Promise<string> => {
  const password = { user: { id: member.userId, password: member.password } };
  const auth = { identity: { methods: ['password'], password }, scope: { project: { id: member.projectId } } };
  const response = await fetch(`${authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth }),
  });
  return response.headers.get('x-subject-token') ?? '';
};
