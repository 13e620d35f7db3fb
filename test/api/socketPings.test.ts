import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createSocketPings } from '../../src/api/socketPings.ts';
import { openPair } from './socketPair.ts';

test('who answers stays, who does not is cut off at the second ping, and who was taken out is not asked', async () => {
  const pings = createSocketPings(300, 3);
  const [answering, silent, out] = [await openPair(), await openPair(), await openPair()];
  const asked: string[] = [];
  for (const [name, { client }] of Object.entries({ answering, silent, out })) client.on('ping', () => asked.push(name));
  silent.client.pong = () => {};
  const remove = [answering, silent, out].map(({ server }) => pings.add(server));
  remove[2]?.();
  await expect.poll(() => silent.server.readyState, { timeout: 3_000 }).toBe(WebSocket.CLOSED);
  await sleep(700);
  expect(answering.server.readyState).toBe(WebSocket.OPEN);
  expect(asked.filter((name) => name === 'answering').length).toBeGreaterThanOrEqual(3);
  expect(asked.filter((name) => name === 'silent')).toHaveLength(1);
  expect(asked).not.toContain('out');
  pings.close();
  for (const pair of [answering, silent, out]) pair.close();
});
