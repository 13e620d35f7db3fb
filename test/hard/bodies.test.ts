/** A body that comes a byte at a time. */
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Streams, startStreams } from '../hostile/streams.ts';

let streams: Streams;
beforeAll(async () => {
  streams = await startStreams();
});
afterAll(() => streams.close());

test('100 who send a body a byte at a time, without end, are cut off after half a minute', async () => {
  const { hostname, port } = new URL(streams.url);
  const drip = (): Promise<number> =>
    new Promise((resolve) => {
      const began = performance.now();
      const socket = connect(Number(port), hostname);
      const lines = [
        'POST /graphql HTTP/1.1',
        'Host: x',
        'X-Auth-Token: slow@p0',
        'Content-Type: application/json',
        'Content-Length: 200000',
      ];
      socket.write([...lines, '', ''].join('\r\n'));
      const timer = setInterval(() => socket.write(' '), 300);
      socket.on('error', () => {});
      socket.on('close', () => {
        clearInterval(timer);
        resolve(performance.now() - began);
      });
    });
  const times = await Promise.all(Array.from({ length: 100 }, drip));
  expect(Math.max(...times)).toBeLessThan(33_000);
  expect(Math.min(...times)).toBeGreaterThan(25_000);
});
