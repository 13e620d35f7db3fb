import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClusterAnswer } from '../../src/commands/call.ts';
import { DEFAULT_ADDONS } from '../../src/domain/addons.ts';
import type { Condition } from '../../src/domain/condition.ts';
import { UserError } from '../../src/domain/errors.ts';
import { newId } from '../../src/lib/ids.ts';
import { listEvents, wasSettledAt } from '../../src/store/events.ts';
import { loadNodes } from '../../src/store/nodes.ts';
import { loadConditions, saveCondition } from '../../src/store/progress.ts';
import { insertNodes, listLiveNodeGroups, loadCluster, patchCluster, patchNode, patchNodeGroup } from '../../src/store/reconcile.ts';
import { sightOf } from '../../src/store/sight.ts';
import { clusters, events, nodes, operations, secrets, workItems } from '../../src/store/tables.ts';
import { createQueue } from '../../src/store/workItems.ts';
import { ADA, ANNA, actorBy, BEN, call, catalogue, errorOf, type House, OTTO, openHouse, RITA, TEMPLATE } from './house.ts';

let house: House;
let made: ClusterAnswer;
let groupId: string;
beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
  made = await house.commands.createCluster(call(ANNA), { name: 'hello', clusterTemplate: 'standard', nodeCount: 3 });
  groupId = (await listLiveNodeGroups(house.store.db, made.cluster.id))[0]?.id ?? '';
});
afterEach(() => house.close());

const addNodes = async (states: ('READY' | 'CREATING')[]): Promise<string[]> => {
  const rows = states.map((state, i) => ({
    id: newId(),
    clusterId: made.cluster.id,
    nodeGroupId: groupId,
    name: `n${i}`,
    state,
    createdAt: 1,
    updatedAt: 1,
  }));
  await house.store.transaction((tx) => insertNodes(tx, rows));
  return rows.map((row) => row.id);
};
const operation = async (id: string) => (await house.store.db.select().from(operations).where(eq(operations.id, id)))[0];
const due = async () => (await house.store.db.select().from(workItems)).map((w) => `${w.kind} ${w.wake}`).sort();

describe('deleteCluster', () => {
  test('marks all below, supersedes what is open, and wakes everything', async () => {
    await addNodes(['READY', 'CREATING']);
    const { cluster, operation: deleting } = await house.commands.deleteCluster(call(BEN), { clusterId: made.cluster.id });
    expect(cluster).toMatchObject({ state: 'DELETING', generation: 2, deleteRequestedAt: house.time.now });
    expect(await operation(made.operation.id)).toMatchObject({
      state: 'SUPERSEDED',
      problem: { message: expect.stringContaining(deleting.id) },
    });
    expect(await listLiveNodeGroups(house.store.db, cluster.id)).toMatchObject([{ state: 'DELETING', deleteRequestedAt: house.time.now }]);
    expect((await house.store.db.select().from(nodes)).map((n) => n.state)).toEqual(['DELETING', 'DELETING']);
    expect(await due()).toEqual(['CLUSTER 3', 'NODE 1', 'NODE 1', 'NODE_GROUP 2']);
    expect((await listEvents(house.store.db, cluster.id, 0, 9)).map((e) => e.number)).toEqual([1, 2]);
  });

  test('twice answers the removal under way', async () => {
    const a = await house.commands.deleteCluster(call(ANNA), { clusterId: made.cluster.id });
    const b = await house.commands.deleteCluster(call(ANNA), { clusterId: made.cluster.id });
    expect(b.operation.id).toBe(a.operation.id);
    expect(b.cluster.generation).toBe(2);
  });

  test('a protected cluster stays until the protection is lifted', async () => {
    await house.store.transaction((tx) => patchCluster(tx, made.cluster.id, { deletionProtection: true }));
    expect(await errorOf(house.commands.deleteCluster(call(ANNA), { clusterId: made.cluster.id }))).toMatchObject({
      code: 'DELETION_PROTECTED',
      field: ['disableDeletionProtection'],
    });
    expect(
      (await house.commands.deleteCluster(call(ANNA), { clusterId: made.cluster.id, disableDeletionProtection: true })).cluster.state,
    ).toBe('DELETING');
  });

  test('load balancers stay only in a network that stays, and a deadline has bounds', async () => {
    const ask = (policy: object) => house.commands.deleteCluster(call(ANNA), { clusterId: made.cluster.id, policy });
    const kept = await errorOf(ask({ loadBalancers: 'KEEP' }));
    expect(kept).toMatchObject({ code: 'INVALID_INPUT', field: ['policy', 'loadBalancers'] });
    expect(kept.message).toContain('floatingIps: KEEP');
    for (const deadlineSeconds of [59, 86_401, 90.5])
      expect(await errorOf(ask({ deadlineSeconds }))).toMatchObject({ code: 'INVALID_INPUT', field: ['policy', 'deadlineSeconds'] });
    // Refused as a whole: the cluster lives.
    expect((await loadCluster(house.store.db, made.cluster.id))?.deleteRequestedAt).toBeNull();
    const spec = { ...made.cluster.spec, fixedNetwork: 'office' };
    await house.store.transaction((tx) => patchCluster(tx, made.cluster.id, { spec }));
    await ask({ loadBalancers: 'KEEP', deadlineSeconds: 60 });
    await ask({ deadlineSeconds: 86_400 });
    const policy = { volumes: null, loadBalancers: 'KEEP', floatingIps: null, snapshots: null, backups: null, deadlineSeconds: 86_400 };
    expect((await loadCluster(house.store.db, made.cluster.id))?.deletePolicy).toEqual(policy);
  });

  test('nothing below a cluster that goes can be changed', async () => {
    await house.commands.deleteCluster(call(ANNA), { clusterId: made.cluster.id });
    const { commands } = house;
    for (const work of [
      () => commands.resizeNodeGroup(call(ANNA), { nodeGroupId: groupId, count: 1 }),
      () => commands.createNodeGroup(call(ANNA), { clusterId: made.cluster.id, name: 'more' }),
      () => commands.deleteNodeGroup(call(ANNA), { nodeGroupId: groupId }),
      () => commands.issueKubeconfig(call(ANNA), { clusterId: made.cluster.id, role: 'ADMIN' }),
    ]) {
      expect(await errorOf(work())).toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('being deleted') });
    }
  });

  test('a colleague lends a trust in place of who is gone, an administrator elsewhere does not', async () => {
    const { cluster } = await house.commands.deleteCluster(call(BEN), { clusterId: made.cluster.id });
    expect(cluster.trust).toMatchObject({ ...made.cluster.trust, heir: { trustorUserId: 'user-ben', roles: ['member'] } });
    expect(cluster.trust?.heir?.expiresAt).not.toBe(made.cluster.trust?.expiresAt);
    expect(await house.secrets.find(house.store.db, cluster.id, 'callerToken')).toBe('token of ben');
    await house.commands.retryOperation(call(ADA), {
      operationId: (await house.commands.deleteCluster(call(BEN), { clusterId: cluster.id })).operation.id,
    });
    expect(await house.secrets.find(house.store.db, cluster.id, 'callerToken')).toBe('token of ben');
  });

  test('a fresh token is kept for a trust that may be dead, with terms of its own; the trust that is there stays', async () => {
    const trust = { ...(made.cluster.trust ?? { trustorUserId: '', roles: [], expiresAt: '' }), trustId: 't1' };
    await house.store.transaction(async (tx) => {
      await patchCluster(tx, made.cluster.id, { trust });
      await house.secrets.remove(tx, made.cluster.id, 'callerToken');
    });
    const mutations: [string, () => Promise<unknown>][] = [
      ['updateCluster', () => house.commands.updateCluster(call(ANNA), { clusterId: made.cluster.id, deletionProtection: false })],
      ['resizeNodeGroup', () => house.commands.resizeNodeGroup(call(ANNA), { nodeGroupId: groupId, count: 2 })],
      ['retryOperation', () => house.commands.retryOperation(call(ANNA), { operationId: made.operation.id })],
      ['deleteCluster', () => house.commands.deleteCluster(call(BEN), { clusterId: made.cluster.id })],
      ['deleteCluster again', () => house.commands.deleteCluster(call(ANNA), { clusterId: made.cluster.id })],
    ];
    const expiries = new Set([trust.expiresAt]);
    for (const [name, mutation] of mutations) {
      await mutation();
      const who = name === 'deleteCluster' ? 'ben' : 'anna';
      const row = await loadCluster(house.store.db, made.cluster.id);
      expect(row?.trust, name).toMatchObject({ ...trust, heir: { trustorUserId: `user-${who}`, roles: ['member'] } });
      expiries.add(row?.trust?.heir?.expiresAt ?? '');
      expect(await house.secrets.find(house.store.db, made.cluster.id, 'callerToken'), name).toBe(`token of ${who}`);
    }
    expect(expiries.size).toBe(6);
  });
});

describe('updateCluster', () => {
  const update = (input: object, who = ANNA) => house.commands.updateCluster(call(who), { clusterId: made.cluster.id, ...input });

  test('the tunnel stays while a group has subnets elsewhere, which API servers reach through it alone', async () => {
    const spec = { ...made.cluster.spec, fixedNetwork: 'office' };
    await house.store.transaction((tx) => patchCluster(tx, made.cluster.id, { spec }));
    const { nodeGroup } = await house.commands.createNodeGroup(call(ANNA), {
      clusterId: made.cluster.id,
      name: 'far',
      subnets: ['office-1'],
    });
    const admin = actorBy({ ...ADA, projectId: 'blue' });
    const overrides = { controlPlane: { tunnel: 'NONE' } };
    const error = await errorOf(update({ overrides }, admin));
    expect(error).toMatchObject({ code: 'INVALID_INPUT', field: ['overrides', 'controlPlane', 'tunnel'] });
    expect(error.message).toContain('Node group far');
    await house.store.transaction((tx) => patchNodeGroup(tx, nodeGroup.id, { deletedAt: 1 }));
    expect((await update({ overrides }, admin)).cluster.spec.controlPlane.tunnel).toBe('NONE');
  });

  test('keeps what it does not speak of, and wakes the cluster', async () => {
    await house.store.transaction((tx) => patchCluster(tx, made.cluster.id, { state: 'READY' }));
    const input = { overrides: { controlPlane: { replicas: 3 } }, labels: { kube_dashboard_enabled: 'true' }, deletionProtection: true };
    const { cluster, operation: changing } = await update(input);
    expect(cluster).toMatchObject({ state: 'UPDATING', generation: 2, deletionProtection: true });
    expect(cluster.spec).toEqual({
      ...made.cluster.spec,
      controlPlane: { ...made.cluster.spec.controlPlane, replicas: 3 },
      addons: { ...DEFAULT_ADDONS, dashboard: { ...DEFAULT_ADDONS.dashboard, enabled: true } },
    });
    expect(cluster.overrides).toEqual({ controlPlane: { replicas: 3 }, addons: { dashboard: { enabled: true } } });
    expect(changing).toMatchObject({ kind: 'UPDATE_CLUSTER', state: 'PENDING', generation: 2 });
    expect(await due()).toEqual(['CLUSTER 3', 'NODE_GROUP 1']);
    const { operation: next } = await update({ overrides: { controlPlane: { replicas: 1 } } });
    expect(await operation(changing.id)).toMatchObject({ state: 'SUPERSEDED', problem: { message: expect.stringContaining(next.id) } });
    expect(await operation(made.operation.id)).toMatchObject({ state: 'PENDING' });
  });

  test('makes no generation of nothing', async () => {
    for (const nothing of [{}, { overrides: {} }, { deletionProtection: null }])
      expect(await errorOf(update(nothing))).toMatchObject({
        code: 'INVALID_INPUT',
        message: expect.stringContaining('Nothing is to change'),
      });
    expect((await update({ deletionProtection: true })).cluster.generation).toBe(2);
  });

  test.each<[string, object, string[]]>([
    ['a fixed setting', { overrides: { podCidr: '10.9.0.0/16' } }, ['overrides', 'podCidr']],
    [
      'a fixed setting in a tree',
      { overrides: { controlPlane: { etcd: { volumeSizeGiB: 9 } } } },
      ['overrides', 'controlPlane', 'etcd', 'volumeSizeGiB'],
    ],
    ['a fixed setting by its label', { labels: { etcd_volume_size: '9' } }, ['labels', 'etcd_volume_size']],
    ['an even number of members', { overrides: { controlPlane: { replicas: 2 } } }, ['overrides', 'controlPlane', 'replicas']],
    [
      'a quota above the volume that there is',
      { overrides: { controlPlane: { etcd: { quotaGiB: 6 } } } },
      ['overrides', 'controlPlane', 'etcd', 'quotaGiB'],
    ],
    ['a name', { name: 'other' }, ['name']],
  ])('refuses %s by name and changes nothing', async (_what, input, field) => {
    expect(await errorOf(update(input))).toMatchObject({ code: 'INVALID_INPUT', field });
    expect((await house.store.db.select().from(clusters))[0]).toMatchObject({ generation: 1, spec: made.cluster.spec });
  });

  test('a fixed setting may be repeated as it is', async () => {
    const { podCidr } = made.cluster.spec;
    expect((await update({ overrides: { podCidr } })).cluster.spec).toEqual(made.cluster.spec);
  });

  test('not once it is being deleted', async () => {
    await house.commands.deleteCluster(call(ANNA), { clusterId: made.cluster.id });
    expect(await errorOf(update({ deletionProtection: true }))).toMatchObject({ code: 'CONFLICT' });
  });
});

describe('node groups', () => {
  test('resize sets the wish, supersedes the last resize and tells', async () => {
    const [n0 = '', n1 = ''] = await addNodes(['READY', 'READY', 'CREATING']);
    const up = await house.commands.resizeNodeGroup(call(ANNA), { nodeGroupId: groupId, count: 5 });
    const down = await house.commands.resizeNodeGroup(call(ANNA), { nodeGroupId: groupId, count: 3, nodesToRemove: [n1, n0] });
    expect(down.nodeGroup).toMatchObject({ spec: { count: 3 }, nodesToRemove: [n1, n0], generation: 3 });
    expect(await operation(up.operation.id)).toMatchObject({ state: 'SUPERSEDED' });
    expect(await operation(made.operation.id)).toMatchObject({ state: 'PENDING' });
    expect((await loadNodes(house.store.db, sightOf(ANNA, 'readClusters'), [n1]))[0]?.deleteRequestedAt).toBeNull();
    expect((await listEvents(house.store.db, made.cluster.id, 1, 9)).map((e) => [e.number, e.subjectKind])).toEqual([
      [2, 'NODE_GROUP'],
      [3, 'NODE_GROUP'],
    ]);
  });

  test('a resize of a cluster at rest tells that it is at rest no more', async () => {
    await house.store.transaction(async (tx) => {
      await patchCluster(tx, made.cluster.id, { state: 'READY' });
      await tx.db.update(events).set({ settled: true });
    });
    expect(await wasSettledAt(house.store.db, made.cluster.id, 1)).toBe(true);
    const { operation: op } = await house.commands.resizeNodeGroup(call(ANNA), { nodeGroupId: groupId, count: 5 });
    expect((await listEvents(house.store.db, made.cluster.id, 1, 9)).map((e) => [e.number, e.subjectKind, e.state, e.operationId])).toEqual(
      [
        [2, 'NODE_GROUP', 'UPDATING', op.id],
        [3, 'CLUSTER', 'UPDATING', op.id],
      ],
    );
    expect(await wasSettledAt(house.store.db, made.cluster.id, 3)).toBe(false);
  });

  test.each<[string, (ids: string[]) => object, string[]]>([
    ['count above', () => ({ count: 1001 }), ['count']],
    ['too many for the range of the nodes', () => ({ count: 300 }), ['count']],
    ['a stranger to remove', () => ({ count: 0, nodesToRemove: ['x'] }), ['nodesToRemove', '0']],
    ['the same twice', (ids) => ({ count: 0, nodesToRemove: [ids[0], ids[0]] }), ['nodesToRemove']],
    ['a count that does not fall enough', (ids) => ({ count: 2, nodesToRemove: ids }), ['count']],
  ])('resize: %s', async (_what, input, field) => {
    const ids = await addNodes(['READY', 'READY', 'READY']);
    expect(await errorOf(house.commands.resizeNodeGroup(call(ANNA), { nodeGroupId: groupId, ...input(ids) }))).toMatchObject({
      code: 'INVALID_INPUT',
      field,
    });
  });

  test('replace marks the worker, wakes its group and tells; one that goes already is not replaced', async () => {
    const [n0 = '', n1 = ''] = await addNodes(['READY', 'READY']);
    const { nodeGroup, operation: op } = await house.commands.replaceNode(call(ANNA), { nodeId: n0 });
    expect(nodeGroup).toMatchObject({ spec: { count: 3 }, generation: 2 });
    expect(op).toMatchObject({ kind: 'REPLACE_NODE', targetId: groupId, state: 'PENDING' });
    const [first, second] = await loadNodes(house.store.db, sightOf(ANNA, 'readClusters'), [n0, n1]);
    expect([first, second].map((node) => [node?.id, node?.replaceRequestedAt, node?.deleteRequestedAt]).sort()).toEqual(
      [
        [n0, house.time.now, null],
        [n1, null, null],
      ].sort(),
    );
    const [told] = await listEvents(house.store.db, made.cluster.id, 1, 9);
    expect(told).toMatchObject({ subjectKind: 'NODE_GROUP', message: 'Another node takes the place of n0, as anna asked.' });
    expect(await due()).toContain('NODE_GROUP 2');
    await house.store.transaction((tx) => patchNode(tx, n1, { deleteRequestedAt: 1 }));
    expect(await errorOf(house.commands.replaceNode(call(ANNA), { nodeId: n1 }))).toMatchObject({ code: 'CONFLICT', field: ['nodeId'] });
    await house.store.transaction((tx) => patchNode(tx, n1, { deletedAt: 2 }));
    expect(await errorOf(house.commands.replaceNode(call(ANNA), { nodeId: n1 }))).toMatchObject({ code: 'NOT_FOUND', field: ['nodeId'] });
  });

  test('a new group takes from the cluster what it does not say, and goes again with its nodes', async () => {
    const { nodeGroup, operation: op } = await house.commands.createNodeGroup(call(ANNA), {
      clusterId: made.cluster.id,
      name: 'gpu',
      count: 2,
      flavor: 'large',
      labels: { 'example.org/gpu': 'yes' },
      taints: [{ key: 'gpu', effect: 'NoSchedule' }],
    });
    expect(nodeGroup).toMatchObject({
      isDefault: false,
      spec: { image: 'debian', flavor: 'large', count: 2, taints: [{ key: 'gpu', value: null, effect: 'NoSchedule' }] },
    });
    expect(await errorOf(house.commands.createNodeGroup(call(ANNA), { clusterId: made.cluster.id, name: 'gpu' }))).toMatchObject({
      code: 'NAME_TAKEN',
    });
    const gone = await house.commands.deleteNodeGroup(call(ANNA), { nodeGroupId: nodeGroup.id });
    expect(gone.nodeGroup).toMatchObject({ state: 'DELETING', generation: 2 });
    expect(await operation(op.id)).toMatchObject({ state: 'SUPERSEDED' });
    expect((await house.commands.deleteNodeGroup(call(ANNA), { nodeGroupId: nodeGroup.id })).operation.id).toBe(gone.operation.id);
  });

  test('the default group stays', async () => {
    expect(await errorOf(house.commands.deleteNodeGroup(call(ANNA), { nodeGroupId: groupId }))).toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('resize it to 0'),
    });
  });

  test('what the cloud does not offer is named', async () => {
    house.cloud.catalogue = catalogue();
    expect(
      await errorOf(house.commands.createNodeGroup(call(ANNA), { clusterId: made.cluster.id, name: 'x', flavor: 'huge' })),
    ).toMatchObject({ code: 'INVALID_INPUT', field: ['flavor'] });
    for (const [field, names, said] of [
      ['additionalNetworks', ['nowhere'], /"nowhere" is not there.*office, lone/],
      ['additionalNetworks', ['public'], /"public" is not there/],
      ['additionalNetworks', ['office', 'net-in'], /named twice/],
      ['additionalNetworks', ['office', 'office'], /twice/],
      ['additionalNetworks', Array.from({ length: 9 }, (_, i) => `n${i}`), /at most 8/],
      ['securityGroups', ['nobody'], /"nobody" is not there.*default, web/],
      ['securityGroups', ['web', 'sg1'], /named twice/],
    ] as const)
      expect(
        await errorOf(house.commands.createNodeGroup(call(ANNA), { clusterId: made.cluster.id, name: 'x', [field]: names })),
      ).toMatchObject({ code: 'INVALID_INPUT', field: [field], message: expect.stringMatching(said) });
    const nics = (port: object) => [{ network: 'office', ...port }];
    for (const [ports, path, said] of [
      [nics({ network: 'nowhere' }), ['0', 'network'], /"nowhere" is not there/],
      [nics({ subnets: ['lone-0'] }), ['0', 'subnets'], /"lone-0" lies in another network than office.*office-0, office-1/],
      [nics({ subnets: ['office-9'] }), ['0', 'subnets'], /"office-9" is not there/],
      [nics({ subnets: ['office-0', 'net-in-s0'] }), ['0', 'subnets'], /named twice/],
      [nics({ securityGroups: ['nobody'] }), ['0', 'securityGroups'], /"nobody" is not there/],
      [nics({ vnicType: 'FAST' }), ['0', 'vnicType'], /NORMAL, DIRECT/],
      [Array.from({ length: 9 }, () => ({ network: 'office' })), [], /at most 8 together/],
    ] as const)
      expect(
        await errorOf(house.commands.createNodeGroup(call(ANNA), { clusterId: made.cluster.id, name: 'x', additionalPorts: ports })),
      ).toMatchObject({ code: 'INVALID_INPUT', field: ['additionalPorts', ...path], message: expect.stringMatching(said) });
    expect(
      await errorOf(house.commands.createNodeGroup(call(ANNA), { clusterId: made.cluster.id, name: 'x', subnets: ['office-0'] })),
    ).toMatchObject({ code: 'INVALID_INPUT', field: ['subnets'], message: expect.stringContaining('fixedNetwork') });
    const taken = { additionalNetworks: ['office', 'net-one'], securityGroups: ['web'] };
    const { nodeGroup } = await house.commands.createNodeGroup(call(ANNA), { clusterId: made.cluster.id, name: 'x', ...taken });
    expect(nodeGroup.spec).toMatchObject(taken);
  });
});

const FAILED: Condition = {
  name: 'PortReady',
  title: 'Make the port',
  status: 'FALSE',
  state: 'FAILED',
  reason: 'QuotaExceeded',
  message: 'Too many ports.',
  problem: null,
  waitingFor: null,
  observedGeneration: 1,
  lastTransitionAt: 1,
  attempts: 3,
  ordinal: 0,
};

describe('retryOperation', () => {
  test('opens a failed one again and wakes what is not finished, its failures forgotten', async () => {
    const [ready = '', failed = ''] = await addNodes(['READY', 'CREATING']);
    await house.store.transaction(async (tx) => {
      await tx.db.update(operations).set({ state: 'FAILED', finishedAt: 5, percent: 40 });
      await tx.db.update(workItems).set({ attempts: 7, dueAt: house.time.now + 60_000 });
      const subject = {
        kind: 'NODE' as const,
        id: failed,
        name: 'n1',
        streamId: made.cluster.id,
        clusterId: made.cluster.id,
        projectId: 'blue',
      };
      const problem = new UserError('QUOTA_EXCEEDED', 'Too many ports.').toProblem();
      await saveCondition(tx, subject, { ...FAILED, problem }, false);
      await patchNode(tx, failed, { state: 'FAILED' });
    });
    const { operation: again } = await house.commands.retryOperation(call(BEN), { operationId: made.operation.id });
    expect(again).toMatchObject({ state: 'RUNNING', problem: null, finishedAt: null, percent: 40 });
    const rows = await house.store.db.select().from(workItems);
    expect(rows.every((row) => row.attempts === 0 && row.dueAt === house.time.now && row.id !== ready)).toBe(true);
    expect(rows.map((row) => row.kind).sort()).toEqual(['CLUSTER', 'NODE', 'NODE_GROUP']);
    const queue = createQueue({ store: house.store, clock: { now: () => house.time.now } });
    expect(await queue.claim({ owner: 'w', limit: 9, leaseMs: 1 })).toHaveLength(3);
    expect((await loadConditions(house.store.db, failed)).get('PortReady')).toMatchObject({ state: 'PENDING', problem: null, attempts: 0 });
    expect((await loadNodes(house.store.db, sightOf(ANNA, 'readClusters'), [failed]))[0]?.state).toBe('PENDING');
  });

  test('what is over is refused and says so', async () => {
    await house.commands.deleteCluster(call(ANNA), { clusterId: made.cluster.id });
    expect(await errorOf(house.commands.retryOperation(call(ANNA), { operationId: made.operation.id }))).toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('DELETE_CLUSTER'),
    });
    await house.store.transaction((tx) =>
      tx.db.update(operations).set({ state: 'SUCCEEDED' }).where(eq(operations.kind, 'DELETE_CLUSTER')),
    );
    const [done] = await house.store.db.select().from(operations).where(eq(operations.kind, 'DELETE_CLUSTER'));
    expect(await errorOf(house.commands.retryOperation(call(ANNA), { operationId: done?.id }))).toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('SUCCEEDED'),
    });
  });
});

describe('who may, and which generation', () => {
  let nodeId: string;
  beforeEach(async () => {
    [nodeId = ''] = await addNodes(['READY']);
  });
  const attempts = (): [string, (who: typeof ANNA, more?: object) => Promise<unknown>][] => [
    ['replaceNode', (who, more) => house.commands.replaceNode(call(who, more), { nodeId })],
    ['deleteCluster', (who, more) => house.commands.deleteCluster(call(who, more), { clusterId: made.cluster.id })],
    [
      'updateCluster',
      (who, more) => house.commands.updateCluster(call(who, more), { clusterId: made.cluster.id, deletionProtection: true }),
    ],
    ['createNodeGroup', (who, more) => house.commands.createNodeGroup(call(who, more), { clusterId: made.cluster.id, name: 'more' })],
    ['resizeNodeGroup', (who, more) => house.commands.resizeNodeGroup(call(who, more), { nodeGroupId: groupId, count: 1 })],
    ['deleteNodeGroup', (who, more) => house.commands.deleteNodeGroup(call(who, more), { nodeGroupId: groupId })],
    ['retryOperation', (who, more) => house.commands.retryOperation(call(who, more), { operationId: made.operation.id })],
    ['issueKubeconfig', (who, more) => house.commands.issueKubeconfig(call(who, more), { clusterId: made.cluster.id, role: 'EDITOR' })],
  ];
  test('a stranger finds nothing, in the words for what is not there; a reader may not', async () => {
    for (const [name, attempt] of attempts()) {
      expect(await errorOf(attempt(OTTO)), name).toMatchObject({ code: 'NOT_FOUND' });
      expect(await errorOf(attempt(actorBy({ ...RITA, roles: [] }))), name).toMatchObject({ code: 'NOT_FOUND' });
      expect(await errorOf(attempt(RITA)), name).toMatchObject({ code: 'FORBIDDEN' });
    }
    const theirs = await errorOf(house.commands.deleteCluster(call(OTTO), { clusterId: made.cluster.id }));
    const nobodys = await errorOf(house.commands.deleteCluster(call(OTTO), { clusterId: 'nobody' }));
    expect(theirs.message.replace(made.cluster.id, 'nobody')).toBe(nobodys.message);
  });

  test('another generation than expected is refused with both numbers', async () => {
    for (const [name, attempt] of attempts()) {
      if (name === 'deleteNodeGroup') continue;
      expect(await errorOf(attempt(ANNA, { expectedGeneration: 4 })), name).toMatchObject({
        code: 'GENERATION_MISMATCH',
        message: expect.stringMatching(/4.*1/),
      });
    }
    expect((await house.store.db.select().from(clusters))[0]).toMatchObject({ generation: 1 });
  });
});

describe('issueKubeconfig', () => {
  const ask = (input: object, who = ANNA, more = {}) =>
    house.commands.issueKubeconfig(call(who, more), { clusterId: made.cluster.id, ...input });
  const open = () =>
    house.store.transaction(async (tx) => {
      await patchCluster(tx, made.cluster.id, { endpointHost: '203.0.113.9', endpointPort: 6443 });
      await house.secrets.put(tx, made.cluster.id, 'pki', '{"the":"pki"}', 1);
    });

  test('not before there is something to reach', async () => {
    expect(await errorOf(ask({ role: 'ADMIN' }))).toMatchObject({
      code: 'CLUSTER_UNAVAILABLE',
      message: expect.stringContaining('not reachable yet'),
    });
  });

  test('orders the role and the life that were asked for', async () => {
    await open();
    const { kubeconfig, expiresAt } = await ask({ role: 'EDITOR', ttlSeconds: 600 });
    expect(kubeconfig).toContain('anna@Default');
    expect(expiresAt).toBe(house.time.now + 600_000);
    expect(house.ordered).toEqual([
      {
        pkiJson: '{"the":"pki"}',
        endpoint: { host: '203.0.113.9', port: 6443 },
        clusterName: 'hello',
        userName: expect.stringMatching(/^anna@Default:[a-z0-9]{8}$/),
        ttlMs: 600_000,
        now: house.time.now,
      },
    ]);
    expect((await ask({ role: 'VIEWER' }, RITA)).kubeconfig).toContain('rita@Default');
    for (const ttlSeconds of [599, 86_401])
      expect(await errorOf(ask({ role: 'ADMIN', ttlSeconds }))).toMatchObject({ code: 'INVALID_INPUT', field: ['ttlSeconds'] });
  });

  test('a repeated call gets the same one, a colleague with the key does not, and none is kept in clear', async () => {
    await open();
    const first = await ask({ role: 'ADMIN' }, ANNA, { idempotencyKey: 'k' });
    const again = await ask({ role: 'ADMIN' }, ANNA, { idempotencyKey: 'k' });
    expect(again).toMatchObject({ kubeconfig: first.kubeconfig, expiresAt: first.expiresAt, replayed: true });
    expect(house.ordered).toHaveLength(1);
    expect(await errorOf(ask({ role: 'ADMIN' }, BEN, { idempotencyKey: 'k' }))).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    const stored = JSON.stringify(await house.store.db.select().from(secrets));
    expect(stored).not.toContain(Buffer.from(first.kubeconfig).toJSON().data.join(','));
    expect(again.record.id).toBe(first.record.id);
  });

  test('each is written down, and may be taken back by its owner and by members, once', async () => {
    await open();
    const ofRita = await ask({ role: 'VIEWER' }, RITA);
    const ofAnna = await ask({ role: 'ADMIN' });
    expect(ofRita.record).toMatchObject({ kind: 'KUBECONFIG', role: 'VIEWER', owner: 'rita@Default', boundAt: null, revokedAt: null });
    const revoke = (kubeconfigId: string, who = ANNA) => house.commands.revokeKubeconfig(call(who), { kubeconfigId });
    expect(await errorOf(revoke(ofAnna.record.id, RITA))).toMatchObject({ code: 'FORBIDDEN' });
    expect(await errorOf(revoke(ofAnna.record.id, OTTO))).toMatchObject({ code: 'NOT_FOUND', field: ['kubeconfigId'] });
    expect((await revoke(ofRita.record.id, RITA)).record).toMatchObject({ revokedAt: house.time.now, revokedBy: 'rita@Default' });
    house.time.now += 1_000;
    expect((await revoke(ofRita.record.id, BEN)).record).toMatchObject({ revokedAt: house.time.now - 1_000, revokedBy: 'rita@Default' });
    expect((await revoke(ofAnna.record.id, BEN)).record).toMatchObject({ revokedBy: 'ben@Default' });
  });
});
