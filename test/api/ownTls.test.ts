/** The program itself behind TLS of its own and a path prefix, told so by its environment: HTTPS, SSE and WSS, no plain HTTP, and a renewed certificate. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { stringify } from 'yaml';
import { makeTls } from '../objectStore/tls.ts';
import { openStory, until } from '../reconcilers/story.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const VIEWER = '{ viewer { userName } }';

test('serves over TLS under its prefix and nowhere else, and takes a new certificate without a restart', async () => {
  const story = await openStory();
  const folder = mkdtempSync(join(tmpdir(), 'seedbed-tls-'));
  const paths = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key'), config: join(folder, 'seedbed.yaml') };
  const put = ({ cert, key }: { cert: string; key: string }) => {
    writeFileSync(paths.cert, cert);
    writeFileSync(paths.key, key, { mode: 0o600 });
  };
  const [first, second] = [await makeTls('127.0.0.1'), await makeTls('127.0.0.1')];
  put(first);
  writeFileSync(paths.config, stringify({ ...story.settings, data: join(folder, 'var') }), { mode: 0o600 });
  const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'src/main.ts'), 'serve'], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      SEEDBED_CONFIG: paths.config,
      SEEDBED_TLS_CERT_FILE: paths.cert,
      SEEDBED_TLS_KEY_FILE: paths.key,
      SEEDBED_PATH_PREFIX: '/kubernetes',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    const url = await until(() => /Seedbed serves (\S+)/.exec(said)?.[1]);
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/kubernetes\/graphql$/);

    /** The first piece of the answer that is enough to know it by. */
    const send = (ca: string, accept: string, query: string, at = url): Promise<string> =>
      new Promise((resolve, reject) => {
        const headers = { 'content-type': 'application/json', accept, 'x-auth-token': story.member };
        const asked = request(at, { method: 'POST', headers, ca, agent: false }, (response) => {
          let text = `${response.statusCode} `;
          response.on('data', (chunk) => {
            text += chunk;
            if (/data: .+\n\n/.test(text)) asked.destroy();
          });
          response.on('close', () => resolve(text));
        });
        asked.on('error', reject);
        asked.end(JSON.stringify({ query }));
      });
    const answer = JSON.stringify({ viewer: { userName: story.sandbox.users.member.username } });
    expect(await send(first.caPem, 'application/json', VIEWER)).toContain(`200 {"data":${answer}`);
    expect(await send(first.caPem, 'text/event-stream', VIEWER)).toMatch(/^200 [\s\S]*data: \{"data":\{"viewer"/);
    expect(await send(first.caPem, 'application/json', VIEWER, url.replace('/kubernetes/', '/other/'))).toContain('404 ');

    const socket = new WebSocket(url.replace('https', 'wss'), 'graphql-transport-ws', { ca: first.caPem });
    const messages: { type: string; payload?: { data?: { clusters?: { cluster: { name: string } } } } }[] = [];
    socket.on('message', (data) => messages.push(JSON.parse(String(data))));
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init', payload: { 'X-Auth-Token': story.member } }));
    await until(() => messages.some(({ type }) => type === 'connection_ack'));
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: 'subscription { clusters { cluster { name } } }' } }));

    // Of those who do not trust it, or speak plainly, nobody is heard.
    await expect(send(second.caPem, 'application/json', VIEWER)).rejects.toThrow();
    await expect(fetch(url.replace('https', 'http'), { method: 'POST' })).rejects.toThrow();

    put(second);
    await until(() => send(second.caPem, 'application/json', VIEWER).then((text) => text.includes(answer)));
    await expect(send(first.caPem, 'application/json', VIEWER)).rejects.toThrow();

    // The socket from before goes on, and hears what is made over the new certificate.
    const named = 'name: "web", clusterTemplate: "small"';
    const seen = () => messages.some(({ payload }) => payload?.data?.clusters?.cluster.name === 'web');
    const template =
      'mutation { createClusterTemplate(input: { name: "small", image: "debian-12-node", flavor: "m1.small", externalNetwork: "public" }) { __typename } }';
    await send(second.caPem, 'application/json', template);
    const made = await send(
      second.caPem,
      'application/json',
      `mutation { createCluster(input: { ${named} }) { __typename ... on Problem { message } } }`,
    );
    expect(made).toContain('CreateClusterPayload');
    await until(seen);
    socket.close();
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    await story.close();
    rmSync(folder, { recursive: true });
  }
});
