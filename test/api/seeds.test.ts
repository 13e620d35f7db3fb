import { expect, test } from 'vitest';
import { registerSeed, run } from './run.ts';
import { openWorld } from './world.ts';

test('seeds: registered, changed, cordoned, taken out; the kubeconfig is never shown', async () => {
  const world = await openWorld();
  const made = await registerSeed(world);
  expect(made).toMatchObject({
    __typename: 'RegisterSeedPayload',
    seed: { name: 'seed-a', state: 'PENDING', labels: [{ key: 'tier', value: 'gold' }] },
    operation: { kind: 'REGISTER_SEED' },
  });
  const { id, uuid } = made.seed as { id: string; uuid: string };
  const refused = await registerSeed(world, 'seed-b', { kubeconfig: 'exec: TOP-SECRET-KEY' });
  expect(refused).toMatchObject({ __typename: 'InvalidInputError', code: 'KUBECONFIG_REFUSED' });
  expect(JSON.stringify(refused)).not.toContain('TOP-SECRET-KEY');
  expect(
    await run(
      world,
      'ada',
      'updateSeed',
      { seedId: id, maxClusters: 7, weight: 20, labels: [] },
      'seed { maxClusters weight labels { key } generation } operation { kind }',
    ),
  ).toMatchObject({ seed: { maxClusters: 7, weight: 20, labels: [], generation: 2 } });
  expect(await run(world, 'ada', 'cordonSeed', { seedId: 'seed-a' }, 'seed { cordoned }')).toMatchObject({ seed: { cordoned: true } });
  expect(await run(world, 'ada', 'uncordonSeed', { seedId: uuid }, 'seed { cordoned }')).toMatchObject({ seed: { cordoned: false } });
  const fields =
    'uuid name region exposure maxClusters usedClusters cordoned apiServerUrl storageClass podCidr serviceCidr lastProbe { kubernetesVersion } state conditions { name } clusters { nodes { name } } events { nodes { number message } } generation';
  const { seeds } = await world.data<{ seeds: { nodes: { uuid: string }[] } }>(
    'ada',
    `{ seeds(filter: { cordoned: false }) { nodes { ${fields} } } }`,
  );
  expect(seeds.nodes).toMatchObject([{ uuid, apiServerUrl: 'https://10.9.8.7:6443', usedClusters: 0 }]);
  expect(JSON.stringify(seeds)).not.toContain('TOP-SECRET-KEY');
  for (const by of [`id: "${id}"`, 'name: "seed-a"'])
    expect(await world.data('ada', `{ seed(${by}) { uuid } }`)).toEqual({ seed: { uuid } });
  expect(await run(world, 'ada', 'unregisterSeed', { seedId: id }, 'seed { state } operation { kind }')).toMatchObject({
    seed: { state: 'UNREGISTERING' },
  });
  expect(await run(world, 'ada', 'cordonSeed', { seedId: 'none' }, '__typename')).toMatchObject({ __typename: 'NotFoundError' });
});
