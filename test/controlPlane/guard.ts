/** The guard of the Keystone webhook as a real process, before a k8s-keystone-auth that a test plays. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pkiNamesOf } from '../../src/controlPlane/hostedCluster.ts';
import { GUARD_FILES } from '../../src/controlPlane/keystoneGuard.ts';
import { buildClusterPki } from '../../src/pki/bundle.ts';
import { cluster } from './fixture.ts';

export const OURS = cluster.projectId;

/** In Keystone's form. */
export const newToken = (): string => `gAAAAA${randomBytes(132).toString('base64url')}`;

/** What k8s-keystone-auth says of a token that Keystone knows. */
export const known = (project: string, more: { username?: string; groups?: string[]; roles?: string[] } = {}) => ({
  status: 200,
  body: {
    status: {
      authenticated: true,
      user: {
        username: more.username ?? 'anna',
        uid: 'u1',
        groups: [...(more.groups ?? []), project],
        extra: {
          'alpha.kubernetes.io/identity/roles': more.roles ?? ['member', 'reader'],
          'alpha.kubernetes.io/identity/project/id': [project],
          'alpha.kubernetes.io/identity/project/name': ['blue'],
          'alpha.kubernetes.io/identity/user/domain/id': ['default'],
          'alpha.kubernetes.io/identity/user/domain/name': ['Default'],
        },
      },
    },
  },
});

export const NOBODY = { status: 401, body: { status: { authenticated: false } } };

interface Said {
  status: number;
  connection: string | undefined;
  text: string;
}

export interface Guard {
  /** Null: nothing comes. */
  answer: (token: string) => { status: number; body: object } | 'hang up' | null;
  questionMs: number;
  /** Tokens, in the order in which k8s-keystone-auth was asked. */
  asked: string[];
  mostAtOnce: number;
  ask(method: string, path: string, body?: unknown): Promise<Said>;
  /** As API servers ask. */
  statusOf(token: string): Promise<unknown>;
  /** Ends k8s-keystone-auth alone. */
  endInner(): void;
  close(): void;
}

export const review = (token: string) => ({ apiVersion: 'authentication.k8s.io/v1beta1', kind: 'TokenReview', spec: { token } });

export const startGuard = async (): Promise<Guard> => {
  const folder = mkdtempSync(join(tmpdir(), 'guard-'));
  const real = await buildClusterPki(pkiNamesOf(cluster), { now: Date.now });
  const { ca } = real.trust;
  const files = { 'server.crt': real.leaves.keystoneAuth.cert, 'server.key': real.leaves.keystoneAuth.key, 'ca.crt': ca };
  for (const [name, text] of Object.entries({ ...files, ...GUARD_FILES })) writeFileSync(join(folder, name), text);
  let atOnce = 0;
  const inner = createServer({ cert: files['server.crt'], key: files['server.key'] }, async (incoming, response) => {
    let text = '';
    for await (const chunk of incoming) text += chunk;
    if (incoming.method === 'GET') return response.writeHead(500).end('EOF');
    const { apiVersion, spec } = JSON.parse(text) as { apiVersion: string; spec: { token: string } };
    // It knows no other.
    if (apiVersion !== 'authentication.k8s.io/v1beta1') return response.writeHead(400).end();
    guard.asked.push(spec.token);
    atOnce += 1;
    guard.mostAtOnce = Math.max(guard.mostAtOnce, atOnce);
    await new Promise((resolve) => setTimeout(resolve, guard.questionMs));
    atOnce -= 1;
    const said = guard.answer(spec.token);
    if (said === 'hang up') response.destroy();
    else if (said !== null) await endInPieces(response.writeHead(said.status), JSON.stringify(said.body));
  });
  await new Promise<void>((resolve) => inner.listen(0, '127.0.0.1', resolve));
  const upstream = String((inner.address() as AddressInfo).port);
  const { child, port } = await startedGuard(folder, upstream);
  const guard: Guard = {
    answer: () => known(OURS),
    questionMs: 20,
    asked: [],
    mostAtOnce: 0,
    ask: (method, path, body) =>
      new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', port, servername: 'localhost', ca, method, path };
        const sent = request(options, async (response) => {
          let text = '';
          for await (const chunk of response.setEncoding('utf8')) text += chunk;
          resolve({ status: response.statusCode ?? 0, connection: response.headers.connection, text });
        });
        sent.on('error', reject);
        sent.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
      }),
    statusOf: async (token) => {
      const { status, text } = await guard.ask('POST', '/webhook?timeout=30s', review(token));
      if (status !== 200) throw new Error(`${status} ${text}`);
      return (JSON.parse(text) as { status: unknown }).status;
    },
    endInner: () => {
      inner.close();
      inner.closeAllConnections();
    },
    close: () => {
      child.kill('SIGKILL');
      inner.close();
      rmSync(folder, { recursive: true });
    },
  };
  return guard;
};

const TRIES = 10;

/** It is told its port: below those that the kernel gives to whoever goes out, and another one where somebody has it. */
const startedGuard = async (folder: string, upstream: string, tries = TRIES): Promise<{ child: ChildProcess; port: number }> => {
  const port = 20_000 + Math.floor(Math.random() * 12_000);
  const child = spawn(process.execPath, [join(folder, 'guard.mjs'), folder, String(port), upstream, OURS], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const started = once(child.stdout, 'data').then(() => true);
  const isStarted = await Promise.race([started, once(child, 'exit').then(() => false)]);
  if (isStarted) return { child, port };
  if (tries <= 1) throw new Error('The guard does not start.');
  return startedGuard(folder, upstream, tries - 1);
};

/** Cut within a letter that takes two bytes, if there is one. */
const endInPieces = async (response: ServerResponse, text: string): Promise<void> => {
  const bytes = Buffer.from(text);
  const at = bytes.findIndex((byte) => byte > 0x7f) + 1;
  if (at > 0) {
    response.write(bytes.subarray(0, at));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  response.end(bytes.subarray(at));
};
