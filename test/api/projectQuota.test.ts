/** Quotas of projects over HTTP: who sees them, who sets them, and what is said to whoever would go over one. */
import { expect, test } from 'vitest';
import { catalogue } from '../commands/house.ts';
import { run } from './run.ts';
import { CLUSTER_MUTATION, makeCluster, openWorld, TEMPLATE_MUTATION, type World } from './world.ts';

const USE = '{ limit default isDefault used reserved }';
const quotaOf = async (world: World, token: string, projectId?: string) =>
  (
    await world.data<{ quota: Record<string, object> | null }>(
      token,
      `query ($p: String) { quota(projectId: $p) { projectId generation clusters ${USE} nodes ${USE} } }`,
      { p: projectId },
    )
  ).quota;
const set = (world: World, token: string, limits: object) =>
  run(world, token, 'setQuota', { projectId: 'blue', ...limits }, 'replayed projectQuota { generation clusters { limit } }');

test('a project sees its own, a cloud admin any; only cloud admins set them, and null brings the default back', async () => {
  const world = await openWorld();
  const usual = (await quotaOf(world, 'anna'))?.['clusters'] as { default: number | null };
  await set(world, 'ada', { clusters: 3 });
  const own = { projectId: 'blue', generation: 1, clusters: { limit: 3, isDefault: false, used: 0, reserved: 0 } };
  for (const [token, projectId] of [['anna'], ['anna', 'blue'], ['ada', 'blue']] as const)
    expect(await quotaOf(world, token, projectId)).toMatchObject(own);
  // Another project's is not there, be there such a project or not.
  expect([await quotaOf(world, 'otto', 'blue'), await quotaOf(world, 'otto', 'nowhere')]).toEqual([null, null]);
  expect(await set(world, 'anna', { clusters: 99 })).toMatchObject({ code: 'FORBIDDEN' });
  expect(await set(world, 'ada', { clusters: -2 })).toMatchObject({ code: 'INVALID_INPUT', field: ['clusters'] });
  await set(world, 'ada', { clusters: null });
  expect(await quotaOf(world, 'anna')).toMatchObject({ generation: 2, clusters: { limit: usual.default, isDefault: true } });
});

test('of creates that come at once as many are taken as there is room for; the others are told all that is short', async () => {
  const world = await openWorld();
  await world.data('anna', TEMPLATE_MUTATION, { input: { name: 'standard', image: 'debian', flavor: 'small', externalNetwork: 'public' } });
  await set(world, 'ada', { clusters: 2, nodes: 5 });
  const asked = Array.from({ length: 6 }, (_, i) =>
    world.post(
      'anna',
      CLUSTER_MUTATION.replace(
        '... on Problem {',
        '... on QuotaError { remedy quotas { source resource limit used requested } } ... on Problem {',
      ),
      {
        input: { name: `c-${i}`, clusterTemplate: 'standard', nodeCount: 2 },
      },
    ),
  );
  const answers = (await Promise.all(asked)).map(
    ({ data }) => data?.['createCluster'] as { code?: string; message?: string; remedy?: string; quotas?: object[]; whoMustAct?: string },
  );
  expect(answers.filter(({ code }) => code === undefined)).toHaveLength(2);
  const refused = answers.filter(({ code }) => code === 'QUOTA_EXCEEDED');
  expect(refused).toHaveLength(4);
  for (const { quotas, message, remedy, whoMustAct } of refused) {
    expect(quotas).toEqual([
      { source: 'SEEDBED', resource: 'clusters', limit: 2, used: 2, requested: 1 },
      { source: 'SEEDBED', resource: 'nodes', limit: 5, used: 4, requested: 2 },
    ]);
    expect(message).toMatch(
      /^Seedbed's own quotas of the project leave too little room: .* ask an administrator of Seedbed \(setQuota\) for more\.$/,
    );
    expect(remedy).toMatch(/administrator of Seedbed .*\(setQuota\)/);
    expect(whoMustAct).toBe('CUSTOMER');
  }
  expect(await quotaOf(world, 'anna')).toMatchObject({ clusters: { reserved: 2 }, nodes: { reserved: 4 } });
});

test('what is there stays when the limit is lowered, and nothing more is added', async () => {
  const world = await openWorld();
  const { id } = await makeCluster(world, 'anna', 'first');
  await set(world, 'ada', { clusters: 0 });
  expect((await world.data<{ cluster: { name: string } }>('anna', `{ cluster(id: "${id}") { name } }`)).cluster.name).toBe('first');
  expect(await run(world, 'anna', 'createCluster', { name: 'second', clusterTemplate: 'standard' }, 'replayed')).toMatchObject({
    code: 'QUOTA_EXCEEDED',
  });
});

test("a shortage of OpenStack's own is told from one of Seedbed's", async () => {
  const world = await openWorld();
  await world.data('anna', TEMPLATE_MUTATION, { input: { name: 'standard', image: 'debian', flavor: 'small', externalNetwork: 'public' } });
  world.cloud.catalogue = { ...catalogue(), quotas: [{ resource: 'instances', used: 7, limit: 7 }] };
  const { createCluster } = await world.data<{ createCluster: Record<string, unknown> }>(
    'anna',
    CLUSTER_MUTATION.replace(
      '... on Problem {',
      '... on QuotaError { remedy quotas { source resource limit used requested } } ... on Problem {',
    ),
    { input: { name: 'web', clusterTemplate: 'standard', nodeCount: 2 } },
  );
  expect(createCluster).toMatchObject({
    code: 'QUOTA_EXCEEDED',
    message: expect.stringMatching(/^The project's quotas leave too little room: .* ask the cloud's administrator for more\.$/),
    remedy: expect.stringContaining("the cloud's administrator"),
    whoMustAct: 'CUSTOMER',
    quotas: [{ source: 'OPENSTACK', resource: 'instances', limit: 7, used: 7, requested: 2 }],
  });
});
