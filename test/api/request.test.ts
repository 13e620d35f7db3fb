/** Requests that offer another protocol, such as HTTP/2 over http://. */
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { openWorld } from './world.ts';

const VIEWER = '{ viewer { userName } }';
const SIDE_EFFECT = 'mutation { createClusterTemplate(input: { name: "forged", image: "debian", flavor: "small" }) { __typename } }';

test('whoever offers another protocol with a request is answered by this one, and its connection ends', async () => {
  const world = await openWorld();
  const { hostname, port } = new URL(world.url);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const offer = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAoAAAAAIAAAAA' };
  const ask = (method: string, path: string, body?: string) =>
    new Promise<{ status: number | undefined; connection: string | undefined; text: string }>((resolve, reject) => {
      const headers = {
        'x-auth-token': 'anna',
        'content-type': 'application/json',
        ...offer,
        ...(body && { 'content-length': body.length }),
      };
      const call = request({ agent, hostname, port, method, path, headers }, async (response) =>
        resolve({
          status: response.statusCode,
          connection: response.headers.connection,
          text: Buffer.concat(await response.toArray()).toString(),
        }),
      );
      call.on('error', reject);
      call.end(body);
    });
  const answer = { data: { viewer: { userName: 'anna' } } };
  for (const [method, path, body] of [
    ['POST', '/graphql', JSON.stringify({ query: VIEWER })],
    ['GET', `/graphql?query=${encodeURIComponent(VIEWER)}`],
    ['POST', '/graphql/read', JSON.stringify({ query: VIEWER })],
  ] as const) {
    const { status, connection, text } = await ask(method, path, body);
    expect([status, connection, JSON.parse(text)]).toMatchObject([200, 'close', answer]);
  }
  expect(await ask('GET', '/healthz')).toMatchObject({ status: 200, connection: 'close' });
  agent.destroy();
});

test.each([
  ['the head of another comes with it', 'GET', [], 'POST /graphql HTTP/1.1\r\nHost: api\r\nContent-Length: 500\r\n\r\n'],
  ['its body is in a coding without an end', 'GET', ['Transfer-Encoding: gzip'], ''],
])('what comes behind a request that offers another protocol is not run: %s', async (_, method, headers, more) => {
  const world = await openWorld();
  const { hostname, port } = new URL(world.url);
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  world.keystone.before = () => released;
  const socket = connect({ host: hostname, port: Number(port) });
  let said = '';
  socket.on('data', (chunk) => {
    said += chunk;
  });
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const common = ['Host: api', 'X-Auth-Token: anna'];
  const offer = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'];
  const first = [`${method} /graphql?query=${encodeURIComponent(VIEWER)} HTTP/1.1`, ...common, ...offer, ...headers, '', more];
  const body = JSON.stringify({ query: SIDE_EFFECT });
  const behind = ['POST /graphql HTTP/1.1', ...common, 'Content-Type: application/json', `Content-Length: ${body.length}`, '', body];
  socket.write(first.join('\r\n'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.write(behind.join('\r\n'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  release();
  await closed;
  expect(said.split('HTTP/1.1 ')).toHaveLength(2);
  expect(said.toLowerCase()).toContain('connection: close');
  expect(await world.data('anna', '{ clusterTemplates { nodes { name } } }')).toEqual({ clusterTemplates: { nodes: [] } });
});
