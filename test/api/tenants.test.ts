import { type GraphQLField, isNonNullType, isObjectType } from 'graphql';
import { expect, test } from 'vitest';
import { encodeId } from '../../src/api/ids.ts';
import { buildSchema } from '../../src/api/schema.ts';
import { workerUse } from '../../src/domain/usage.ts';
import { insertBackup, newBackup } from '../../src/store/backups.ts';
import { noteCreating, notePresent } from '../../src/store/inventory.ts';
import { insertKubeconfig } from '../../src/store/kubeconfigs.ts';
import { noteUses } from '../../src/store/usage.ts';
import { actorBy } from '../commands/house.ts';
import { addNode, happen, overSocket } from './live.ts';
import { registerSeed } from './run.ts';
import { makeCluster, openWorld, TEMPLATE_MUTATION, type World } from './world.ts';

/** One object of each kind in the project blue, with a name that shows wherever it leaks. */
const furnish = async (world: World) => {
  const seed = (await registerSeed(world, 'leaky-seed')).seed as { id: string; uuid: string };
  await world.data('anna', TEMPLATE_MUTATION, { input: { name: 'leaky-template', image: 'debian', flavor: 'small' } });
  const { clusterTemplate } = await world.data<{ clusterTemplate: { id: string; uuid: string } }>(
    'anna',
    '{ clusterTemplate(name: "leaky-template") { id uuid } }',
  );
  const cluster = await makeCluster(world, 'anna', 'leaky-cluster');
  await addNode(world, { clusterId: cluster.uuid, nodeGroupId: cluster.nodeGroup.uuid, projectId: 'blue' }, 'leaky-node');
  await happen(world, cluster.uuid, ['leaky event']);
  const key = { clusterId: cluster.uuid, ownerId: cluster.uuid, service: 'COMPUTE' as const, kind: 'server', name: 'leaky-server' };
  await world.store.transaction(async (tx) => {
    await noteCreating(tx, key, world.time.now);
    await notePresent(tx, key, 'server-1', world.time.now);
  });
  const owner = { subjectId: 'server-1', clusterId: cluster.uuid, projectId: 'blue' };
  await world.store.transaction((tx) => noteUses(tx, owner, [workerUse(2)], world.time.now - 1_000));
  const kubeconfig = { id: encodeId('Kubeconfig', 'kubeconfig-1'), uuid: 'kubeconfig-1' };
  await world.store.transaction((tx) =>
    insertKubeconfig(tx, {
      id: kubeconfig.uuid,
      clusterId: cluster.uuid,
      kind: 'KUBECONFIG',
      role: 'ADMIN',
      userName: 'leaky@Default:x',
      ownerId: 'user-anna',
      owner: 'leaky@Default',
      createdAt: world.time.now,
      expiresAt: world.time.now + 3_600_000,
      boundAt: null,
      unboundAt: null,
      revokedAt: null,
      revokedBy: null,
    }),
  );
  const backup = { id: encodeId('Backup', 'backup-1'), uuid: 'backup-1' };
  const of = { id: cluster.uuid, projectId: 'blue', name: 'leaky-cluster' };
  const row = newBackup({ id: backup.uuid, cluster: of, reason: 'ON_DEMAND', createdBy: 'anna', now: world.time.now });
  await world.store.transaction((tx) => insertBackup(tx, row));
  const { cluster: read } = await world.data<{
    cluster: { nodes: { nodes: { id: string }[] }; resources: { nodes: { id: string; uuid: string }[] } };
  }>('anna', `{ cluster(id: "${cluster.id}") { nodes { nodes { id } } resources { nodes { id uuid } } } }`);
  const [node] = read.nodes.nodes;
  const [resource] = read.resources.nodes;
  if (node === undefined || resource === undefined) throw new Error('The house is not furnished.');
  return {
    seed,
    clusterTemplate,
    cluster,
    nodeGroup: cluster.nodeGroup,
    operation: cluster.operation,
    node: { ...node, uuid: 'node-leaky-node' },
    resource,
    kubeconfig,
    backup,
  };
};
type House = Awaited<ReturnType<typeof furnish>>;

/** What a query's arguments can be, in every way that names somebody else's object. */
const argumentsOf = (field: GraphQLField<unknown, unknown>, house: House): string[] => {
  const of = {
    seed: house.seed,
    clusterTemplate: house.clusterTemplate,
    cluster: house.cluster,
    operation: house.operation,
    backup: house.backup,
  }[field.name];
  const ids = Object.values(house).map((thing) => thing.id);
  if (field.name === 'node') return ids.map((id) => `(id: "${id}")`);
  if (field.name === 'nodes') return [`(ids: ${JSON.stringify(ids)})`];
  if (field.name === 'usage') {
    const of = [`clusterId: "${house.cluster.id}"`, `clusterId: "${house.cluster.uuid}"`, 'projectId: "blue"', ''];
    return of.map((whose) => `(${whose} from: "2000-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z")`);
  }
  const ways = of === undefined ? [] : [`(id: "${of.id}")`, `(id: "${of.uuid}")`];
  if (field.args.some((arg) => arg.name === 'name'))
    ways.push(`(name: "leaky-${field.name === 'clusterTemplate' ? 'template' : field.name}")`);
  if (field.name === 'clusters')
    ways.push(
      `(filter: { projectId: "blue" })`,
      `(filter: { seedId: "${house.seed.id}" })`,
      `(filter: { templateId: "${house.clusterTemplate.id}" })`,
      '(filter: { name: "leaky-cluster" })',
    );
  if (field.name === 'clusterTemplates') ways.push('(filter: { projectId: "blue" })', '(filter: { name: "leaky-template" })');
  return ways.length > 0 && field.args.some((arg) => isNonNullType(arg.type)) ? ways : [...ways, ...(of === undefined ? [''] : [])];
};

const selectionOf = (field: GraphQLField<unknown, unknown>): string => {
  const name = String(field.type).replace(/[[\]!]/g, '');
  if (name === 'Node')
    return '{ __typename id ... on Cluster { name } ... on Seed { name } ... on ClusterTemplate { name } ... on ClusterNode { name } ... on NodeGroup { name } ... on Operation { kind } ... on Kubeconfig { owner } ... on Backup { name } ... on Resource { name } }';
  if (name === 'Usage') return '{ clusterCount clusters { clusterId name } }';
  const type = buildSchema().getType(name);
  if (!isObjectType(type)) return '';
  if (name.endsWith('Connection')) return '{ nodes { __typename id name } }';
  return `{ __typename ${Object.values(type.getFields())
    .filter((f) => /^\[?(String|ID|Int|Boolean)/.test(String(f.type)))
    .map((f) => f.name)
    .join(' ')} }`;
};

/** Every query of the schema, in every way that names an object of the project blue. */
const allQueries = (house: House): string[] =>
  Object.values(buildSchema().getQueryType()?.getFields() ?? {}).flatMap((field) =>
    argumentsOf(field, house).map((args) => `{ ${field.name}${args} ${selectionOf(field)} }`),
  );

test('no query, in no way of asking, shows another project what is not its own; nor anybody a seed', async () => {
  const world = await openWorld();
  const house = await furnish(world);
  const { expiresAt } = world.tokens.get('otto') ?? { expiresAt: 0 };
  world.tokens.set('unscoped', { ...actorBy({ userName: 'u', projectId: null, roles: ['member'] }), expiresAt });
  world.tokens.set('roleless', { ...actorBy({ userName: 'v', projectId: 'blue', roles: [] }), expiresAt });
  const queries = allQueries(house);
  expect(queries.length).toBeGreaterThan(25);
  const leaks = async (token: string) => {
    const found: string[] = [];
    for (const query of queries) {
      const { data } = await world.post(token, query);
      const answer = JSON.stringify(data).replaceAll(/"(kubernetesVersions|viewer|cloud)":.*/g, '');
      if (/leaky|"kind":/.test(answer) || Object.values(house).some((thing) => answer.includes(thing.uuid)))
        found.push(`${token}: ${query} → ${answer}`);
    }
    return found;
  };
  for (const token of ['otto', 'unscoped', 'roleless']) expect(await leaks(token)).toEqual([]);
  // The same queries do find things for those who may see them: the look is not blind.
  expect((await leaks('rita')).length).toBeGreaterThan(15);
  expect((await leaks('rita')).filter((leak) => leak.includes('leaky-seed'))).toEqual([]);
  expect((await leaks('ada')).length).toBeGreaterThan((await leaks('rita')).length);
  for (const query of queries) expect((await world.post(null, query)).status).toBe(401);
});

test('"not yours" and "not there" are the same answer, to the letter', async () => {
  const world = await openWorld();
  const house = await furnish(world);
  const swap = (text: string) =>
    Object.values(house).reduce((out, thing, i) => out.replaceAll(thing.id, `absent-${i}`).replaceAll(thing.uuid, `absent-${i}`), text);
  for (const query of allQueries(house)) {
    if (/viewer|cloud|kubernetes/.test(query)) continue;
    const [theirs, absent] = [await world.post('otto', query), await world.post('otto', swap(query))];
    expect(theirs.data).toEqual(absent.data);
    expect(theirs.errors.map((e) => e.message)).toEqual(absent.errors.map((e) => e.message));
  }
});

const MUTATIONS = (house: House): [string, object][] => [
  ['deleteCluster', { clusterId: house.cluster.id }],
  ['issueKubeconfig', { clusterId: house.cluster.id, role: 'VIEWER' }],
  ['rotateCertificates', { clusterId: house.cluster.id }],
  ['upgradeCluster', { clusterId: house.cluster.id, version: 'v1.36.3' }],
  ['moveClusterToTemplate', { clusterId: house.cluster.id }],
  ['pauseCluster', { clusterId: house.cluster.id, until: '2026-12-01T00:00:00Z' }],
  ['resumeCluster', { clusterId: house.cluster.id }],
  ['hibernateCluster', { clusterId: house.cluster.id }],
  ['wakeCluster', { clusterId: house.cluster.id }],
  ['rotateEncryptionKey', { clusterId: house.cluster.id }],
  ['rotateCloudCredential', { clusterId: house.cluster.id }],
  ['signCertificate', { clusterId: house.cluster.id, role: 'ADMIN', csr: 'x' }],
  ['revokeKubeconfig', { kubeconfigId: house.kubeconfig.id }],
  ['createNodeGroup', { clusterId: house.cluster.id, name: 'more' }],
  ['updateNodeGroup', { nodeGroupId: house.nodeGroup.id, maxCount: 3 }],
  ['resizeNodeGroup', { nodeGroupId: house.nodeGroup.id, count: 3 }],
  ['deleteNodeGroup', { nodeGroupId: house.nodeGroup.id }],
  ['replaceNode', { nodeId: house.node.id }],
  ['createBackup', { clusterId: house.cluster.id }],
  ['cloneCluster', { backupId: house.backup.id, name: 'thief' }],
  ['restoreCluster', { backupId: house.backup.id, confirmClusterName: 'leaky-cluster' }],
  ['deleteBackup', { backupId: house.backup.id }],
  ['retryOperation', { operationId: house.operation.id }],
  ['createCluster', { name: 'thief', clusterTemplate: house.clusterTemplate.id }],
  ['updateCluster', { clusterId: house.cluster.id, deletionProtection: true }],
  ['updateClusterTemplate', { clusterTemplateId: house.clusterTemplate.id, flavor: 'large' }],
  ['deleteClusterTemplate', { clusterTemplateId: house.clusterTemplate.id }],
  ['createClusterTemplate', { name: 'mine', image: 'debian', flavor: 'small' }],
  ['createSeed', { name: 'mine', image: 'debian', flavor: 'small', externalNetwork: 'public' }],
  ['scaleSeed', { seedId: house.seed.id, workers: 3 }],
  ['upgradeSeed', { seedId: house.seed.id, version: 'v1.36.3' }],
  ['deleteSeed', { seedId: house.seed.id }],
  ['registerSeed', { name: 'mine', kubeconfig: 'server: https://10.0.0.1:6443' }],
  ['updateSeed', { seedId: house.seed.id, maxClusters: 1 }],
  ['moveControlPlane', { clusterId: house.cluster.id, seedId: house.seed.id }],
  ['cordonSeed', { seedId: house.seed.id }],
  ['drainSeed', { seedId: house.seed.id }],
  ['uncordonSeed', { seedId: house.seed.id }],
  ['unregisterSeed', { seedId: house.seed.id }],
  ['findOrphans', {}],
  ['removeOrphans', { orphanIds: ['leaky-orphan'] }],
  ['registerAddonBundle', { name: 'mine', manifests: '' }],
  ['updateAddonBundle', { addonBundleId: 'mine', description: 'mine' }],
  ['deleteAddonBundle', { addonBundleId: 'mine' }],
];

const mutate = async (world: World, token: string, name: string, input: object) => {
  const title = name.charAt(0).toUpperCase() + name.slice(1);
  const { data } = await world.post(
    token,
    `mutation ($input: ${title}Input!) { ${name}(input: $input) { __typename ... on Problem { message } } }`,
    { input },
  );
  return data?.[name] as { __typename: string; message?: string };
};

test('no mutation touches another project, none is done for a reader, and none of a seed for a member', async () => {
  const world = await openWorld();
  const house = await furnish(world);
  expect(
    MUTATIONS(house)
      .map(([name]) => name)
      .sort(),
  ).toEqual(Object.keys(buildSchema().getMutationType()?.getFields() ?? {}).sort());
  const state = async () =>
    JSON.stringify(
      await world.data(
        'ada',
        `{ cluster(id: "${house.cluster.id}") { state generation nodeGroups { nodes { count name state } } operations { nodes { state } } } clusters { nodes { name } } seeds { nodes { name cordoned state generation maxClusters } } clusterTemplates { nodes { name revision } } }`,
      ),
    );
  const before = await state();
  for (const [name, input] of MUTATIONS(house)) {
    const seeds = /(?:Seed|AddonBundle|Orphans|ControlPlane)$/.test(name);
    if (name !== 'createClusterTemplate')
      expect([name, (await mutate(world, 'otto', name, input)).__typename]).toEqual([name, seeds ? 'ForbiddenError' : 'NotFoundError']);
    // A reader may have a kubeconfig that only reads; the cluster has no address yet.
    expect([name, (await mutate(world, 'rita', name, input)).__typename]).toEqual([
      name,
      name === 'issueKubeconfig' ? 'UnavailableError' : 'ForbiddenError',
    ]);
    if (seeds) expect([name, (await mutate(world, 'anna', name, input)).__typename]).toEqual([name, 'ForbiddenError']);
  }
  expect(await state()).toBe(before);
});

test('live lists tell a project only of its own', async () => {
  const world = await openWorld();
  const query = 'subscription ($f: ClusterWatchFilter) { clusters(filter: $f) { cluster { name } } }';
  const watchers = [overSocket(world, 'otto', query), overSocket(world, 'otto', query, { f: { projectId: 'blue' } })];
  await expect.poll(async () => /seedbed_live_streams (\d+)/.exec(await world.metrics.metrics())?.[1]).toBe('2');
  await makeCluster(world, 'anna', 'leaky-cluster');
  await makeCluster(world, 'otto', 'own');
  await watchers[0]?.until(1);
  expect(watchers[0]?.payloads.map((p) => p.data)).toEqual([{ clusters: { cluster: { name: 'own' } } }]);
  expect(watchers[1]?.payloads).toEqual([]);
  for (const watcher of watchers) watcher.stop();
});
