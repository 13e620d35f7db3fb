/** A seed of machines: asked for, made in Seedbed's own project, home of a cluster, scaled, and deleted with all that was made for it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tracesOfMadeSeeds } from './madeSeeds.ts';
import { openStory, type Story, until } from './story.ts';

let world: Story;
beforeAll(async () => {
  world = await openStory();
}, 120_000);
afterAll(() => world?.close(), 60_000);

interface SeedAnswer {
  seed: { uuid: string };
  operation: { uuid: string; kind: string };
}

const MACHINES = { image: 'debian-12-node', flavor: 'm1.medium', externalNetwork: 'public' };

/** What there is of it in the cloud: two machines, each with its port. */
const MADE = ['floatingIps', 'networks', 'ports', 'ports', 'routers', 'securityGroups', 'servers', 'servers', 'subnets'];

const change = (name: string, input: object) => world.change<SeedAnswer>(world.admin, name, input, 'seed { uuid } operation { uuid kind }');

const FIELDS = `uuid state apiServerUrl exposure made { workers } lastProbe { schedulableNodes storageClass kubernetesVersion }
  conditions { name state message problem { code field } }`;

interface Seen {
  uuid: string;
  state: string;
  apiServerUrl: string | null;
  exposure: string;
  made: { workers: number } | null;
  lastProbe: { schedulableNodes: number; storageClass: string; kubernetesVersion: string } | null;
  conditions: { name: string; state: string; message: string; problem: { code: string; field: string[] | null } | null }[];
}

const seedNamed = async (name: string): Promise<Seen | null> =>
  (await world.ask<{ seed: Seen | null }>(world.admin, `{ seed(name: "${name}") { ${FIELDS} } }`)).seed;

const succeeded = (operationId: string) =>
  until(async () => {
    const { operation } = await world.ask<{ operation: { state: string } }>(world.admin, `{ operation(id: "${operationId}") { state } }`);
    return operation.state === 'SUCCEEDED';
  });

const traces = () => tracesOfMadeSeeds(world);

test('a seed that is made carries a cluster, is scaled while it does, and leaves nothing when it is deleted', async () => {
  const made = await change('createSeed', { name: 'made', ...MACHINES });
  expect(made.operation.kind).toBe('CREATE_SEED');
  // Whoever comes after a crash finds what was made, and makes nothing twice.
  await until(() => world.rows(`select id from inventory where owner_id = '${made.seed.uuid}' and kind = 'router'`).length > 0);
  await world.restart();
  await until(() => world.rows(`select id from inventory where owner_id = '${made.seed.uuid}' and kind = 'server'`).length > 0);
  await world.restart();
  await succeeded(made.operation.uuid);
  expect(await traces()).toEqual(MADE);
  const seen = await seedNamed('made');
  expect(seen).toMatchObject({ state: 'READY', exposure: 'NODE_PORT', made: { workers: 1 } });
  expect(seen?.lastProbe).toMatchObject({ schedulableNodes: 2, storageClass: 'local-path', kubernetesVersion: 'v1.36.3' });
  const host = new URL(seen?.apiServerUrl ?? '').hostname;

  await change('cordonSeed', { seedId: 'seed' });
  const { cluster } = await world.change<{ cluster: { uuid: string } }>(
    world.member,
    'createCluster',
    { name: 'guest', clusterTemplate: 'small', nodeCount: 1 },
    'cluster { uuid }',
  );
  const guest = () =>
    world.ask<{ cluster: { state: string; endpoint: string } | null }>(
      world.member,
      `{ cluster(id: "${cluster.uuid}") { state endpoint } }`,
    );
  await until(async () => (await guest()).cluster?.state === 'READY');
  expect((await guest()).cluster?.endpoint).toContain(host);
  expect(world.rows<{ seed_id: string }>('select seed_id from clusters')[0]?.seed_id).toBe(made.seed.uuid);

  await expect(change('deleteSeed', { seedId: 'made' })).rejects.toThrow('IN_USE');
  await expect(change('unregisterSeed', { seedId: 'made' })).rejects.toThrow('deleteSeed');
  await expect(change('updateSeed', { seedId: 'made', exposure: 'LOAD_BALANCER' })).rejects.toThrow('exposure');
  await expect(change('scaleSeed', { seedId: 'made', workers: 0 })).rejects.toThrow('volumes of clusters');
  await succeeded((await change('scaleSeed', { seedId: 'made', workers: 2 })).operation.uuid);
  expect((await seedNamed('made'))?.lastProbe?.schedulableNodes).toBe(3);
  // No token outlives the joining, and what the seed itself runs on is no orphan of a cluster.
  const secrets = world.rows<{ name: string }>(`select name from secrets where owner_id = '${made.seed.uuid}' order by name`);
  expect(secrets.map(({ name }) => name)).toEqual(['authorities', 'kubeconfig']);

  await world.change(world.member, 'deleteCluster', { clusterId: cluster.uuid }, 'operation { uuid }');
  await until(async () => (await guest()).cluster === null || (await guest()).cluster?.state === 'DELETED');
  await succeeded((await change('scaleSeed', { seedId: 'made', workers: 0 })).operation.uuid);
  expect((await seedNamed('made'))?.lastProbe?.schedulableNodes).toBe(1);
  await succeeded((await change('deleteSeed', { seedId: 'made' })).operation.uuid);
  expect(await traces()).toEqual([]);
  expect(world.rows(`select name from secrets where owner_id = '${made.seed.uuid}'`)).toEqual([]);
}, 300_000);

test('the network of its pods is Calico where that is asked for', async () => {
  const made = await change('createSeed', { name: 'guarded', ...MACHINES, workers: 0, networkDriver: 'CALICO' });
  await succeeded(made.operation.uuid);
  const { seed } = await world.ask<{ seed: { made: object; state: string } }>(
    world.admin,
    '{ seed(name: "guarded") { state made { networkDriver } } }',
  );
  expect(seed).toEqual({ state: 'READY', made: { networkDriver: 'CALICO' } });
  const applied = world.rows<{ name: string }>(`select name from inventory where owner_id = '${made.seed.uuid}' and kind = 'equipment'`);
  expect(applied.map(({ name }) => name).filter((name) => /DaemonSet/.test(name))).toEqual([expect.stringContaining('calico-node')]);
  await succeeded((await change('deleteSeed', { seedId: 'guarded' })).operation.uuid);
  expect(await traces()).toEqual([]);
}, 120_000);

test('a name that the cloud does not know is told with its field, and the seed can be deleted from there', async () => {
  const wrong = await change('createSeed', { name: 'wrong', ...MACHINES, flavor: 'm1.huge' });
  const fault = await until(async () => (await seedNamed('wrong'))?.conditions.find(({ problem }) => problem !== null));
  expect(fault).toMatchObject({ name: 'NamesResolved', problem: { code: 'INVALID_INPUT', field: ['flavor'] } });
  expect(fault.message).toContain('m1.small');
  await succeeded((await change('deleteSeed', { seedId: wrong.seed.uuid })).operation.uuid);
  expect(await seedNamed('wrong')).toBeNull();
}, 120_000);

test('ranges that overlap, and commands for the other kind of seed, are refused by name', async () => {
  await expect(change('createSeed', { name: 'x', ...MACHINES, podCidr: '10.222.0.0/16' })).rejects.toThrow('OVERLAPPING_CIDR');
  await expect(change('createSeed', { name: 'x', ...MACHINES, workers: 51 })).rejects.toThrow('workers');
  await expect(change('createSeed', { name: 'x', ...MACHINES, networkDriver: 'CILIUM' })).rejects.toThrow('networkDriver');
  await expect(change('createSeed', { name: 'x', ...MACHINES, kubernetesVersion: 'v1.20.0' })).rejects.toThrow('UNSUPPORTED_VERSION');
  await expect(change('scaleSeed', { seedId: 'seed', workers: 2 })).rejects.toThrow('was registered');
  await expect(change('deleteSeed', { seedId: 'seed' })).rejects.toThrow('unregisterSeed');
});
