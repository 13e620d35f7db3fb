/** Keystone's tokens with kubectl at a real cluster: upstream's k8s-keystone-auth behind Seedbed's guard, against a real Keystone. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { namespaceOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { startLoop } from './support/loop.ts';
import { createKubectl, type Kubectl } from './support/outside.ts';
import { until } from './support/run.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';
import { type Login, logIn, openWorld } from './support/world.ts';

const NAME = 'lab-keystone';

let story: Story;
let failed = false;
let cluster: { id: string; uuid: string; shortId: string; name: string };
let certificatePath: string;
let owner: Kubectl;
let seed: Kubectl;
let reader: Login;
const events: ProgressEvent[] = [];

/** kubectl with a fresh token and nothing else. */
const withToken = async (login: Login): Promise<Kubectl> => {
  const { token } = await logIn(login);
  const config = parse(readFileSync(certificatePath, 'utf8')) as { users: { name: string; user: object }[] };
  const path = `${story.folder}/${token.slice(-12)}.kubeconfig`;
  writeFileSync(path, stringify({ ...config, users: config.users.map(({ name }) => ({ name, user: { token } })) }), { mode: 0o600 });
  return createKubectl(story.world, path);
};

const UNKNOWN = /Unauthorized|must be logged in/;

beforeAll(async () => {
  story = await openStory('keystone');
  seed = createKubectl(story.world, story.world.seedAdminKubeconfigPath);
  reader = await story.addUser('reader');
  await prepareSeedAndTemplate(story, NAME, { tunnel: 'KONNECTIVITY' });
  ({ cluster } = await asMember(story).change<{ cluster: typeof cluster }>(
    'createCluster',
    { name: NAME, clusterTemplate: NAME, nodeCount: 0, labels: [{ key: 'keystone_auth_enabled', value: 'true' }] },
    'cluster { id uuid shortId name }',
  ));
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  certificatePath = `${story.folder}/owner.kubeconfig`;
  await issueKubeconfig(story, cluster.id, certificatePath);
  owner = createKubectl(story.world, certificatePath);
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

afterAll(async () => {
  if (story === undefined) return;
  if (cluster !== undefined) {
    await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
    expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'DELETED' });
  }
  expect(await closeStory(story, failed)).toBe(0);
});

test('a member edits, a reader reads, each in a name with a prefix', async () => {
  const [member, looker] = [await withToken(story.world.member), await withToken(reader)];
  const who = JSON.parse(await member('auth', 'whoami', '-o', 'json')) as { status: { userInfo: { username: string; groups: string[] } } };
  expect(who.status.userInfo.username).toBe(`keystone:default/${story.world.member.username}`);
  expect(who.status.userInfo.groups).toEqual(expect.arrayContaining(['keystone:member', 'keystone:reader', 'system:authenticated']));
  expect(who.status.userInfo.groups).not.toContain(story.memberProjectId);
  await member('create', 'configmap', 'made', '--from-literal=a=b');
  await member('get', 'secrets');
  await expect(member('get', 'nodes')).rejects.toThrow(/Forbidden/);
  expect(await looker('get', 'configmap', 'made', '-o', 'jsonpath={.data.a}')).toBe('b');
  await expect(looker('delete', 'configmap', 'made')).rejects.toThrow(/Forbidden/);
  await expect(looker('get', 'secrets')).rejects.toThrow(/Forbidden/);
});

test('a token of another project is nobody, whatever its roles there', async () => {
  for (const login of [openWorld().member, story.world.admin])
    await expect((await withToken(login))('get', '--raw', '/version')).rejects.toThrow(UNKNOWN);
});

test('while Keystone cannot be reached, who has a certificate notices nothing', async ({ skip }) => {
  const { shutWay } = story.world;
  if (shutWay === null) return skip();
  const known = await withToken(story.world.member);
  await known('get', 'configmap', 'made');
  const pod = await seed(
    '-n',
    namespaceOf(cluster),
    'get',
    'pods',
    '-l',
    'app.kubernetes.io/name=keystone-auth',
    '-o',
    'jsonpath={.items[0].status.podIP}',
  );
  const keystone = new URL(story.world.member.authUrl).hostname;
  await shutWay(pod, keystone, true);
  try {
    const before = Date.now();
    await owner('get', 'configmap', 'made');
    expect(Date.now() - before).toBeLessThan(3_000);
    await expect((await withToken(story.world.member))('get', 'configmap', 'made')).rejects.toThrow(UNKNOWN);
    await known('get', 'configmap', 'made');
  } finally {
    await shutWay(pod, keystone, false);
  }
  await (await withToken(story.world.member))('get', 'configmap', 'made');
});

test('switched off, it takes none, and the API answered all the while', async () => {
  const loop = startLoop(certificatePath);
  await asMember(story).change('updateCluster', { clusterId: cluster.id, overrides: { keystoneAuthEnabled: false } }, 'cluster { id }');
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  const member = await withToken(story.world.member);
  await until('its tokens are refused', 60, () =>
    member('get', 'configmap', 'made').then(
      () => undefined,
      (error: Error) => UNKNOWN.test(error.message) || undefined,
    ),
  );
  expect((await loop.record()).errors).toEqual([]);
  expect(await loop.stop()).toEqual([]);
  expect(await seed('-n', namespaceOf(cluster), 'get', 'deployments,services,secrets,configmaps', '-o', 'name')).not.toContain('keystone');
});
