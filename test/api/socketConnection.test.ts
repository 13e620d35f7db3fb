import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Connection } from '../../src/api/socketConnection.ts';
import { silentLog } from '../../src/lib/log.ts';
import { openPair } from './socketPair.ts';

test('sockets without a hello are closed when their turn comes, and one that says it meanwhile stays', async () => {
  const turns: (() => void)[] = [];
  const line = { turn: () => new Promise<void>((resolve) => turns.push(resolve)), waiting: 0 };
  const pairs = [await openPair(), await openPair(), await openPair()];
  const connections = pairs.map(({ server, wire }) => {
    const ids = { requestId: 'a', answered: 'b', passedOn: 'c' };
    return new Connection(server, wire, { headers: {}, socket: {} }, ids, silentLog);
  });
  for (const connection of connections) connection.awaitGreeting(5, line);
  await expect.poll(() => turns.length).toBe(3);
  const states = () => pairs.map(({ server }) => server.readyState === WebSocket.OPEN);
  expect(states()).toEqual([true, true, true]);
  turns[0]?.();
  await sleep(1);
  expect(states()).toEqual([false, true, true]);
  connections[1]?.greeted();
  for (const turn of turns) turn();
  await sleep(1);
  expect(states()).toEqual([false, true, false]);
  for (const pair of pairs) pair.close();
});
