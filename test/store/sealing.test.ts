import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createSealer } from '../../src/store/sealing.ts';
import { createSecrets } from '../../src/store/secrets.ts';
import { openTestDatabase } from './database.ts';

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];

test('what is sealed opens again at its place, and nowhere else, and not once a byte has changed', () => {
  const sealer = createSealer([oldKey]);
  const sealed = sealer.seal('kubeconfig', 'seed-1/kubeconfig');
  expect(sealer.open(sealed, sealer.keyId, 'seed-1/kubeconfig')).toBe('kubeconfig');
  expect(() => sealer.open(sealed, sealer.keyId, 'seed-2/kubeconfig')).toThrow();
  for (const at of [0, 13, sealed.length - 1]) {
    const forged = Buffer.from(sealed);
    forged[at] = (forged[at] ?? 0) ^ 1;
    expect(() => sealer.open(forged, sealer.keyId, 'seed-1/kubeconfig')).toThrow();
  }
  expect(sealer.seal('kubeconfig', 'seed-1/kubeconfig').equals(sealed)).toBe(false);
});

test('a new key seals and the old one still opens; an unknown one is named', () => {
  const before = createSealer([oldKey]);
  const sealed = before.seal('x', 'p');
  const both = createSealer([newKey, oldKey]);
  expect(both.keyId).not.toBe(before.keyId);
  expect(both.open(sealed, before.keyId, 'p')).toBe('x');
  expect(() => createSealer([newKey]).open(sealed, before.keyId, 'p')).toThrow(before.keyId);
  expect(() => createSealer([Buffer.alloc(16)])).toThrow('32 bytes');
});

test('no secret is in clear in the database file or its log', async () => {
  const db = openTestDatabase();
  const secrets = createSecrets(createSealer([oldKey]));
  await db.store.transaction((tx) => secrets.put(tx, 'seed', 'kubeconfig', 'canary-4711-secret', 1));
  expect(await secrets.find(db.store.db, 'seed', 'kubeconfig')).toBe('canary-4711-secret');
  for (const file of [db.path, `${db.path}-wal`]) expect(readFileSync(file).includes('canary-4711')).toBe(false);
  await db.close();
});
