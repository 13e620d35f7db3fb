/** A cluster that acts by a Keystone user of its own, at a real Keystone: made with its roles, used for all, rotated, and gone with the cluster. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { expectNothingLeft, listNamespaces, serversOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { listThings, type Thing } from './support/outside.ts';
import { openKeystone } from './support/ownProject.ts';
import { asMember, closeStory, followToRest, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';
import { logIn } from './support/world.ts';

const NAME = 'lab-user';
/** Where the story's project is, too: by Keystone's own policy its administrator gives roles on projects of no other. */
const DOMAIN = 'default';
const ROLES = ['creator', 'load-balancer_member', 'member'];

interface Named {
  id: string;
  name: string;
}

let story: Story;
let failed = false;
let keystone: Awaited<ReturnType<typeof openKeystone>>;
let administration: string;
let thingsBefore: Thing[];
let namespacesBefore: string[];
let cluster: { id: string; uuid: string; shortId: string; name: string } | undefined;
const events: ProgressEvent[] = [];

const list = async <T>(path: string, key: string): Promise<T[]> => ((await keystone.call('GET', path)) as Record<string, T[]>)[key] ?? [];
/** The users that Seedbed has made in the domain. */
const ownUsers = async (): Promise<Named[]> =>
  (await list<Named>(`/users?domain_id=${DOMAIN}`, 'users')).filter(({ name }) => name.startsWith('seedbed-'));
const credentialsOf = async (userId: string): Promise<string[]> =>
  (await list<Named>(`/users/${userId}/application_credentials`, 'application_credentials')).map(({ id }) => id);
const change = async (name: string, input: object): Promise<void> => {
  await asMember(story).change(name, { clusterId: cluster?.id, ...input }, 'cluster { id }');
};

beforeAll(async () => {
  story = await openStory('user', undefined, ['member', 'load-balancer_member'], { SEEDBED_USER_DOMAIN: DOMAIN });
  keystone = await openKeystone(story.world.admin);
  const { userId } = await logIn(story.world.service);
  administration = `/domains/${DOMAIN}/users/${userId}/roles/${await keystone.findRole('admin')}`;
  await keystone.call('PUT', administration);
  thingsBefore = await listThings(story.world);
  namespacesBefore = await listNamespaces(story);
  await prepareSeedAndTemplate(story, NAME);
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

afterAll(async () => {
  if (story === undefined) return;
  if (cluster !== undefined) {
    await change('deleteCluster', {});
    await followToRest(story, cluster.id, events);
  }
  await keystone.call('DELETE', administration);
  expect(await closeStory(story, failed)).toBe(0);
});

test('its user has just the roles of the configuration, and its servers and load balancers are made by it', async () => {
  const input = { name: NAME, clusterTemplate: NAME, nodeCount: 1, overrides: { addons: { cloudController: { enabled: true } } } };
  ({ cluster } = await asMember(story).change<{ cluster: NonNullable<typeof cluster> }>(
    'createCluster',
    input,
    'cluster { id uuid shortId name }',
  ));
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  const [user, ...others] = await ownUsers();
  expect(others).toEqual([]);
  expect(user?.name).toBe(`seedbed-${cluster.shortId}`);
  const roles = await list<Named>(`/projects/${story.memberProjectId}/users/${user?.id}/roles`, 'roles');
  expect(roles.map(({ name }) => name).toSorted()).toEqual(ROLES);
  expect(await credentialsOf(user?.id ?? '')).toHaveLength(1);
  expect(await serversOf(story, cluster)).toHaveLength(1);
});

test('another credential of the user takes the place of the first, which is ended', async () => {
  const [user] = await ownUsers();
  const before = await credentialsOf(user?.id ?? '');
  await change('rotateCloudCredential', {});
  expect(await followToRest(story, cluster?.id ?? '', events)).toMatchObject({ settled: true, state: 'READY' });
  const after = await credentialsOf(user?.id ?? '');
  expect(after).toHaveLength(1);
  expect(after).not.toEqual(before);
});

test('when the person who asked for it is deleted from Keystone, a colleague resizes it', async () => {
  await story.deleteMember(await story.addUser('member'));
  const query = 'query($id: ID!) { cluster(id: $id) { nodeGroups { nodes { id } } } }';
  const { nodeGroups } = (
    await asMember(story).ask<{ cluster: { nodeGroups: { nodes: { id: string }[] } } }>(query, { id: cluster?.id ?? '' })
  ).cluster;
  await asMember(story).change('resizeNodeGroup', { nodeGroupId: nodeGroups.nodes[0]?.id, count: 2 }, 'operation { id }');
  expect(await followToRest(story, cluster?.id ?? '', events)).toMatchObject({ settled: true, state: 'READY' });
  if (cluster !== undefined) expect(await serversOf(story, cluster)).toHaveLength(2);
});

test('the colleague deletes it, and nothing of it is left, its user included', async () => {
  await change('deleteCluster', {});
  expect(await followToRest(story, cluster?.id ?? '', events)).toMatchObject({ settled: true, state: 'DELETED' });
  const gone = cluster;
  cluster = undefined;
  expect(await ownUsers()).toEqual([]);
  if (gone !== undefined) await expectNothingLeft(story, gone, thingsBefore, namespacesBefore);
});
