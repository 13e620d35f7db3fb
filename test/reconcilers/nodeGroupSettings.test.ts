/** What a node group says of its servers beyond their size, as Nova and Neutron have it in the end. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStory, type Story, until } from './story.ts';

let world: Story;
let clusterId: string;

interface Nova {
  compute: {
    servers: { id: string; name: string; host: string; groupId: string | null; status: string }[];
    serverGroups: { id: string; name: string; policy: string; members: string[] }[];
  };
}
const cloud = async () => (await world.control<{ openstack: Nova }>('GET', 'world')).openstack;
const serversOf = async (group: string) => (await cloud()).compute.servers.filter(({ name }) => name.includes(`-${group}-`));
const ready = (group: string) =>
  until(() => world.rows<{ state: string }>(`select state from node_groups where name = '${group}'`)[0]?.state === 'READY');
const addGroup = (input: object) =>
  world.change<{ nodeGroup: { id: string } }>(world.member, 'createNodeGroup', { clusterId, ...input }, 'nodeGroup { id }');

beforeAll(async () => {
  world = await openStory();
  await world.control('PUT', `quotas/${world.sandbox.users.member.projectId}`, { instances: 50, cores: 100, ram: 500_000 });
  const groups = [{ name: 'free', count: 1, serverGroupPolicy: 'NONE' }];
  const input = { name: 'settings', clusterTemplate: 'small', nodeGroups: groups };
  clusterId = (await world.change<{ cluster: { uuid: string } }>(world.member, 'createCluster', input, 'cluster { uuid }')).cluster.uuid;
  await ready('free');
});

afterAll(() => world?.close());

test('a group without a server group has none, and one that is to stay together is on one host', async () => {
  expect((await cloud()).compute.serverGroups).toEqual([]);
  expect((await serversOf('free')).map(({ groupId }) => groupId)).toEqual([null]);
  await addGroup({ name: 'together', count: 2, serverGroupPolicy: 'AFFINITY' });
  await ready('together');
  const [first, second] = await serversOf('together');
  expect(first?.host).toBe(second?.host);
  expect((await cloud()).compute.serverGroups).toMatchObject([
    { policy: 'affinity', members: expect.arrayContaining([first?.id, second?.id]) },
  ]);
});

test('a group whose hosts run out says so, with the policy that is to blame, and recovers with fewer workers', async () => {
  const { nodeGroup } = await addGroup({ name: 'apart', count: 7, serverGroupPolicy: 'ANTI_AFFINITY' });
  const problem = await until(
    () => world.rows<{ problem: string }>("select problem from conditions where name = 'NodesReady' and state = 'FAILED'")[0]?.problem,
  );
  expect(JSON.parse(problem)).toMatchObject({
    code: 'SERVER_FAULT',
    message: expect.stringMatching(/No valid host.*ANTI_AFFINITY.*SOFT_ANTI_AFFINITY/),
  });
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: nodeGroup.id, count: 6 }, 'nodeGroup { id }');
  await ready('apart');
  expect(new Set((await serversOf('apart')).map(({ host }) => host)).size).toBe(6);
});

test('a policy that Nova does not know is refused', async () => {
  await expect(addGroup({ name: 'odd', serverGroupPolicy: 'SPREAD' })).rejects.toThrow('input.serverGroupPolicy');
});
