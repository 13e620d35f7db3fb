/** A flavor that is small is taken with a warning; one that is too small for its image, or an image with another Kubernetes, is refused before anything is made. */
import { beforeEach, expect, test } from 'vitest';
import { catalogue } from '../commands/house.ts';
import { run } from './run.ts';
import { makeCluster, openWorld, type World } from './world.ts';

let world: World;
let clusterId: string;
const sizes = { tiny: [1, 4096, 20], slim: [2, 1024, 20], bare: [2, 256, 20], flat: [2, 4096, 5] } as const;

beforeEach(async () => {
  world = await openWorld();
  const known = catalogue();
  const small = Object.entries(sizes).map(([name, [vcpus, ramMiB, diskGiB]]) => ({
    id: name,
    name,
    vcpus,
    ramMiB,
    diskGiB,
    isPublic: true,
  }));
  world.cloud.catalogue = { ...known, flavors: [...known.flavors, ...small] };
  clusterId = (await makeCluster(world, 'anna')).uuid;
});

const create = (flavor: string, idempotencyKey = flavor) =>
  run(world, 'anna', 'createNodeGroup', { clusterId, name: `g-${flavor}`, flavor, idempotencyKey }, 'nodeGroup { uuid warnings } replayed');

test.each([
  ['tiny', /^Flavor tiny has 1 vCPU and 4096 MiB/],
  ['slim', /^Flavor slim has 2 vCPU and 1024 MiB/],
])('flavor %s is taken, and the answer warns of it, also when it is replayed', async (flavor, warning) => {
  const warnings = [expect.stringMatching(warning)];
  expect(await create(flavor)).toMatchObject({ nodeGroup: { warnings }, replayed: false });
  expect(await create(flavor)).toMatchObject({ nodeGroup: { warnings }, replayed: true });
});

test('of a flavor that suffices there is none, nor while nothing is known of it', async () => {
  expect(await create('small')).toMatchObject({ nodeGroup: { warnings: [] } });
  world.cloud.catalogue = null;
  expect(await create('tiny')).toMatchObject({ nodeGroup: { warnings: [] } });
});

test('a cluster shows them by group', async () => {
  const input = { name: 'small', clusterTemplate: 'standard', nodeGroups: [{ name: 'one', flavor: 'tiny', count: 1 }] };
  const made = await run(world, 'anna', 'createCluster', input, 'cluster { nodeGroups(first: 9) { nodes { name warnings } } }');
  expect(made.cluster).toMatchObject({ nodeGroups: { nodes: [{ name: 'one', warnings: [expect.stringContaining('tiny')] }] } });
});

test.each([
  ['bare', 'Image debian needs 512 MiB of memory; choose a larger flavor.'],
  ['flat', 'Image debian needs a disk of 10 GiB; choose a larger flavor or root volume.'],
])('flavor %s is too small for the image', async (flavor, message) => {
  expect(await create(flavor)).toMatchObject({ __typename: 'InvalidInputError', code: 'INVALID_INPUT', field: ['flavor'], message });
});

test.each([
  ['v1.36.1', true],
  ['v1.33.0', true],
  ['1.32.9', false],
  ['v1.37.0', false],
  ['latest', true],
])('an image that says that it was made for Kubernetes %s', async (kubeVersion, fits) => {
  const known = catalogue();
  world.cloud.catalogue = { ...known, images: known.images.map((image) => ({ ...image, kubeVersion })) };
  const message = expect.stringMatching(/has a kubelet of \S+ \(kube_version\).* v1\.36\.3 and no newer; choose another image/);
  expect(await create('small')).toMatchObject(fits ? { replayed: false } : { code: 'INVALID_INPUT', field: ['image'], message });
});
