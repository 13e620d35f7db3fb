/** What is known of a seed is noted by many at once, each its own part. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadSeed, noteSeedFacts, patchSeedPlace } from '../../src/store/reconcile.ts';
import { insertSeed } from '../../src/store/seeds.ts';
import { type House, openHouse } from '../commands/house.ts';

let house: House;
beforeEach(() => {
  house = openHouse();
});
afterEach(() => house.close());

const PLACE = { imageId: 'image', flavorId: 'flavor', workerFlavorId: 'flavor', externalNetworkId: 'public' };

const insert = (place: typeof PLACE | null) =>
  house.store.transaction((tx) =>
    insertSeed(tx, {
      ...{ id: 's', name: 's', labels: {}, exposure: 'NODE_PORT', apiServerUrl: '', state: 'READY', region: null, maxClusters: null },
      ...{
        weight: 100,
        cordoned: false,
        storageClass: null,
        priorityClass: null,
        podCidr: null,
        serviceCidr: null,
        facts: null,
        drain: null,
      },
      ...{ made: null, place, clusterUid: null, silentSince: null, lostAt: null, eventNumber: 0, generation: 1, observedGeneration: 1 },
      ...{ deleteRequestedAt: null, deletedAt: null, createdAt: 1, updatedAt: 1 },
    }),
  );
const note = (patch: Parameters<typeof patchSeedPlace>[2]) => house.store.transaction((tx) => patchSeedPlace(tx, 's', patch));
const place = async () => (await loadSeed(house.store.db, 's'))?.place;

test('none loses what another has noted, and one part can be taken away', async () => {
  await insert(PLACE);
  await Promise.all([note({ addressAt: 1, addressMovedAt: 5 }), note({ joined: [0, 2] }), note({ answeredAt: 3 })]);
  expect(await place()).toEqual({ ...PLACE, addressAt: 1, addressMovedAt: 5, joined: [0, 2], answeredAt: 3 });
  await note({ addressMovedAt: undefined });
  expect(await place()).toEqual({ ...PLACE, addressAt: 1, joined: [0, 2], answeredAt: 3 });
});

test('there is nothing to note where nothing was looked up yet', async () => {
  await insert(null);
  await expect(note({ addressAt: 1 })).rejects.toThrow('no place');
});

test('what is counted of a seed, and what is proven of it, take nothing from each other', async () => {
  await insert(null);
  const counted = {
    kubernetesVersion: 'v1.36.3',
    storageClass: null,
    ...{ allocatableCpuMillis: 4000, allocatableMemoryMiB: 8192, schedulableNodes: 1, nodeAddresses: [], podCidrs: [], probedAt: 1 },
  };
  const facts = (part: Parameters<typeof noteSeedFacts>[2]) => house.store.transaction((tx) => noteSeedFacts(tx, 's', part));
  await facts(counted);
  await Promise.all([
    facts({ exposureProvenFor: 1 }),
    facts({ ...counted, schedulableNodes: 2 }),
    facts({ priorityClass: 'high', priorityMissed: false }),
  ]);
  const all = { ...counted, schedulableNodes: 2, exposureProvenFor: 1, priorityClass: 'high', priorityMissed: false };
  expect((await loadSeed(house.store.db, 's'))?.facts).toEqual(all);
});
