import { expect, test } from 'vitest';
import { registerSeed, run } from './run.ts';
import { CLUSTER_MUTATION, makeCluster, openWorld, TEMPLATE_MUTATION } from './world.ts';

test('a template: created, found, changed into its next revision, in use, deleted', async () => {
  const world = await openWorld();
  const input = {
    name: 'std',
    image: 'debian',
    flavor: 'small',
    labels: [
      { key: 'kube_tag', value: 'v1.36.3' },
      { key: 'etcd_volume_size', value: '8' },
      { key: 'cgroup_driver', value: 'systemd' },
    ],
  };
  const made = await run(
    world,
    'anna',
    'createClusterTemplate',
    input,
    'clusterTemplate { id uuid name revision generation visibility spec { controlPlane { etcd { volumeSizeGiB } } kubernetesVersion ignoredLabels { key value } } } revision { revision } replayed',
  );
  expect(made).toMatchObject({
    clusterTemplate: {
      revision: 1,
      visibility: 'PRIVATE',
      spec: {
        controlPlane: { etcd: { volumeSizeGiB: 8 } },
        kubernetesVersion: 'v1.36.3',
        ignoredLabels: [{ key: 'cgroup_driver', value: 'systemd' }],
      },
    },
    revision: { revision: 1 },
    replayed: false,
  });
  const { id, uuid } = made.clusterTemplate as { id: string; uuid: string };

  const changed = await run(
    world,
    'anna',
    'updateClusterTemplate',
    { clusterTemplateId: id, flavor: 'large', expectedGeneration: 1 },
    'clusterTemplate { revision generation spec { flavor } revisions { revision spec { flavor } } }',
  );
  expect(changed.clusterTemplate).toMatchObject({
    revision: 2,
    generation: 2,
    spec: { flavor: 'large' },
    revisions: [
      { revision: 2, spec: { flavor: 'large' } },
      { revision: 1, spec: { flavor: 'small' } },
    ],
  });
  expect(
    await run(world, 'anna', 'updateClusterTemplate', { clusterTemplateId: uuid, flavor: 'small', expectedGeneration: 1 }, '__typename'),
  ).toMatchObject({ __typename: 'ConflictError', code: 'GENERATION_MISMATCH', field: ['expectedGeneration'] });

  for (const by of [`id: "${id}"`, `id: "${uuid}"`, 'name: "std"'])
    expect(await world.data('rita', `{ clusterTemplate(${by}) { uuid } }`)).toEqual({ clusterTemplate: { uuid } });
  expect(
    await world.data(
      'rita',
      '{ clusterTemplates(filter: { visibility: PRIVATE }) { nodes { name } edges { cursor node { id } } pageInfo { hasNextPage } } }',
    ),
  ).toMatchObject({ clusterTemplates: { nodes: [{ name: 'std' }], edges: [{ node: { id } }], pageInfo: { hasNextPage: false } } });
  expect(await world.data('anna', '{ clusterTemplate(name: "none") { id } }')).toEqual({ clusterTemplate: null });
  expect((await world.post('anna', '{ clusterTemplate { id } }')).errors[0]?.extensions.code).toBe('BAD_USER_INPUT');

  await world.data('anna', CLUSTER_MUTATION, { input: { name: 'one', clusterTemplate: id } });
  expect(await run(world, 'anna', 'deleteClusterTemplate', { clusterTemplateId: id }, '__typename')).toMatchObject({
    __typename: 'ConflictError',
    code: 'IN_USE',
  });
  const spare = await run(world, 'anna', 'createClusterTemplate', { ...input, name: 'spare' }, 'clusterTemplate { id }');
  const gone = await run(
    world,
    'anna',
    'deleteClusterTemplate',
    { clusterTemplateId: (spare.clusterTemplate as { id: string }).id },
    'clusterTemplate { name deletedAt }',
  );
  expect(gone.clusterTemplate).toMatchObject({ name: 'spare', deletedAt: expect.stringContaining('T') });
});

test.each([
  [{ flavor: 'gigantic' }, 'InvalidInputError', 'INVALID_INPUT', ['overrides', 'flavor']],
  [{ kubernetesVersion: 'v1.2.3' }, 'InvalidInputError', 'UNSUPPORTED_VERSION', ['overrides', 'kubernetesVersion']],
  [{ podCidr: '10.254.0.0/16' }, 'InvalidInputError', 'OVERLAPPING_CIDR', ['overrides', 'podCidr']],
])('createCluster names the field that is wrong: %j', async (overrides, type, code, field) => {
  const world = await openWorld();
  await world.data('anna', TEMPLATE_MUTATION, { input: { name: 'standard', image: 'debian', flavor: 'small' } });
  const answer = await run(world, 'anna', 'createCluster', { name: 'web', clusterTemplate: 'standard', overrides }, '__typename');
  expect(answer).toMatchObject({ __typename: type, code, field, retryable: false, whoMustAct: 'CUSTOMER' });
  expect(await world.data('anna', '{ clusters { nodes { id } } }')).toEqual({ clusters: { nodes: [] } });
});

test('labels by the same key twice, unknown ones, and templates that are not there', async () => {
  const world = await openWorld();
  const template = { name: 't', image: 'debian', flavor: 'small' };
  const twice = [
    { key: 'kube_tag', value: 'v1.36.3' },
    { key: 'kube_tag', value: 'v1.35.4' },
  ];
  expect(await run(world, 'anna', 'createClusterTemplate', { ...template, labels: twice }, '__typename')).toMatchObject({
    code: 'INVALID_INPUT',
    field: ['labels', '1'],
  });
  expect(
    await run(world, 'anna', 'createClusterTemplate', { ...template, labels: [{ key: 'kube_tga', value: 'v1.36.3' }] }, '__typename'),
  ).toMatchObject({ code: 'UNKNOWN_LABEL' });
  expect(await run(world, 'anna', 'createCluster', { name: 'web', clusterTemplate: 'none' }, '__typename')).toMatchObject({
    __typename: 'NotFoundError',
    code: 'NOT_FOUND',
  });
  expect(await run(world, 'rita', 'createClusterTemplate', template, '__typename')).toMatchObject({
    __typename: 'ForbiddenError',
    code: 'FORBIDDEN',
  });
  expect(await run(world, 'anna', 'createClusterTemplate', { ...template, visibility: 'PUBLIC' }, '__typename')).toMatchObject({
    __typename: 'ForbiddenError',
  });
});

test.each([false, true])('automatic scaling, served: %s', async (autoScaling) => {
  const world = await openWorld({ serves: { autoScaling } });
  const { id } = await makeCluster(world, 'anna', 'web', { overrides: { autoScalingEnabled: true } });
  const { node } = await world.data<{ node: { conditions: object[] } }>(
    'anna',
    'query ($id: ID!) { node(id: $id) { ... on Cluster { conditions { name status reason message waitingFor { whoMustAct } } } } }',
    { id },
  );
  const waiting = {
    name: 'AutoScalingServed',
    status: 'FALSE',
    reason: 'NotServedYet',
    message: expect.stringContaining('SEEDBED_AUTOSCALER_ADDRESS'),
    waitingFor: { whoMustAct: 'CLOUD_ADMIN' },
  };
  expect(node.conditions).toEqual(autoScaling ? [] : [waiting]);
});

test('a cluster: created once for a key, read in all its parts, resized, deleted', async () => {
  const world = await openWorld();
  await registerSeed(world);
  const cluster = await makeCluster(world, 'anna', 'web', {
    idempotencyKey: 'k-1',
    deletionProtection: true,
    nodeGroups: [
      { name: 'default-worker', count: 2, labels: [{ key: 'example.org/a', value: 'b' }], taints: [{ key: 'gpu', effect: 'NO_SCHEDULE' }] },
    ],
    overrides: {
      masterFlavor: 'big',
      autoHealingEnabled: true,
      controlPlane: { replicas: 3 },
      seedSelector: [{ key: 'tier', value: 'gold' }],
    },
  });
  const again = await makeCluster(world, 'anna', 'web', {
    idempotencyKey: 'k-1',
    deletionProtection: true,
    nodeGroups: [
      { name: 'default-worker', count: 2, labels: [{ key: 'example.org/a', value: 'b' }], taints: [{ key: 'gpu', effect: 'NO_SCHEDULE' }] },
    ],
    overrides: {
      masterFlavor: 'big',
      autoHealingEnabled: true,
      controlPlane: { replicas: 3 },
      seedSelector: [{ key: 'tier', value: 'gold' }],
    },
  });
  expect(again).toEqual(cluster);
  expect(
    await run(world, 'anna', 'createCluster', { name: 'other', clusterTemplate: 'standard', idempotencyKey: 'k-1' }, '__typename'),
  ).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
  expect(await run(world, 'anna', 'createCluster', { name: 'web', clusterTemplate: 'standard' }, '__typename')).toMatchObject({
    code: 'NAME_TAKEN',
    field: ['name'],
  });

  const { cluster: read } = await world.data<{ cluster: Record<string, unknown> }>(
    'rita',
    `{ cluster(name: "web") {
    id uuid name shortId projectId createdBy state version endpoint caCertificate deletionProtection generation observedGeneration lastEventNumber createdAt deleteRequestedAt deletedAt
    spec { autoHealingEnabled seedSelector { key value } rootVolume { sizeGiB } } overrides { field value templateValue }
    template { name } templateRevision { revision spec { autoHealingEnabled } createdAt }
    controlPlane { replicas version etcdVolumeSizeGiB components { name } } seed { name } placement { reason }
    conditions { name status state reason message lastTransitionAt waitingFor { what since usuallySeconds whoMustAct } problem { code openstack { service } quota { limit } } }
    nodeGroups { nodes { id name isDefault state count minCount maxCount flavor image keypair availabilityZones labels { key value } taints { key value effect } conditions { name } nodes { nodes { name } } cluster { name } } }
    nodes { nodes { name state fault { consoleTail } } } operations { edges { cursor node { id kind state percent targetId requestedBy cluster { name } steps { name title state } problem { code } } } }
    events { edges { cursor node { number at subjectKind subjectId subjectName state message percent settled operationId } } } resources(filter: { services: [COMPUTE] }) { nodes { kind name state madeBy } }
  } }`,
  );
  expect(read).toMatchObject({
    id: cluster.id,
    uuid: cluster.uuid,
    state: 'PENDING',
    seed: null,
    placement: null,
    endpoint: null,
    lastEventNumber: 1,
    template: { name: 'standard' },
    templateRevision: { revision: 1, spec: { autoHealingEnabled: false } },
    controlPlane: { replicas: 3, components: [] },
    nodeGroups: {
      nodes: [
        {
          id: cluster.nodeGroup.id,
          isDefault: true,
          count: 2,
          labels: [{ key: 'example.org/a', value: 'b' }],
          taints: [{ key: 'gpu', value: null, effect: 'NO_SCHEDULE' }],
          cluster: { name: 'web' },
        },
      ],
    },
    operations: {
      edges: [
        { node: { id: cluster.operation.id, kind: 'CREATE_CLUSTER', state: 'PENDING', targetId: cluster.id, cluster: { name: 'web' } } },
      ],
    },
    events: { edges: [{ cursor: '1', node: { number: 1, subjectId: cluster.id, settled: false, operationId: cluster.operation.id } }] },
  });
  expect(read.overrides).toContainEqual({ field: 'controlPlane.replicas', value: '3', templateValue: '1' });
  const notServed = (read.conditions as { name: string; status: string; reason: string }[]).filter((c) => c.reason === 'NotServedYet');
  expect(notServed.map((c) => [c.name, c.status])).toEqual([['ControlPlaneSizeServed', 'FALSE']]);

  expect(
    await run(
      world,
      'anna',
      'updateCluster',
      { clusterId: cluster.id, overrides: { controlPlane: { replicas: 1 } }, labels: [{ key: 'npd_enabled', value: 'true' }] },
      'cluster { generation spec { addons { nodeProblemDetector { enabled } } controlPlane { replicas etcd { volumeSizeGiB } } } } operation { kind } replayed',
    ),
  ).toMatchObject({
    cluster: {
      generation: 2,
      spec: { addons: { nodeProblemDetector: { enabled: true } }, controlPlane: { replicas: 1, etcd: { volumeSizeGiB: 5 } } },
    },
    operation: { kind: 'UPDATE_CLUSTER' },
    replayed: false,
  });
  expect(
    await run(world, 'anna', 'updateCluster', { clusterId: cluster.id, overrides: { serviceCidr: '10.1.0.0/16' } }, '__typename'),
  ).toMatchObject({ __typename: 'InvalidInputError', field: ['overrides', 'serviceCidr'] });

  const group = { nodeGroupId: cluster.nodeGroup.id };
  expect(
    await run(
      world,
      'anna',
      'resizeNodeGroup',
      { ...group, count: 5 },
      'nodeGroup { count generation } cluster { name } operation { kind } replayed',
    ),
  ).toMatchObject({ nodeGroup: { count: 5, generation: 2 }, operation: { kind: 'RESIZE_NODE_GROUP' } });
  expect(await run(world, 'anna', 'resizeNodeGroup', { ...group, count: 1001 }, '__typename')).toMatchObject({
    code: 'INVALID_INPUT',
    field: ['count'],
  });
  expect(await run(world, 'anna', 'deleteNodeGroup', group, '__typename')).toMatchObject({ __typename: 'ConflictError' });
  const more = await run(
    world,
    'anna',
    'createNodeGroup',
    { clusterId: cluster.id, name: 'gpu', flavor: 'large' },
    'nodeGroup { id name flavor isDefault } operation { kind }',
  );
  expect(more).toMatchObject({ nodeGroup: { name: 'gpu', flavor: 'large', isDefault: false }, operation: { kind: 'CREATE_NODE_GROUP' } });
  expect(
    await run(
      world,
      'anna',
      'deleteNodeGroup',
      { nodeGroupId: (more.nodeGroup as { id: string }).id },
      'nodeGroup { state } operation { kind }',
    ),
  ).toMatchObject({ nodeGroup: { state: 'DELETING' } });

  expect(
    await run(world, 'anna', 'issueKubeconfig', { clusterId: cluster.id, role: 'ADMIN', ttlSeconds: 600 }, 'kubeconfig expiresAt'),
  ).toMatchObject({ __typename: 'UnavailableError', code: 'CLUSTER_UNAVAILABLE' });
  expect(await run(world, 'anna', 'retryOperation', { operationId: cluster.operation.id }, 'operation { id state }')).toMatchObject({
    operation: { id: cluster.operation.id },
  });
  expect(await world.data('rita', '{ operation(id: "%") { state } }'.replace('%', cluster.operation.uuid))).toEqual({
    operation: { state: 'PENDING' },
  });

  expect(await run(world, 'anna', 'deleteCluster', { clusterId: cluster.uuid }, '__typename')).toMatchObject({
    __typename: 'ConflictError',
    code: 'DELETION_PROTECTED',
  });
  for (const [field, policy] of [
    ['loadBalancers', { loadBalancers: 'KEEP' }],
    ['deadlineSeconds', { deadlineSeconds: 5 }],
  ] as const)
    expect(
      await run(world, 'anna', 'deleteCluster', { clusterId: cluster.id, disableDeletionProtection: true, policy }, '__typename'),
    ).toMatchObject({ code: 'INVALID_INPUT', field: ['policy', field] });
  const deleted = await run(
    world,
    'anna',
    'deleteCluster',
    { clusterId: cluster.id, disableDeletionProtection: true },
    'cluster { state deleteRequestedAt } operation { id kind }',
  );
  expect(deleted).toMatchObject({ cluster: { state: 'DELETING' }, operation: { kind: 'DELETE_CLUSTER' } });
  expect(await world.data('anna', `{ operation(id: "${cluster.operation.id}") { state } }`)).toEqual({
    operation: { state: 'SUPERSEDED' },
  });
  expect(await run(world, 'anna', 'createNodeGroup', { clusterId: cluster.id, name: 'late' }, '__typename')).toMatchObject({
    __typename: 'ConflictError',
    code: 'CONFLICT',
  });
});

test('an operation and its events tell the OpenStack request id that the mutation was answered with', async () => {
  const world = await openWorld();
  const { uuid } = await makeCluster(world, 'anna');
  world.time.now += 1;
  const answer = await world.post('anna', 'mutation ($id: ID!) { deleteCluster(input: { clusterId: $id }) { __typename } }', { id: uuid });
  const id = answer.headers.get('x-openstack-request-id');
  const { cluster } = await world.data<{
    cluster: { operations: { nodes: { requestId: string }[] }; events: { nodes: { requestId: string }[] } };
  }>('rita', '{ cluster(name: "web") { operations { nodes { requestId } } events { nodes { requestId } } } }');
  const [deletion, creation] = cluster.operations.nodes;
  expect(deletion).toEqual({ requestId: id });
  expect(creation?.requestId).toMatch(/^req-/);
  expect(cluster.events.nodes).toEqual([creation, deletion]);
});

test('several changes in one document each see the ones before', async () => {
  const world = await openWorld();
  const { nodeGroup } = await makeCluster(world, 'anna');
  const resize = (alias: string, count: number) =>
    `${alias}: resizeNodeGroup(input: { nodeGroupId: "${nodeGroup.id}", count: ${count} }) { ... on ResizeNodeGroupPayload { cluster { nodeGroups { nodes { count } } } } }`;
  const counted = (count: number) => ({ cluster: { nodeGroups: { nodes: [{ count }] } } });
  expect(await world.data('anna', `mutation { ${resize('a', 2)} ${resize('b', 3)} }`)).toEqual({ a: counted(2), b: counted(3) });
});
