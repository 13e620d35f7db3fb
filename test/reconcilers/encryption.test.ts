/** Secrets at rest: sealed from the first on, sealed anew on demand, and readable all the while. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kubernetes } from '../../src/seeds/connection.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let living: Living;
let clusterId: string;
let kube: Kubernetes;

beforeAll(async () => {
  living = await openLiving();
  clusterId = await living.makeCluster('sealed');
  kube = living.tenant(living.pki(clusterId).kubeconfigs.superAdmin);
});
afterAll(() => living?.close());

const secret = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'default' },
  data: { word: Buffer.from(name).toString('base64') },
});
/** How many Secrets are sealed with which key, as the hosted API server has stored them. */
const sealedWith = async (): Promise<string[]> => {
  const { kubernetes } = (await (await fetch(`${living.sandbox.controlUrl}/world`)).json()) as {
    kubernetes: { hosted: { sealedWith: Record<string, number> }[] };
  };
  return Object.keys(kubernetes.hosted[0]?.sealedWith ?? {}).map((key) => key.split(':')[0] ?? '');
};

test('a cluster seals its Secrets from the first on', async () => {
  for (let i = 0; i < 40; i += 1) await kube.create(secret(`word-${i}`));
  expect(await sealedWith()).toEqual(['key1']);
});

test('a rotation leaves no Secret under the old key, and every one can be read at every moment of it', async () => {
  const failures: string[] = [];
  let reads = 0;
  let over = false;
  const reader = (async () => {
    while (!over) {
      try {
        const { items } = await kube.list({ apiVersion: 'v1', kind: 'Secret', namespace: 'default' });
        if (items.length < 40) failures.push(`${items.length} Secrets`);
        await kube.apply(secret(`written-${reads % 10}`));
        reads += 1;
      } catch (error) {
        failures.push(String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  const { operation } = await living.change<{ operation: { id: string; kind: string } }>(
    living.member,
    'rotateEncryptionKey',
    { clusterId },
    'operation { id kind }',
  );
  expect(operation.kind).toBe('ROTATE_ENCRYPTION_KEY');
  await expect(living.change(living.member, 'rotateEncryptionKey', { clusterId }, 'operation { id }')).rejects.toThrow(
    /is under way already/,
  );
  const { state } = await until(async () => {
    const { node } = await living.ask<{ node: { state: string } }>(
      living.member,
      `{ node(id: "${operation.id}") { ... on Operation { state } } }`,
    );
    return /SUCCEEDED|FAILED/.test(node.state) ? node : null;
  });
  over = true;
  await reader;
  expect(state).toBe('SUCCEEDED');
  expect(failures.filter((failure) => /transform|Secrets$/.test(failure))).toEqual([]);
  expect(reads).toBeGreaterThan(20);
  expect(await sealedWith()).toEqual(['key2']);
  expect(living.pki(clusterId).encryption).toMatchObject({ keys: [{ number: 2 }], turn: 1, spread: true });
  const told = living.rows<{ message: string }>("select message from events where step = 'SecretsEncrypted'").map(({ message }) => message);
  expect(told.join()).toMatch(/step 1 of 4.*step 2 of 4.*step 4 of 4/);
});

test('a cluster from before is sealed without a hand', async () => {
  await living.idle();
  const pki = living.pki(clusterId);
  living.setPki(clusterId, {
    ...pki,
    encryption: { keys: [{ number: 1, secret: Buffer.alloc(32, 1).toString('base64') }], plain: true, turn: 1, spread: false },
  });
  // What the old key sealed cannot be read with another, as in life: the test begins with nothing of it.
  for (const { metadata } of (await kube.list({ apiVersion: 'v1', kind: 'Secret' })).items)
    await kube.remove({ apiVersion: 'v1', kind: 'Secret', namespace: metadata.namespace ?? '', name: metadata.name });
  living.wake(clusterId);
  await until(() => living.pki(clusterId).encryption.plain === false && living.pki(clusterId).encryption.spread);
  await living.settled(clusterId);
  await kube.create(secret('afterwards'));
  expect(await sealedWith()).toEqual(['key1']);
});

test('Secrets that are too large for one answer are sealed anew all the same', async () => {
  const fat = Buffer.alloc(750_000, 7).toString('base64');
  for (let i = 0; i < 70; i += 1) await kube.create({ ...secret(`fat-${i}`), data: { x: fat } });
  const { operation } = await living.change<{ operation: { id: string } }>(
    living.member,
    'rotateEncryptionKey',
    { clusterId },
    'operation { id }',
  );
  await until(async () => {
    const { node } = await living.ask<{ node: { state: string } }>(
      living.member,
      `{ node(id: "${operation.id}") { ... on Operation { state } } }`,
    );
    return node.state === 'SUCCEEDED';
  }, 60);
  expect(await sealedWith()).toEqual(['key2']);
});
