import { readFileSync } from 'node:fs';
import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCommands } from '../../src/commands/commands.ts';
import { notServedConditions } from '../../src/domain/notServed.ts';
import { hostedOf } from '../../src/reconcilers/cluster/scope.ts';
import type { WorldSettings } from '../../src/reconcilers/world.ts';
import { listEvents } from '../../src/store/events.ts';
import { listLiveNodeGroups, patchCluster } from '../../src/store/reconcile.ts';
import { audit, clusters, events, nodeGroups, operations, secrets, seeds, workItems } from '../../src/store/tables.ts';
import { ADA, ANNA, actorBy, BEN, call, catalogue, errorOf, type House, KUBECONFIG, OTTO, openHouse, RITA, TEMPLATE } from './house.ts';

let house: House;
beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
});
afterEach(() => house.close());

const create = (input: object, who = ANNA, more = {}) =>
  house.commands.createCluster(call(who, more), { name: 'hello', clusterTemplate: 'standard', ...input });
const counts = () =>
  Promise.all([clusters, nodeGroups, operations, events, workItems, secrets].map((table) => house.store.db.$count(table)));

test('writes the cluster, its group, operation, event, work, audit and the sealed token in one commit', async () => {
  const commits: { work: number; events: number; changes: string[] }[] = [];
  house.store.onCommit((c) =>
    commits.push({ work: c.work.length, events: c.events.length, changes: c.changes.map((x) => `${x.kind} ${x.what}`) }),
  );
  const { cluster, operation, replayed } = await create({
    nodeCount: 3,
    labels: { kube_tag: '1.35.4', etcd_volume_size: '7', use_podman: 'true' },
  });
  expect(commits).toEqual([{ work: 2, events: 1, changes: ['CLUSTER CREATED', 'OPERATION CREATED', 'NODE_GROUP CREATED'] }]);
  expect(replayed).toBe(false);
  expect(await house.store.db.select().from(clusters)).toEqual([cluster]);
  expect(await house.store.db.select().from(operations)).toEqual([operation]);
  expect(cluster).toMatchObject({
    projectId: 'blue',
    state: 'PENDING',
    generation: 1,
    observedGeneration: 0,
    eventNumber: 1,
    seedId: null,
  });
  expect(cluster.spec).toMatchObject({
    kubernetesVersion: 'v1.35.4',
    controlPlane: { etcd: { volumeSizeGiB: 7 } },
    image: 'debian',
    ignoredLabels: { use_podman: 'true' },
  });
  expect(cluster.overrides).toEqual({ kubernetesVersion: 'v1.35.4', controlPlane: { etcd: { volumeSizeGiB: 7 } } });
  expect(cluster.shortId).toMatch(/^hello-[a-z0-9]{8}$/);
  expect(cluster.trust).toMatchObject({ trustId: null, trustorUserId: 'user-anna', roles: ['member'] });
  expect(cluster.trust?.expiresAt).toMatch(/^203[78]-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  expect(operation).toMatchObject({ kind: 'CREATE_CLUSTER', state: 'PENDING', generation: 1, requestedBy: 'anna', clusterId: cluster.id });
  const [group] = await listLiveNodeGroups(house.store.db, cluster.id);
  expect(group).toMatchObject({
    name: 'default-worker',
    isDefault: true,
    spec: { count: 3, flavor: 'small', minCount: 0, maxCount: null },
  });
  expect(await listEvents(house.store.db, cluster.id, 0, 10)).toMatchObject([{ number: 1, operationId: operation.id, settled: false }]);
  expect(await house.store.db.select().from(audit).where(eq(audit.targetId, cluster.id))).toMatchObject([
    { action: 'createCluster', userId: 'user-anna', requestId: 'req-1' },
  ]);
  expect((await house.store.db.select().from(workItems)).map((w) => w.kind).sort()).toEqual(['CLUSTER', 'NODE_GROUP']);
  expect(await house.secrets.find(house.store.db, cluster.id, 'callerToken')).toBe('token of anna');
});

test('the database file holds no token in clear', async () => {
  await create({});
  const bytes = ['', '-wal'].map((suffix) => readFileSync(`${house.path}${suffix}`).toString('latin1')).join('');
  expect(bytes).toContain('default-worker');
  expect(bytes).not.toContain('token of anna');
});

test('two clusters never share a trust expiry', async () => {
  const made = await Promise.all(['a', 'b', 'c', 'd'].map((name) => create({ name })));
  expect(new Set(made.map((m) => m.cluster.trust?.expiresAt)).size).toBe(4);
});

describe('idempotency', () => {
  test('the same key and input answer the same rows, even at once', async () => {
    const [a, b, c] = await Promise.all([
      create({}, ANNA, { idempotencyKey: 'k' }),
      create({}, BEN, { idempotencyKey: 'k' }),
      create({}, ANNA, { idempotencyKey: 'k' }),
    ]);
    expect([a.replayed, b.replayed, c.replayed]).toEqual([false, true, true]);
    expect(b.cluster).toEqual(a.cluster);
    expect(c.operation).toEqual(a.operation);
    expect((await counts()).slice(0, 3)).toEqual([1, 1, 1]);
    const rows = await house.store.db.select({ outcome: audit.outcome }).from(audit).where(eq(audit.action, 'createCluster'));
    expect(rows.map(({ outcome }) => outcome)).toEqual(['ACCEPTED', 'REPLAYED', 'REPLAYED']);
  });

  test('another input or another mutation under the key is refused', async () => {
    const { cluster } = await create({}, ANNA, { idempotencyKey: 'k' });
    expect(await errorOf(create({ nodeCount: 2 }, ANNA, { idempotencyKey: 'k' }))).toMatchObject({
      code: 'IDEMPOTENCY_MISMATCH',
      field: ['idempotencyKey'],
    });
    expect(await errorOf(house.commands.deleteCluster(call(ANNA, { idempotencyKey: 'k' }), { clusterId: cluster.id }))).toMatchObject({
      code: 'IDEMPOTENCY_MISMATCH',
    });
  });

  test('keys of another project are its own', async () => {
    await create({}, ANNA, { idempotencyKey: 'k' });
    await house.commands.createClusterTemplate(call(OTTO), TEMPLATE);
    expect((await create({}, OTTO, { idempotencyKey: 'k' })).replayed).toBe(false);
  });

  test('a repeated call answers although the template is gone, and a failed call keeps no key', async () => {
    expect(await errorOf(create({ clusterTemplate: 'nowhere' }, ANNA, { idempotencyKey: 'k' }))).toMatchObject({ code: 'NOT_FOUND' });
    const { cluster } = await create({}, ANNA, { idempotencyKey: 'k' });
    await house.store.transaction((tx) => tx.db.update(clusters).set({ deletedAt: 1 }).where(eq(clusters.id, cluster.id)));
    await house.commands.deleteClusterTemplate(call(ANNA), { clusterTemplateId: cluster.templateId });
    expect((await create({}, ANNA, { idempotencyKey: 'k' })).cluster.id).toBe(cluster.id);
  });

  test.each(['', 'a b', 'ä', 'x'.repeat(129)])('the key %j is refused', async (idempotencyKey) => {
    expect(await errorOf(create({}, ANNA, { idempotencyKey }))).toMatchObject({ code: 'INVALID_INPUT', field: ['idempotencyKey'] });
  });
});

describe('bad input', () => {
  const group = (more: object) => ({ nodeGroups: [{ name: 'default-worker', ...more }] });
  const etcd = (etcd: object) => ({ overrides: { controlPlane: { etcd } } });
  const etcdField = (name: string) => ['overrides', 'controlPlane', 'etcd', name];
  test.each<[string, object, string, string[]]>([
    ['name not DNS', { name: 'Hello_World' }, 'INVALID_INPUT', ['name']],
    ['name too long', { name: 'a'.repeat(41) }, 'INVALID_INPUT', ['name']],
    ['name missing', { name: undefined }, 'INVALID_INPUT', ['name']],
    ['unknown field', { colour: 'red' }, 'INVALID_INPUT', ['colour']],
    ['unknown nested field', { overrides: { colour: 'red' } }, 'INVALID_INPUT', ['overrides', 'colour']],
    ['unknown template', { clusterTemplate: 'nowhere' }, 'NOT_FOUND', ['clusterTemplate']],
    ['count below', { nodeCount: -1 }, 'INVALID_INPUT', ['nodeCount']],
    ['count above', { nodeCount: 1001 }, 'INVALID_INPUT', ['nodeCount']],
    ['count broken', { nodeCount: 1.5 }, 'INVALID_INPUT', ['nodeCount']],
    ['count of a group', group({ count: 1001 }), 'INVALID_INPUT', ['nodeGroups', '0', 'count']],
    ['count over its maximum', group({ count: 3, maxCount: 2 }), 'INVALID_INPUT', ['nodeGroups', '0', 'count']],
    ['minimum over maximum of a group', group({ minCount: 4, maxCount: 2 }), 'INVALID_INPUT', ['nodeGroups', '0', 'minCount']],
    [
      "maximum of a group below the cluster's minimum",
      { ...group({ maxCount: 2 }), overrides: { minNodeCount: 4 } },
      'INVALID_INPUT',
      ['nodeGroups', '0', 'maxCount'],
    ],
    ['zone twice', group({ availabilityZones: ['nova', 'nova'] }), 'INVALID_INPUT', ['nodeGroups', '0', 'availabilityZones']],
    ['both counts', { nodeCount: 1, ...group({}) }, 'INVALID_INPUT', ['nodeCount']],
    ['same group twice', { nodeGroups: [{ name: 'a' }, { name: 'a' }] }, 'INVALID_INPUT', ['nodeGroups', '1', 'name']],
    ['version', { overrides: { kubernetesVersion: 'v1.12.1' } }, 'UNSUPPORTED_VERSION', ['overrides', 'kubernetesVersion']],
    ['version by label', { labels: { kube_tag: 'v1.12.1' } }, 'UNSUPPORTED_VERSION', ['labels', 'kube_tag']],
    ['unknown label', { labels: { kube_tagg: 'v1.36.3' } }, 'UNKNOWN_LABEL', ['labels', 'kube_tagg']],
    [
      'label against field',
      { labels: { etcd_volume_size: '7' }, overrides: { controlPlane: { etcd: { volumeSizeGiB: 8 } } } },
      'INVALID_INPUT',
      ['labels', 'etcd_volume_size'],
    ],
    ['label out of range', { labels: { etcd_volume_size: '65' } }, 'INVALID_INPUT', ['labels', 'etcd_volume_size']],
    [
      'etcd size',
      { overrides: { controlPlane: { etcd: { volumeSizeGiB: 0 } } } },
      'INVALID_INPUT',
      ['overrides', 'controlPlane', 'etcd', 'volumeSizeGiB'],
    ],
    ['replicas', { overrides: { controlPlane: { replicas: 2 } } }, 'INVALID_INPUT', ['overrides', 'controlPlane', 'replicas']],
    ['a quota above the volume', etcd({ quotaGiB: 8, volumeSizeGiB: 6 }), 'INVALID_INPUT', etcdField('quotaGiB')],
    ['a quota above the usual volume', etcd({ quotaGiB: 6 }), 'INVALID_INPUT', etcdField('quotaGiB')],
    ['an election below five heartbeats', etcd({ heartbeatMs: 250 }), 'INVALID_INPUT', etcdField('heartbeatMs')],
    ['an election too short', etcd({ heartbeatMs: 300, electionMs: 1499 }), 'INVALID_INPUT', etcdField('electionMs')],
    ['a compaction without a unit', etcd({ autoCompaction: '5' }), 'INVALID_INPUT', etcdField('autoCompaction')],
    [
      'no CPU',
      { overrides: { controlPlane: { resources: { etcd: { cpuMillicores: 0 } } } } },
      'INVALID_INPUT',
      ['overrides', 'controlPlane', 'resources', 'etcd', 'cpuMillicores'],
    ],
    ['masters', { masterCount: 2 }, 'INVALID_INPUT', ['masterCount']],
    ['masters against replicas', { masterCount: 1, overrides: { controlPlane: { replicas: 3 } } }, 'INVALID_INPUT', ['masterCount']],
    ['no CIDR', { overrides: { podCidr: '10.0.0.0' } }, 'INVALID_INPUT', ['overrides', 'podCidr']],
    ['pods overlap services', { overrides: { podCidr: '10.254.0.0/16' } }, 'OVERLAPPING_CIDR', ['overrides', 'podCidr']],
    ['pods overlap nodes', { overrides: { nodeCidr: '10.200.9.0/24' } }, 'OVERLAPPING_CIDR', ['overrides', 'nodeCidr']],
    ['services too small', { overrides: { serviceCidr: '10.1.0.0/29' } }, 'INVALID_INPUT', ['overrides', 'serviceCidr']],
    ['metadata address', { overrides: { podCidr: '169.254.0.0/17' } }, 'OVERLAPPING_CIDR', ['overrides', 'podCidr']],
    ['pods too few for the nodes', { overrides: { podCidr: '10.1.0.0/23' }, nodeCount: 5 }, 'INVALID_INPUT', ['overrides', 'podCidr']],
    ['node range too small', { overrides: { nodeCidr: '10.1.0.0/28' }, nodeCount: 9 }, 'INVALID_INPUT', ['overrides', 'nodeCidr']],
    ['subnet without network', { overrides: { fixedSubnet: 's' } }, 'INVALID_INPUT', ['overrides', 'fixedSubnet']],
    ['an MTU too small', { overrides: { networkMtu: 576 } }, 'INVALID_INPUT', ['overrides', 'networkMtu']],
    ['an MTU of a given network', { overrides: { networkMtu: 1400, fixedNetwork: 'n' } }, 'INVALID_INPUT', ['overrides', 'networkMtu']],
    ['nameserver', { overrides: { dnsNameservers: ['dns.example.org'] } }, 'INVALID_INPUT', ['overrides', 'dnsNameservers', '0']],
    [
      'reserved node label',
      group({ labels: { 'node-role.kubernetes.io/master': '' } }),
      'INVALID_INPUT',
      ['nodeGroups', '0', 'labels', 'node-role.kubernetes.io/master'],
    ],
    ['taint', group({ taints: [{ key: 'a b', effect: 'NoSchedule' }] }), 'INVALID_INPUT', ['nodeGroups', '0', 'taints', '0']],
    ['seed by a customer', { seed: 'seed-1' }, 'FORBIDDEN', []],
  ])('%s: typed, names the field, writes nothing', async (_what, input, code, field) => {
    const before = await counts();
    const error = await errorOf(create(input));
    expect(error.code).toBe(code);
    if (field.length > 0) expect(error.field).toEqual(field);
    expect(await counts()).toEqual(before);
  });

  test.each<[string, object, string[], string]>([
    ['flavor', { overrides: { flavor: 'huge' } }, ['overrides', 'flavor'], 'Choose one of small, large'],
    ['flavor of a group', group({ flavor: 'huge' }), ['nodeGroups', '0', 'flavor'], 'small, large'],
    ['image', { overrides: { image: 'suse' } }, ['overrides', 'image'], 'debian'],
    ['inactive image', { overrides: { image: 'old' } }, ['overrides', 'image'], 'deactivated'],
    ['keypair', { overrides: { keypair: 'gone' } }, ['overrides', 'keypair'], 'anna-key'],
    ['external network', { overrides: { externalNetwork: 'office' } }, ['overrides', 'externalNetwork'], 'public'],
    ['fixed network', { overrides: { fixedNetwork: 'public' } }, ['overrides', 'fixedNetwork'], 'office'],
    ['several subnets', { overrides: { fixedNetwork: 'office' } }, ['overrides', 'fixedSubnet'], 'several'],
    ['unknown subnet', { overrides: { fixedNetwork: 'office', fixedSubnet: 'x' } }, ['overrides', 'fixedSubnet'], 'office-0'],
    ['zone', { overrides: { availabilityZone: 'mars' } }, ['overrides', 'availabilityZone'], 'nova'],
    ['volume type', { overrides: { rootVolume: { sizeGiB: 20, type: 'tape' } } }, ['overrides', 'rootVolume'], 'ssd'],
    ['root volume smaller than the image', { overrides: { rootVolume: { sizeGiB: 5 } } }, ['overrides', 'rootVolume'], '10 GiB'],
  ])('%s that the cloud does not offer', async (_what, input, field, says) => {
    house.cloud.catalogue = catalogue();
    const error = await errorOf(create(input));
    expect(error).toMatchObject({ code: 'INVALID_INPUT', field });
    expect(error.message).toContain(says);
  });

  test.each<[string, string[], object, string]>([
    ['no external network', [], {}, 'sees no external network'],
    ['several external networks', ['public', 'partner'], {}, 'choose one of partner, public with'],
    [
      'several external networks for floating IPs',
      ['public', 'partner'],
      { fixedNetwork: 'office', fixedSubnet: 'office-1', floatingIpEnabled: true },
      'choose one of partner, public with',
    ],
  ])('%s and none named', async (_what, external, overrides, says) => {
    const { networks, ...rest } = catalogue();
    const [outside, ...inner] = networks;
    if (outside === undefined) throw new Error('no network');
    house.cloud.catalogue = { ...rest, networks: [...external.map((name) => ({ ...outside, id: name, name })), ...inner] };
    const error = await errorOf(create({ overrides }));
    expect(error).toMatchObject({ code: 'INVALID_INPUT', field: ['overrides', 'externalNetwork'] });
    expect(error.message).toContain(says);
    // Neither a router nor floating IPs.
    const without = { fixedNetwork: 'office', fixedSubnet: 'office-1' };
    expect((await create({ overrides: without })).cluster.spec).toMatchObject(without);
  });

  test("a given subnet's own range must not overlap the pods", async () => {
    house.cloud.catalogue = catalogue();
    expect(await errorOf(create({ overrides: { fixedNetwork: 'lone' } }))).toMatchObject({
      code: 'OVERLAPPING_CIDR',
      field: ['overrides', 'fixedNetwork'],
    });
    expect((await create({ overrides: { fixedNetwork: 'office', fixedSubnet: 'office-1' } })).cluster.spec.fixedSubnet).toBe('office-1');
  });

  test('names are unique among what lives in a project', async () => {
    const { cluster } = await create({});
    expect(await errorOf(create({}))).toMatchObject({ code: 'NAME_TAKEN', field: ['name'] });
    await house.store.transaction((tx) => tx.db.update(clusters).set({ deletedAt: 1 }).where(eq(clusters.id, cluster.id)));
    expect((await create({})).cluster.id).not.toBe(cluster.id);
  });
});

describe('who may', () => {
  test('a reader may not, and a template of another project is not there', async () => {
    expect(await errorOf(create({}, RITA))).toMatchObject({ code: 'FORBIDDEN' });
    const theirs = await errorOf(create({}, OTTO));
    const nowhere = await errorOf(create({ clusterTemplate: 'nowhere' }, OTTO));
    expect(theirs.code).toBe('NOT_FOUND');
    expect(theirs.message).toBe(nowhere.message.replace('nowhere', 'standard'));
  });

  test('a public template is for all, a hidden one for its own project', async () => {
    await house.commands.createClusterTemplate(call(ADA), { ...TEMPLATE, name: 'for-all', visibility: 'PUBLIC' });
    await house.commands.createClusterTemplate(call(ADA), { ...TEMPLATE, name: 'in-trial', visibility: 'HIDDEN' });
    expect((await create({ clusterTemplate: 'for-all' }, OTTO)).cluster.projectId).toBe('red');
    expect(await errorOf(create({ clusterTemplate: 'in-trial', name: 'x' }, OTTO))).toMatchObject({ code: 'NOT_FOUND' });
    expect((await create({ clusterTemplate: 'in-trial', name: 'x' }, ADA)).cluster.projectId).toBe('operators');
  });

  test('who has no role to lend cannot', async () => {
    expect(await errorOf(create({}, actorBy({ ...ANNA, roles: ['manager'] })))).toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('seeds', () => {
  const register = (name: string, podCidr: string, more = {}) =>
    house.commands.registerSeed(call(ADA), { name, kubeconfig: KUBECONFIG, podCidr, ...more });

  test('ranges that every seed uses are refused without naming one; one free seed is enough', async () => {
    await register('north', '10.200.0.0/14');
    const error = await errorOf(create({}));
    expect(error).toMatchObject({ code: 'OVERLAPPING_CIDR', field: ['overrides', 'podCidr'] });
    expect(error.message).toContain('10.200.0.0/14');
    expect(error.message).not.toContain('north');
    await register('south', '172.30.0.0/16');
    await create({});
    const { seed } = await house.commands.registerSeed(call(ADA), { name: 'west', kubeconfig: KUBECONFIG });
    await house.store.transaction((tx) => tx.db.update(seeds).set({ cordoned: true }).where(eq(seeds.id, seed.id)));
  });

  test('a floating IP of the API that no seed could give is refused, also when a template wants it; one seed that can is enough', async () => {
    await house.commands.createClusterTemplate(call(ANNA), {
      ...TEMPLATE,
      name: 'wide',
      labels: { master_lb_floating_ip_enabled: 'true' },
    });
    await create({ name: 'early', clusterTemplate: 'wide' });
    await register('north', '172.30.0.0/16', { exposure: 'NODE_PORT' });
    const error = await errorOf(create({ clusterTemplate: 'wide' }));
    expect(error).toMatchObject({ code: 'INVALID_INPUT', field: ['overrides', 'masterLbFloatingIpEnabled'] });
    expect(error.message).toContain('masterLbFloatingIpEnabled: false');
    expect(error.message).not.toContain('north');
    await create({ clusterTemplate: 'wide', overrides: { masterLbFloatingIpEnabled: false } });
    await register('south', '172.29.0.0/16');
    await create({ name: 'late', clusterTemplate: 'wide' });
    await house.commands.createClusterTemplate(call(ADA), { ...TEMPLATE, name: 'ours', labels: { master_lb_floating_ip_enabled: 'true' } });
    expect(await errorOf(create({ clusterTemplate: 'ours', seed: 'north' }, ADA))).toMatchObject({ code: 'INVALID_INPUT' });
  });

  test('where no backups are kept a cluster has none by schedule, whoever says so, and goes without', async () => {
    await register('north', '172.30.0.0/16');
    await house.commands.createClusterTemplate(call(ANNA), { ...TEMPLATE, name: 'careful', backup: { enabled: true } });
    const commands = createCommands({ ...house.deps, settings: { ...house.deps.settings, backupsAreKept: false } });
    const ask = (enabled?: boolean) =>
      commands.createCluster(call(ANNA), {
        name: 'a',
        clusterTemplate: 'careful',
        ...(enabled !== undefined && { overrides: { backup: { enabled } } }),
      });
    const refusal = { code: 'SEED_REFUSED', field: ['overrides', 'backup', 'enabled'] };
    expect(await errorOf(ask())).toMatchObject(refusal);
    expect(await errorOf(ask(true))).toMatchObject(refusal);
    const { cluster } = await ask(false);
    const update = commands.updateCluster(call(ANNA), { clusterId: cluster.id, overrides: { backup: { enabled: true } } });
    expect(await errorOf(update)).toMatchObject(refusal);
  });

  test('the API gets a floating IP with its first address or not at all, and what it does not get is told', async () => {
    const { seed } = await register('north', '172.30.0.0/16');
    const { cluster } = await create({ overrides: { masterLbFloatingIpEnabled: true } });
    const settings = { imageRegistry: null, imageDigests: new Map(), egressCidrs: [] } as unknown as WorldSettings;
    const seen = (endpointHost: string | null, endpointFloatingIp: boolean) => {
      const row = { ...cluster, endpointHost, endpointPort: 6443, endpointFloatingIp };
      const told = notServedConditions(row, 1, 0, { autoScaling: true }).map(({ name }) => name);
      return [hostedOf(row, seed, settings).apiFloatingIp, told];
    };
    expect(seen(null, false)).toEqual([true, []]);
    expect(seen('192.0.2.7', true)).toEqual([true, []]);
    expect(seen('10.0.0.7', false)).toEqual([false, ['ApiFloatingIpServed']]);
  });

  test('a cloud admin may ask for one by name', async () => {
    const { seed } = await register('north', '172.30.0.0/16');
    await house.commands.createClusterTemplate(call(ADA), TEMPLATE);
    expect((await create({ seed: 'north' }, ADA)).cluster.requestedSeedId).toBe(seed.id);
    expect(await errorOf(create({ seed: 'nowhere', name: 'x' }, ADA))).toMatchObject({ code: 'NOT_FOUND', field: ['seed'] });
  });
});

test('a project has its limit of clusters, which many at once do not pass, and one that is gone makes room', async () => {
  const limit = 30;
  const names = Array.from({ length: limit + 3 }, (_, i) => `many-${i}`);
  const results = await Promise.allSettled(names.map((name) => create({ name })));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(limit);
  const quota = { source: 'SEEDBED', resource: 'clusters', used: limit, limit, requested: 1 };
  await expect(create({ name: 'one-more' })).rejects.toMatchObject({ code: 'QUOTA_EXCEEDED', detail: { quotas: [quota] } });
  expect(await house.store.db.$count(clusters)).toBe(limit);
  const [first] = await house.store.db.select().from(clusters);
  await house.store.transaction((tx) => patchCluster(tx, first?.id ?? '', { deletedAt: 1 }));
  await create({ name: 'one-more' });
});
