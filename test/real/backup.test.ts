/**
 * A cluster loses every volume of its etcd and comes back from a backup: the same objects, the same kubeconfig, and workers that were not made anew.
 * Another one is made of the same backup beside it, with keys and workers of its own.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { type ClusterNames, expectNothingLeft, listNamespaces, namespaceOf, serversOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { applyObjects, createKubectl, type Kubectl, listThings, type Thing } from './support/outside.ts';
import { until } from './support/run.ts';
import { freePort } from './support/server.ts';
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
import { echoObjects } from './support/workload.ts';
import { openWorld } from './support/world.ts';

const NAME = 'lab-backup';
const MEMBERS = 3;
const WORKERS = 2;

interface BackupSeen {
  state: string;
  sizeBytes: number | null;
  revision: number | null;
  verifiedAt: string | null;
}

let story: Story;
let failed = false;
let cluster: ClusterNames & { id: string };
let clone: ClusterNames & { id: string };
let kubeconfigPath: string;
let kubectl: Kubectl;
let seed: Kubectl;
let backupId: string;
let thingsBefore: Thing[];
let namespacesBefore: string[];
const events: ProgressEvent[] = [];

beforeAll(async () => {
  // This machine, as the seed's pods see it: Keystone is there, too.
  const host = new URL(openWorld().service.authUrl).hostname;
  const address = `${host}:${await freePort(host)}`;
  story = await openStory('backup', undefined, ['member'], { SEEDBED_BACKUP_LISTEN: address, SEEDBED_BACKUP_ADDRESS: address });
  seed = createKubectl(story.world, story.world.seedAdminKubeconfigPath);
  [thingsBefore, namespacesBefore] = [await listThings(story.world), await listNamespaces(story)];
  await prepareSeedAndTemplate(story, NAME, { tunnel: 'NONE', replicas: MEMBERS });
  const input = { name: NAME, clusterTemplate: NAME, nodeCount: WORKERS };
  cluster = (await asMember(story).change<{ cluster: typeof cluster }>('createCluster', input, 'cluster { id uuid shortId name }')).cluster;
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  kubeconfigPath = `${story.folder}/kubeconfig`;
  await issueKubeconfig(story, cluster.id, kubeconfigPath, 24 * 3600);
  kubectl = createKubectl(story.world, kubeconfigPath);
});

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  failed = true;
  // What the pods of a Job say is gone with the cluster.
  const pods = await seed('-n', namespaceOf(cluster), 'get', 'pods', '-o', 'wide').catch(String);
  console.error(pods, await seed('-n', namespaceOf(cluster), 'get', 'events', '--sort-by=.lastTimestamp').catch(String));
});

afterAll(async () => {
  if (story === undefined) return;
  if (failed)
    for (const made of [clone, cluster])
      if (made !== undefined) {
        await asMember(story).change('deleteCluster', { clusterId: made.id }, 'cluster { id }');
        await followToRest(story, made.id, []);
      }
  expect(await closeStory(story, failed)).toBe(0);
});

const keep = (name: string) =>
  applyObjects(
    story.world,
    kubeconfigPath,
    ['ConfigMap', 'Secret'].map((kind) => ({
      apiVersion: 'v1',
      kind,
      metadata: { name, namespace: 'default' },
      ...(kind === 'Secret' ? { stringData: { name } } : { data: { name } }),
    })),
  );
const kept = async (): Promise<string[]> =>
  (await kubectl('get', 'configmaps,secrets', '-n', 'default', '-o', 'name'))
    .trim()
    .split('\n')
    .filter((name) => name.includes('/mine-'));

test('a backup is taken, fetched back and started on trial', async () => {
  await keep('mine-1');
  await applyObjects(story.world, kubeconfigPath, echoObjects(WORKERS));
  await kubectl('rollout', 'status', 'deployment/echo', '--timeout=180s', '--request-timeout=0');
  const made = await asMember(story).change<{ backup: { id: string }; operation: { id: string } }>(
    'createBackup',
    { clusterId: cluster.id },
    'backup { id } operation { id }',
  );
  backupId = made.backup.id;
  await untilSucceeded(story, made.operation.id, cluster.id, 300);
  const query = 'query($id: ID!) { node(id: $id) { ... on Backup { state sizeBytes revision verifiedAt } } }';
  const { node } = await asMember(story).ask<{ node: BackupSeen }>(query, { id: backupId });
  expect(node).toEqual({ state: 'READY', sizeBytes: expect.any(Number), revision: expect.any(Number), verifiedAt: expect.any(String) });
  expect([(node.sizeBytes ?? 0) > 100_000, (node.revision ?? 0) > 100]).toEqual([true, true]);
  await keep('mine-2');
});

test('every volume of etcd is destroyed, and the cluster goes back to the backup with its workers', async () => {
  const servers = (await serversOf(story, cluster)).map(({ id, name }) => ({ id, name }));
  const namespace = namespaceOf(cluster);
  await seed('-n', namespace, 'delete', 'statefulset', `${cluster.shortId}-etcd`, '--wait=false');
  await seed('-n', namespace, 'delete', 'pvc', '--all', '--wait=false');
  await seed('-n', namespace, 'delete', 'pods', '-l', 'app.kubernetes.io/name=etcd', '--force', '--grace-period=0', '--wait=false');
  const { operation } = await asMember(story).change<{ operation: { id: string } }>(
    'restoreCluster',
    { backupId, confirmClusterName: NAME },
    'operation { id }',
  );
  await untilSucceeded(story, operation.id, cluster.id, 600);
  expect((await kept()).sort()).toEqual(['configmap/mine-1', 'secret/mine-1']);
  expect(await kubectl('get', 'secret', 'mine-1', '-o', 'jsonpath={.data.name}')).toBe(Buffer.from('mine-1').toString('base64'));

  await kubectl('wait', 'nodes', '--all', '--for=condition=Ready', '--timeout=120s', '--request-timeout=0');
  await kubectl('rollout', 'status', 'deployment/echo', '--timeout=180s', '--request-timeout=0');
  expect((await serversOf(story, cluster)).map(({ id, name }) => ({ id, name }))).toEqual(servers);
  // The control plane is whole, and kubelets and controllers go on from what is there now.
  await keep('mine-3');
  await kubectl('delete', 'pods', '-l', 'app=echo', '--wait=false');
  await until('new pods run', 180, async () => {
    const ready = await kubectl('get', 'deployment', 'echo', '-o', 'jsonpath={.status.readyReplicas}/{.status.observedGeneration}');
    return ready.startsWith(`${WORKERS}/`) || undefined;
  });
  const members = await seed('-n', namespace, 'get', 'pods', '-l', 'app.kubernetes.io/name=etcd', '-o', 'name');
  expect(members.trim().split('\n')).toHaveLength(MEMBERS);
});

test('a clone of the same backup comes up beside it, with keys and workers of its own', async () => {
  const input = { backupId, name: `${NAME}-clone`, nodeCount: 1 };
  clone = (await asMember(story).change<{ cluster: typeof clone }>('cloneCluster', input, 'cluster { id uuid shortId name }')).cluster;
  expect(await followToRest(story, clone.id, [])).toMatchObject({ settled: true, state: 'READY' });
  const path = `${story.folder}/clone`;
  await issueKubeconfig(story, clone.id, path);
  const inClone = createKubectl(story.world, path);
  const names = await inClone('get', 'configmaps,secrets', '-n', 'default', '-o', 'name');
  expect(names.split('\n').filter((name) => name.includes('/mine-'))).toEqual(['configmap/mine-1', 'secret/mine-1']);
  const nodes = (await inClone('get', 'nodes', '-o', 'name')).trim().split('\n');
  const made = (await serversOf(story, clone)).map(({ name }) => `node/${name}`);
  expect([nodes, made]).toEqual([made, [expect.stringContaining(clone.shortId)]]);
  await until(
    'a pod runs on it',
    180,
    async () => (await inClone('get', 'deployment', 'echo', '-o', 'jsonpath={.status.readyReplicas}')) === '1' || undefined,
  );

  // What is written to one is not in the other, and neither lets the other's customers in.
  await inClone('create', 'configmap', 'mine-in-clone');
  expect(await kept()).not.toContain('configmap/mine-in-clone');
  const config = (file: string) => parse(readFileSync(file, 'utf8')) as { clusters: [{ cluster: { server: string } }] };
  const [theirs, server] = [`${story.folder}/foreign`, config(path).clusters[0].cluster.server];
  const foreign = config(kubeconfigPath);
  Object.assign(foreign.clusters[0].cluster, { server, 'insecure-skip-tls-verify': true });
  delete (foreign.clusters[0].cluster as Record<string, unknown>)['certificate-authority-data'];
  writeFileSync(theirs, stringify(foreign), { mode: 0o600 });
  await expect(createKubectl(story.world, theirs)('get', 'configmaps')).rejects.toThrow(
    /Unauthorized|must be logged in|provide credentials/,
  );
  await asMember(story).change('deleteCluster', { clusterId: clone.id }, 'cluster { id }');
  expect(await followToRest(story, clone.id, [])).toMatchObject({ settled: true, state: 'DELETED' });
});

test('nothing of the cluster is left when it goes', async () => {
  await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'DELETED' });
  await expectNothingLeft(story, cluster, thingsBefore, namespacesBefore);
});
