import { expect, test } from 'vitest';
import { textFrame } from '../../src/api/textFrame.ts';
import { openPair } from './socketPair.ts';

test.each([0, 1, 125, 126, 65_535, 65_536, 200_000])('a text of %i bytes comes whole, between messages of ws', async (length) => {
  const { client, server, wire, close } = await openPair();
  const heard: string[] = [];
  client.on('message', (data, isBinary) => heard.push(`${isBinary} ${data}`));
  server.send('before');
  wire.write(textFrame('x'.repeat(length)));
  server.send('after');
  await expect.poll(() => heard.length).toBe(3);
  expect(heard).toEqual(['false before', `false ${'x'.repeat(length)}`, 'false after']);
  close();
});

test('its length is that of the bytes, not of the letters', () => {
  expect(textFrame('ö€')).toEqual(Buffer.from([0x81, 5, ...Buffer.from('ö€')]));
});
