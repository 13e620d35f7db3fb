import { Agent, request } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { openWorld } from './world.ts';

test('on one connection each request is its own caller, whoever asked before, and a token that is good no more is not', async () => {
  const world = await openWorld();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const ports = new Set<number | undefined>();
  const whoIs = (token: string) =>
    new Promise<string>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'x-auth-token': token };
      const asked = request(world.url, { agent, method: 'POST', headers }, async (response) => {
        ports.add(response.socket.localPort);
        let text = '';
        for await (const chunk of response) text += chunk;
        const { data, errors } = JSON.parse(text) as {
          data?: { viewer: { userName: string } };
          errors?: { extensions: { code: string } }[];
        };
        resolve(data?.viewer.userName ?? errors?.[0]?.extensions.code ?? text);
      });
      asked.once('error', reject);
      asked.end(JSON.stringify({ query: '{ viewer { userName } }' }));
    });
  const heard: string[] = [];
  for (const token of ['anna', 'anna', 'rita', 'rita', 'anna', 'nobody', 'anna', 'otto', 'otto']) heard.push(await whoIs(token));
  const [anna, rita, otto] = await Promise.all(['anna', 'rita', 'otto'].map(whoIs));
  expect(heard).toEqual([anna, anna, rita, rita, anna, 'UNAUTHENTICATED', anna, otto, otto]);
  expect(new Set([anna, rita, otto]).size).toBe(3);
  world.tokens.delete('otto');
  world.time.now += 31_000;
  expect([await whoIs('otto'), await whoIs('anna')]).toEqual(['UNAUTHENTICATED', anna]);
  // Each of the two refusals ended its connection, with a body that nobody read.
  expect(ports.size).toBe(3);
});
