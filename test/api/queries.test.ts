import { expect, test } from 'vitest';
import { ACTIONS, createPolicy, KEYSTONE_ROLES } from '../../src/domain/policy.ts';
import { letIn } from './matrix/callers.ts';
import { registerSeed } from './run.ts';
import { makeCluster, openWorld, TEMPLATE_MUTATION } from './world.ts';

test('versions and the cloud feed a form', async () => {
  const world = await openWorld();
  const { kubernetesVersions } = await world.data<{ kubernetesVersions: { version: string; status: string; upgradeTargets: string[] }[] }>(
    'rita',
    '{ kubernetesVersions { version minor status upgradeTargets } }',
  );
  expect(kubernetesVersions[0]).toMatchObject({ status: 'SUPPORTED', upgradeTargets: [] });
  expect(kubernetesVersions[1]?.upgradeTargets).toEqual([kubernetesVersions[0]?.version]);
  expect(
    await world.data(
      'rita',
      '{ cloud { loadedAt flavors { uuid name vcpus ramMiB diskGiB } images { name status } networks { name external subnets { cidr } } keypairs { name } availabilityZones { name available } volumeTypes { name } } }',
    ),
  ).toMatchObject({
    cloud: { flavors: [{ name: 'small' }, { name: 'large' }], keypairs: [{ name: 'anna-key' }] },
  });
});

test('lists come in pages: none lost, none twice, and no page is larger than 100', async () => {
  const world = await openWorld();
  const template = { name: 't', image: 'debian', flavor: 'small' };
  for (let i = 0; i < 7; i += 1) {
    world.time.now += i % 2;
    await world.data('anna', TEMPLATE_MUTATION, { input: { ...template, name: `t-${i}` } });
  }
  const seen: string[] = [];
  let after: string | null = null;
  do {
    const {
      clusterTemplates: page,
    }: { clusterTemplates: { nodes: { name: string }[]; pageInfo: { endCursor: string; hasNextPage: boolean } } } = await world.data(
      'anna',
      'query ($after: String) { clusterTemplates(first: 3, after: $after) { nodes { name } pageInfo { endCursor hasNextPage } } }',
      { after },
    );
    seen.push(...page.nodes.map((node) => node.name));
    after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
  } while (after !== null);
  expect(seen.sort()).toEqual(['t-0', 't-1', 't-2', 't-3', 't-4', 't-5', 't-6']);
  for (const args of ['first: 101', 'first: 0', 'first: -1']) {
    const { errors } = await world.post('anna', `{ clusterTemplates(${args}) { nodes { name } } }`);
    expect(errors).toMatchObject([{ message: expect.stringContaining('from 1 to 100'), extensions: { code: 'BAD_USER_INPUT' } }]);
  }
  expect((await world.post('anna', '{ clusters(after: "garbage") { nodes { name } } }')).errors[0]?.extensions.code).toBe('INVALID_INPUT');
});

test('node and nodes find every kind of object, in the order asked for, and null for garbage', async () => {
  const world = await openWorld();
  const seed = (await registerSeed(world)).seed as { id: string };
  const cluster = await makeCluster(world, 'ada');
  const { clusterTemplate } = await world.data<{ clusterTemplate: { id: string } }>('ada', '{ clusterTemplate(name: "standard") { id } }');
  const ids = [
    cluster.id,
    'garbage',
    seed.id,
    cluster.nodeGroup.id,
    Buffer.from('Query:x').toString('base64url'),
    cluster.operation.id,
    clusterTemplate.id,
    cluster.uuid,
  ];
  const { nodes } = await world.data<{ nodes: ({ __typename: string; id: string } | null)[] }>(
    'ada',
    'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }',
    { ids },
  );
  expect(nodes.map((node) => node?.__typename ?? null)).toEqual([
    'Cluster',
    null,
    'Seed',
    'NodeGroup',
    null,
    'Operation',
    'ClusterTemplate',
    null,
  ]);
  expect(nodes[0]?.id).toBe(cluster.id);
  expect(await world.data('ada', `{ node(id: "${cluster.id}") { ... on Cluster { name } } }`)).toEqual({ node: { name: 'web' } });
  expect(
    (await world.post('ada', 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: Array(101).fill('x') })).errors[0]?.extensions.code,
  ).toBe('BAD_USER_INPUT');
});

test("a template's settings do not show through a cluster to who may see no templates", async () => {
  const world = await openWorld();
  const { name, rule } = { name: 'web', rule: ACTIONS.readClusterTemplates.rule };
  await makeCluster(world, 'anna', name, { overrides: { autoHealingEnabled: false } });
  letIn(
    world,
    'blind',
    { projectId: 'blue', roles: ['member', 'reader'] },
    createPolicy(KEYSTONE_ROLES, [{ name: rule, check: '!', line: 1 }]),
  );
  const shown = '{ cluster(name: "web") { template { name } templateRevision { revision } overrides { field templateValue } } }';
  const answer = (template: object | null, templateValue: string) => ({
    cluster: { template, templateRevision: { revision: 1 }, overrides: [{ field: 'autoHealingEnabled', templateValue }] },
  });
  expect(await world.data('anna', shown)).toEqual(answer({ name: 'standard' }, 'false'));
  expect(await world.data('blind', shown)).toEqual(answer(null, 'null'));
  const settings = '{ cluster(name: "web") { templateRevision { spec { flavor } } } }';
  expect(await world.data('anna', settings)).toMatchObject({ cluster: { templateRevision: { spec: { flavor: 'small' } } } });
  const { data, errors } = await world.post('blind', settings);
  expect(JSON.stringify(data)).not.toContain('small');
  expect(errors[0]).toMatchObject({ message: expect.stringContaining(rule), extensions: { code: 'FORBIDDEN', whoMustAct: 'CUSTOMER' } });
});
