import { readFileSync } from 'node:fs';
import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listEvents } from '../../src/store/events.ts';
import { loadCluster, patchCluster } from '../../src/store/reconcile.ts';
import { countClustersBySeeds, listSeedCandidates, listSeeds } from '../../src/store/seeds.ts';
import { audit, operations, workItems } from '../../src/store/tables.ts';
import { ADA, ANNA, call, errorOf, type House, KUBECONFIG, openHouse, TEMPLATE } from './house.ts';

let house: House;
beforeEach(() => {
  house = openHouse();
});
afterEach(() => house.close());

const register = (more: object = {}) => house.commands.registerSeed(call(ADA), { name: 'north', kubeconfig: KUBECONFIG, ...more });

test('registers with the kubeconfig sealed, an operation, an event and work', async () => {
  const { seed, operation } = await register({
    region: 'r1',
    labels: { tier: 'gold' },
    exposure: 'NODE_PORT',
    maxClusters: 2,
    weight: 0,
    podCidr: '10.244.0.0/16',
    storageClass: 'fast',
  });
  expect(seed).toMatchObject({
    state: 'PENDING',
    apiServerUrl: 'https://10.9.8.7:6443',
    region: 'r1',
    exposure: 'NODE_PORT',
    maxClusters: 2,
    weight: 0,
    serviceCidr: null,
    eventNumber: 1,
  });
  expect(operation).toMatchObject({ kind: 'REGISTER_SEED', targetKind: 'SEED', targetId: seed.id, projectId: null, clusterId: null });
  expect(await listEvents(house.store.db, seed.id, 0, 9)).toMatchObject([{ number: 1, subjectKind: 'SEED' }]);
  expect(await house.store.db.select({ kind: workItems.kind, id: workItems.id }).from(workItems)).toEqual([{ kind: 'SEED', id: seed.id }]);
  expect(await house.secrets.find(house.store.db, seed.id, 'kubeconfig')).toBe(KUBECONFIG);
  expect(await house.store.db.select().from(audit).where(eq(audit.targetId, seed.id))).toMatchObject([
    { action: 'registerSeed', projectId: null },
  ]);
  const bytes = ['', '-wal'].map((suffix) => readFileSync(`${house.path}${suffix}`).toString('latin1')).join('');
  expect(bytes).not.toContain('TOP-SECRET-KEY');
});

test.each<[string, object, string, string[] | undefined]>([
  ['a refused kubeconfig', { kubeconfig: 'exec: rm TOP-SECRET-KEY' }, 'KUBECONFIG_REFUSED', undefined],
  ['a name', { name: 'North' }, 'INVALID_INPUT', ['name']],
  ['an exposure', { exposure: 'INGRESS' }, 'INVALID_INPUT', ['exposure']],
  ['a range', { podCidr: '10.0.0.0/33' }, 'INVALID_INPUT', ['podCidr']],
  ['a number', { maxClusters: -1 }, 'INVALID_INPUT', ['maxClusters']],
  ['a weight below nought', { weight: -1 }, 'INVALID_INPUT', ['weight']],
  ['a weight beyond the greatest', { weight: 1_001 }, 'INVALID_INPUT', ['weight']],
  ['a weight between', { weight: 0.5 }, 'INVALID_INPUT', ['weight']],
])('%s is refused, nothing is written and nothing secret echoed', async (_what, more, code, field) => {
  const error = await errorOf(register(more));
  expect(error).toMatchObject({ code, field });
  expect(error.message).not.toContain('SECRET');
  expect((await listSeeds(house.store.db, {}, { first: 5 })).rows).toEqual([]);
});

test('only cloud admins; names are unique; changes count generations', async () => {
  const { seed } = await register();
  const { commands } = house;
  const attempts: [string, (who: typeof ADA, more?: object) => Promise<unknown>][] = [
    ['registerSeed', (who) => commands.registerSeed(call(who), { name: 'x', kubeconfig: KUBECONFIG })],
    ['updateSeed', (who, more) => commands.updateSeed(call(who, more), { seedId: seed.id, region: 'r' })],
    ['cordonSeed', (who, more) => commands.cordonSeed(call(who, more), { seedId: seed.id })],
    ['uncordonSeed', (who, more) => commands.uncordonSeed(call(who, more), { seedId: seed.id })],
    ['unregisterSeed', (who, more) => commands.unregisterSeed(call(who, more), { seedId: seed.id })],
  ];
  for (const [name, attempt] of attempts) {
    expect(await errorOf(attempt(ANNA)), name).toMatchObject({ code: 'FORBIDDEN' });
    if (name !== 'registerSeed')
      expect(await errorOf(attempt(ADA, { expectedGeneration: 9 })), name).toMatchObject({ code: 'GENERATION_MISMATCH' });
  }
  expect(await errorOf(register())).toMatchObject({ code: 'NAME_TAKEN', field: ['name'] });
  await register({ name: 'south' });
  expect(await errorOf(commands.updateSeed(call(ADA), { seedId: seed.id, name: 'south' }))).toMatchObject({ code: 'NAME_TAKEN' });
  expect(await errorOf(commands.updateSeed(call(ADA), { seedId: seed.id }))).toMatchObject({ code: 'INVALID_INPUT' });
});

test('update changes what is given, clears what is null, and may bring a new kubeconfig', async () => {
  const { seed } = await register({ region: 'r1', maxClusters: 2 });
  const next = KUBECONFIG.replace('10.9.8.7', '10.9.8.8');
  const { seed: after, operation } = await house.commands.updateSeed(call(ADA, { expectedGeneration: 1 }), {
    seedId: 'north',
    region: null,
    kubeconfig: next,
  });
  expect(after).toMatchObject({ id: seed.id, region: null, maxClusters: 2, apiServerUrl: 'https://10.9.8.8:6443', generation: 2 });
  expect(operation).toMatchObject({ kind: 'UPDATE_SEED', generation: 2 });
  expect(await house.secrets.find(house.store.db, seed.id, 'kubeconfig')).toBe(next);
});

test('cordon and uncordon take the place of each other', async () => {
  const { seed } = await register();
  const a = await house.commands.cordonSeed(call(ADA), { seedId: seed.id });
  expect(a.seed.cordoned).toBe(true);
  const b = await house.commands.uncordonSeed(call(ADA), { seedId: seed.id });
  expect(b.seed.cordoned).toBe(false);
  const states = await house.store.db.select({ kind: operations.kind, state: operations.state }).from(operations);
  expect(states).toEqual(
    expect.arrayContaining([
      { kind: 'REGISTER_SEED', state: 'PENDING' },
      { kind: 'CORDON_SEED', state: 'SUPERSEDED' },
      { kind: 'UNCORDON_SEED', state: 'PENDING' },
    ]),
  );
});

test('a seed goes only when no cluster needs it', async () => {
  const { seed } = await register();
  await house.commands.createClusterTemplate(call(ADA), TEMPLATE);
  const { cluster } = await house.commands.createCluster(call(ADA), { name: 'c', clusterTemplate: 'standard', seed: 'north' });
  const unregister = () => house.commands.unregisterSeed(call(ADA), { seedId: seed.id });
  expect(await errorOf(unregister())).toMatchObject({ code: 'IN_USE', message: expect.stringContaining('1 cluster lives') });
  await house.store.transaction((tx) => patchCluster(tx, cluster.id, { seedId: seed.id }));
  expect(await countClustersBySeeds(house.store.db, [seed.id])).toEqual(new Map([[seed.id, 1]]));
  expect(await listSeedCandidates(house.store.db)).toMatchObject([{ id: seed.id, used: 1, cidrs: [] }]);
  expect(await errorOf(house.commands.updateSeed(call(ADA), { seedId: seed.id, exposure: 'NODE_PORT' }))).toMatchObject({
    code: 'IN_USE',
    field: ['exposure'],
  });
  await house.store.transaction((tx) => patchCluster(tx, cluster.id, { deletedAt: 1 }));
  expect((await loadCluster(house.store.db, cluster.id))?.deletedAt).toBe(1);
  const first = await unregister();
  expect(first.seed).toMatchObject({ state: 'UNREGISTERING', deleteRequestedAt: house.time.now });
  expect((await unregister()).operation.id).toBe(first.operation.id);
  expect(await errorOf(house.commands.cordonSeed(call(ADA), { seedId: seed.id }))).toMatchObject({ code: 'CONFLICT' });
});

test('a seed weighs 100 at first; a change of its weight counts for the next placement, and another change leaves it', async () => {
  const { seed } = await register();
  await register({ name: 'south' });
  expect(seed.weight).toBe(100);
  expect(await errorOf(house.commands.updateSeed(call(ADA), { seedId: 'north', weight: 2_000 }))).toMatchObject({
    code: 'INVALID_INPUT',
    field: ['weight'],
    message: 'weight: must be at most 1000.',
  });
  expect((await house.commands.updateSeed(call(ADA), { seedId: 'north', weight: 7 })).seed.weight).toBe(7);
  expect((await house.commands.updateSeed(call(ADA), { seedId: 'north', weight: null, region: 'r1' })).seed.weight).toBe(7);
  const made = { name: 'own', image: 'debian-12', flavor: 'm1', externalNetwork: 'public', weight: 3 };
  expect((await house.commands.createSeed(call(ADA), made)).seed.weight).toBe(3);
  expect((await listSeedCandidates(house.store.db)).map(({ name, weight }) => [name, weight]).sort()).toEqual([
    ['north', 7],
    ['own', 3],
    ['south', 100],
  ]);
});
