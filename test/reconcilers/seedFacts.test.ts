/** Steps of a seed that look at it side by side. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SeedFacts } from '../../src/domain/seed.ts';
import { openSeedScope, type SeedScope } from '../../src/reconcilers/seed/scope.ts';
import { capacity } from '../../src/reconcilers/seed/steps/capacity.ts';
import { exposure } from '../../src/reconcilers/seed/steps/exposure.ts';
import type { World } from '../../src/reconcilers/world.ts';
import type { SeedProbe } from '../../src/seeds/probe.ts';
import { loadSeed, patchSeed, type SeedRow } from '../../src/store/reconcile.ts';
import { ADA, call, type House, KUBECONFIG, openHouse } from '../commands/house.ts';

let house: House;
beforeEach(() => {
  house = openHouse();
});
afterEach(() => house.close());

const BEFORE: SeedFacts = {
  kubernetesVersion: 'v1.36.3',
  storageClass: null,
  allocatableCpuMillis: 0,
  allocatableMemoryMiB: 0,
  schedulableNodes: 0,
  nodeAddresses: [],
  podCidrs: [],
  exposureProvenFor: null,
  probedAt: 1,
};

test('what a seed can hold, counted while its trial Service gets an address, does not have that tried once more', async () => {
  const { seed } = await house.commands.registerSeed(call(ADA), { name: 'north', kubeconfig: KUBECONFIG, exposure: 'LOAD_BALANCER' });
  await house.store.transaction((tx) => patchSeed(tx, seed.id, { facts: BEFORE }));
  const row = (await loadSeed(house.store.db, seed.id)) as SeedRow;
  let proven: () => void = () => {};
  const tried = new Promise<void>((resolve) => {
    proven = resolve;
  });
  const kube = {
    get: async () => ({ status: { loadBalancer: { ingress: [{ ip: '192.0.2.9' }] } } }),
    remove: async () => true,
    // A seed has thousands of pods.
    async *pages() {
      await tried;
      yield [];
    },
  };
  const world = { store: house.store, clock: house.deps.clock, settings: { cutOffMs: 0 }, seeds: { get: async () => ({ kube }) } };
  const probe = { version: 'v1.36.3', nodes: [], schedulableNodes: 1, allocatableCpuMillis: 4_000, allocatableMemoryMiB: 8_192 };
  const scope: SeedScope = {
    ...openSeedScope(world as unknown as World, row, house.store.transaction),
    probe: async () => probe as unknown as SeedProbe,
  };
  await Promise.all([capacity.ensure(scope), exposure.ensure(scope).then(proven)]);
  const facts = (await loadSeed(house.store.db, seed.id))?.facts;
  expect(facts).toMatchObject({ schedulableNodes: 1, exposureProvenFor: row.generation });
  expect(row.facts).toEqual(facts);
});
