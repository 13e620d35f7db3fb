/** What is known of a project's quotas is looked at before anything is written: all that is short in one answer. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createScaling } from '../../src/commands/scaleNodeGroup.ts';
import type { ResourceQuota } from '../../src/domain/quota.ts';
import { newId } from '../../src/lib/ids.ts';
import { insertNodes, listLiveNodeGroups, loadNodeGroup, patchNodeGroup } from '../../src/store/reconcile.ts';
import { clusters, nodeGroups, operations } from '../../src/store/tables.ts';
import { ANNA, call, catalogue, type House, openHouse, TEMPLATE } from './house.ts';

let house: House;
beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), { ...TEMPLATE, externalNetwork: 'public' });
});
afterEach(() => house.close());

/** Free of each: limit minus used; what is not named has no limit. */
const leave = (free: Record<string, number>): ResourceQuota[] => {
  const quotas = Object.entries(free).map(([resource, left]) => ({ resource, used: 7, limit: 7 + left }));
  house.cloud.catalogue = { ...catalogue(), quotas: [{ resource: 'key_pairs', used: 0, limit: null }, ...quotas] };
  return quotas;
};
const create = (more: object = {}) =>
  house.commands.createCluster(call(ANNA), { name: 'web', clusterTemplate: 'standard', nodeCount: 3, ...more });
const shortOf = async (work: Promise<unknown>): Promise<unknown> => {
  const error = await work.then(
    () => undefined,
    (thrown) => thrown,
  );
  expect(error).toMatchObject({ code: 'QUOTA_EXCEEDED' });
  const { quotas, message, quota } = error.toProblem();
  expect(quota).toEqual(quotas[0]);
  for (const { resource, used, limit, requested } of quotas) {
    expect(message).toContain(`${resource} (${used} of ${limit} used, ${requested} more needed)`);
  }
  return Object.fromEntries(quotas.map((each: { resource: string; requested: number }) => [each.resource, each.requested]));
};
const count = async (table: typeof clusters | typeof nodeGroups | typeof operations) => (await house.store.db.select().from(table)).length;

/** Three workers of 2 vCPU and 4096 MiB, a network of their own, a floating IP and a root volume each. */
const NEEDS = {
  cores: 6,
  ram: 12_288,
  instances: 3,
  server_groups: 1,
  server_group_members: 3,
  volumes: 3,
  gigabytes: 90,
  volumes_ssd: 3,
  gigabytes_ssd: 90,
  port: 5,
  floatingip: 3,
  security_group: 1,
  security_group_rule: 6,
  network: 1,
  subnet: 1,
  router: 1,
};
const ALL = { overrides: { floatingIpEnabled: true, rootVolume: { sizeGiB: 30, type: 'ssd' } } };

test('a new cluster is refused with every resource that is short, and nothing is written', async () => {
  leave(Object.fromEntries(Object.entries(NEEDS).map(([resource, needed]) => [resource, needed - 1])));
  expect(await shortOf(create(ALL))).toEqual(NEEDS);
  expect([await count(clusters), await count(operations)]).toEqual([0, 0]);
});

test('what just fits is enough, and what is not limited or not known is', async () => {
  leave(NEEDS);
  await create(ALL);
  house.cloud.catalogue = { ...catalogue(), quotas: [] };
  await create({ name: 'unknown', ...ALL });
});

test('only what is asked for counts, over all groups', async () => {
  leave({ cores: 9, floatingip: 0, volumes: 0, network: 0, port: 5 });
  const groups = [
    { name: 'a', count: 3 },
    { name: 'b', count: 2 },
  ];
  const inOffice = { nodeCount: undefined, nodeGroups: groups, overrides: { fixedNetwork: 'office', fixedSubnet: 'office-0' } };
  expect(await shortOf(create(inOffice))).toEqual({ cores: 10 });
});

test("the ingress controller's load balancer is one of the cluster's needs, with its address, port and security group", async () => {
  leave({ loadbalancer: 0, floatingip: 0, port: 5, security_group: 1 });
  await create({ name: 'without' });
  const addons = { cloudController: { enabled: true }, ingressController: { enabled: true, serviceType: 'LOAD_BALANCER' } };
  expect(await shortOf(create({ overrides: { addons } }))).toEqual({ loadbalancer: 1, floatingip: 1, port: 6, security_group: 2 });
  leave({ loadbalancer: 0 });
  await create({ overrides: { addons: { cloudController: { enabled: true }, ingressController: { enabled: true } } } });
});

test('of members of a server group each group may have so many', async () => {
  const groups = [
    { name: 'a', count: 3 },
    { name: 'b', count: 2 },
    { name: 'c', count: 9, serverGroupPolicy: 'NONE' },
  ];
  leave({ server_group_members: 2 });
  expect(await shortOf(create({ nodeCount: undefined, nodeGroups: groups }))).toEqual({ server_group_members: 3 });
  leave({ server_group_members: 3 });
  await create({ nodeCount: undefined, nodeGroups: groups });
});

describe('of a cluster that is there', () => {
  let clusterId: string;
  let groupId: string;
  beforeEach(async () => {
    clusterId = (await create()).cluster.id;
    groupId = (await listLiveNodeGroups(house.store.db, clusterId))[0]?.id ?? '';
    await house.commands.updateNodeGroup(call(ANNA), { nodeGroupId: groupId, maxCount: 10 });
    const row = (serverId: string | null) => ({
      id: newId(),
      clusterId,
      nodeGroupId: groupId,
      name: `n-${newId()}`,
      state: 'READY' as const,
      serverId,
      createdAt: 1,
      updatedAt: 1,
    });
    await house.store.transaction((tx) => insertNodes(tx, [row('s1'), row('s2'), row(null)]));
  });

  test('another group', async () => {
    leave({ server_groups: 0, instances: 1, network: 0 });
    const more = { clusterId, name: 'more', count: 2 };
    expect(await shortOf(house.commands.createNodeGroup(call(ANNA), more))).toEqual({ server_groups: 1, instances: 2 });
    expect(await count(nodeGroups)).toBe(1);
    const wide = { ...more, serverGroupPolicy: 'NONE', additionalNetworks: ['office', 'lone'] };
    leave({ server_groups: 0, port: 5 });
    expect(await shortOf(house.commands.createNodeGroup(call(ANNA), wide))).toEqual({ port: 6 });
    leave({ server_groups: 1, instances: 2, network: 0 });
    await house.commands.createNodeGroup(call(ANNA), more);
  });

  test('more workers: those that have a server are counted already, and fewer are always allowed', async () => {
    leave({ cores: 5, instances: 1 });
    const resize = (wanted: number) => house.commands.resizeNodeGroup(call(ANNA), { nodeGroupId: groupId, count: wanted });
    expect(await shortOf(resize(5))).toEqual({ cores: 6, instances: 3 });
    expect((await loadNodeGroup(house.store.db, groupId))?.spec.count).toBe(3);
    leave({ cores: 6, instances: 3 });
    await resize(5);
    leave({ server_group_members: 5 });
    expect(await shortOf(resize(6))).toEqual({ server_group_members: 6 });
    leave({ cores: -2, instances: 0 });
    await resize(4);
    expect(await shortOf(house.commands.updateNodeGroup(call(ANNA), { nodeGroupId: groupId, minCount: 6 }))).toMatchObject({ cores: 8 });
  });

  test('the autoscaler’s growth, though it has no flavors of its own to look at', async () => {
    await house.store.transaction((tx) =>
      patchNodeGroup(tx, groupId, {
        resolved: { flavorId: 'f0', imageId: 'i0', machine: { flavor: 'small', vcpus: 4, ramMiB: 1, diskGiB: 1 } },
      }),
    );
    const scaling = createScaling(house.deps);
    leave({ cores: 7 });
    expect(await shortOf(scaling.increase(clusterId, groupId, 1))).toEqual({ cores: 8 });
    leave({ cores: 8 });
    await scaling.increase(clusterId, groupId, 1);
    expect((await loadNodeGroup(house.store.db, groupId))?.spec.count).toBe(4);
  });
});
