/** Objects in a folder: whole or not there, and never at the cost of others. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, expect, test } from 'vitest';
import { NoRoom, NotWhole, openFolder, TooLarge } from '../../src/objectStore/folder.ts';

const root = mkdtempSync(join(tmpdir(), 'folder-'));
afterAll(() => rmSync(root, { recursive: true }));

const cluster = randomUUID();
const newName = () => `${cluster}/${randomUUID()}.db`;
const body = Buffer.from('what etcd had');
const whole = Buffer.concat([body, createHash('sha256').update(body).digest()]);
const LIMITS = { maxBytes: 1_000, expectedBytes: whole.length };

test('what is whole is there with its checksum; what is not, is too large or finds no room leaves nothing', async () => {
  const folder = await openFolder(root);
  const name = newName();
  await folder.receive(name, Readable.from([whole.subarray(0, 5), whole.subarray(5)]), LIMITS);
  expect(await folder.stat(name)).toEqual({ sizeBytes: whole.length, tail: whole.subarray(body.length) });
  const receive = (bytes: Buffer, limits: object) => folder.receive(newName(), Readable.from([bytes]), { ...LIMITS, ...limits });
  await expect(receive(whole.subarray(1), {})).rejects.toThrow(NotWhole);
  await expect(receive(whole, { maxBytes: 10 })).rejects.toThrow(TooLarge);
  await expect(receive(whole, { expectedBytes: 1e18 })).rejects.toThrow(NoRoom);
  expect(readdirSync(join(root, cluster))).toHaveLength(1);
});

test('what a process left half done when it died goes at the next start, and nothing else', async () => {
  const other = join(root, randomUUID());
  mkdirSync(other);
  const half = `${randomUUID()}.db.0123456789ab.part`;
  for (const name of [half, 'mine.part']) writeFileSync(join(other, name), 'half');
  await openFolder(root);
  expect(readdirSync(other)).toEqual(['mine.part']);
});

test.each(['../etc/passwd', `${cluster}/../../x.db`, `${cluster}/${randomUUID()}.txt`, 'a'])('%s is no name', async (name) => {
  const folder = await openFolder(root);
  expect(() => folder.read(name)).toThrow('No object can have the name');
});
