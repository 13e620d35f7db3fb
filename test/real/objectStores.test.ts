/** Backups in the cloud's own Swift: pods put a snapshot there and get it back by signed URLs, a cluster goes back to it, and nothing of it stays. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ClusterNames, expectNothingLeft, listNamespaces, namespaceOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { createKubectl, type Kubectl, listThings, type Thing } from './support/outside.ts';
import {
  asMember,
  closeStory,
  followToRest,
  issueKubeconfig,
  openStory,
  prepareSeedAndTemplate,
  type Story,
  untilSucceeded,
} from './support/story.ts';
import { logIn, rootOf } from './support/world.ts';

const NAME = 'lab-swift';
const CONTAINER = `seedbed-backups-${randomBytes(4).toString('hex')}`;

let story: Story;
let failed = false;
let cluster: ClusterNames & { id: string };
let kubectl: Kubectl;
let backup: { id: string; uuid: string };
let thingsBefore: Thing[];
let namespacesBefore: string[];
const events: ProgressEvent[] = [];

beforeAll(async () => {
  story = await openStory('swift', undefined, ['member'], { SEEDBED_BACKUP_SWIFT_CONTAINER: CONTAINER });
  [thingsBefore, namespacesBefore] = [await listThings(story.world), await listNamespaces(story)];
  await prepareSeedAndTemplate(story, NAME, { tunnel: 'NONE', replicas: 1 });
  const input = { name: NAME, clusterTemplate: NAME, nodeCount: 0 };
  cluster = (await asMember(story).change<{ cluster: typeof cluster }>('createCluster', input, 'cluster { id uuid shortId name }')).cluster;
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  const path = `${story.folder}/kubeconfig`;
  await issueKubeconfig(story, cluster.id, path, 24 * 3600);
  kubectl = createKubectl(story.world, path);
});

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  failed = true;
  const seed = createKubectl(story.world, story.world.seedAdminKubeconfigPath);
  console.error(await seed('-n', namespaceOf(cluster), 'get', 'events', '--sort-by=.lastTimestamp').catch(String));
});

afterAll(async () => {
  if (story === undefined) return;
  if (failed && cluster !== undefined) {
    await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
    await followToRest(story, cluster.id, events);
  }
  if (!failed) await swift('DELETE');
  expect(await closeStory(story, failed)).toBe(0);
});

/** As Seedbed's own user, to the container. */
const swift = async (method: string): Promise<string> => {
  const { service } = story.world;
  const { token } = await logIn(service);
  const headers = { 'x-auth-token': token };
  const catalogue = await (await fetch(`${rootOf(service.authUrl)}/v3/auth/catalog`, { headers })).json();
  type Entry = { type: string; endpoints: { interface: string; url: string }[] };
  const entry = (catalogue as { catalog: Entry[] }).catalog.find(({ type }) => type === 'object-store');
  const url = entry?.endpoints.find(({ interface: kind }) => kind === 'public')?.url;
  const answer = await fetch(`${url}/${CONTAINER}`, { method, headers });
  expect(answer.ok).toBe(true);
  return answer.text();
};

const stored = async (): Promise<string[]> => (await swift('GET')).split('\n').filter(Boolean).sort();

test('a backup is put into Swift, fetched back and started on trial', async () => {
  await kubectl('create', 'configmap', 'mine-1');
  const made = await asMember(story).change<{ backup: typeof backup; operation: { id: string } }>(
    'createBackup',
    { clusterId: cluster.id },
    'backup { id uuid } operation { id }',
  );
  backup = made.backup;
  await untilSucceeded(story, made.operation.id, cluster.id, 300);
  const query = 'query($id: ID!) { node(id: $id) { ... on Backup { state verifiedAt } } }';
  const { node } = await asMember(story).ask<{ node: object }>(query, { id: backup.id });
  expect(node).toEqual({ state: 'READY', verifiedAt: expect.any(String) });
  expect(await stored()).toEqual([`${cluster.uuid}/${backup.uuid}.db`, `${cluster.uuid}/${backup.uuid}.keys`]);
  await kubectl('create', 'configmap', 'mine-2');
});

test('the cluster goes back to it', async () => {
  const { operation } = await asMember(story).change<{ operation: { id: string } }>(
    'restoreCluster',
    { backupId: backup.id, confirmClusterName: NAME },
    'operation { id }',
  );
  await untilSucceeded(story, operation.id, cluster.id, 600);
  const names = await kubectl('get', 'configmaps', '-n', 'default', '-o', 'name');
  expect(names.split('\n').filter((name) => name.includes('/mine-'))).toEqual(['configmap/mine-1']);
});

test('nothing of it is left when the cluster goes, in Swift neither', async () => {
  await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'DELETED' });
  await expectNothingLeft(story, cluster, thingsBefore, namespacesBefore);
  expect(await stored()).toEqual([]);
});
