/** A seed is one Kubernetes cluster: a kubeconfig that leads to another is told, and nothing is done there in the belief that it is the seed. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openKubernetes } from '../../src/seeds/connection.ts';
import { parseKubeconfig } from '../../src/seeds/kubeconfig.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let living: Living;
let other: ReturnType<typeof openKubernetes>;
let clusterId: string;
const texts = { right: '', wrong: '' };

beforeAll(async () => {
  living = await openLiving({}, {}, 2);
  const [right, wrong] = living.sandbox.seeds.map(({ kubeconfigFile }) => readFileSync(kubeconfigFile, 'utf8'));
  Object.assign(texts, { right, wrong });
  other = openKubernetes({
    access: parseKubeconfig(texts.wrong),
    clock: { now: Date.now },
    policy: { allowPrivate: true, allowLoopback: true },
    subject: 'seed',
  });
  clusterId = await living.makeCluster('home');
}, 60_000);
afterAll(async () => {
  other?.close();
  await living?.close();
});

const update = (kubeconfig: string) => living.change(living.admin, 'updateSeed', { seedId: 'seed', kubeconfig }, 'seed { id }');
const seedRow = () =>
  living.rows<{ id: string; state: string; lost: number | null; uid: string | null }>(
    "select id, state, lost_at as lost, cluster_uid as uid from seeds where name = 'seed'",
  )[0];
const problemOfSeed = (): { whoMustAct?: string; message?: string } =>
  JSON.parse(
    living.rows<{ problem: string | null }>(`select problem from conditions where object_id = '${seedRow()?.id}' and name = 'Reachable'`)[0]
      ?.problem ?? '{}',
  );
const ofClusters = async (): Promise<string[]> =>
  (await other.list({ apiVersion: 'v1', kind: 'Namespace' })).items
    .map(({ metadata }) => metadata.name)
    .filter((name) => name.startsWith('kc-'));
const stateOf = (): string | undefined => living.rows<{ state: string }>(`select state from clusters where id = '${clusterId}'`)[0]?.state;

test('the kubeconfig of another cluster changes nothing there, and the right one brings all back', async () => {
  const uid = await until(() => seedRow()?.uid ?? undefined);
  await update(texts.wrong);
  await until(() => problemOfSeed().message?.includes('another Kubernetes cluster') === true);
  expect(problemOfSeed()).toMatchObject({ whoMustAct: 'CLOUD_ADMIN', message: expect.stringContaining(uid) });
  // A condition is told as it comes, and the state at the end of the pass.
  await until(() => seedRow()?.state === 'NOT_READY');
  // A customer's change meanwhile waits.
  await living.change(
    living.member,
    'updateCluster',
    { clusterId, overrides: { controlPlane: { apiServerReplicas: 2 } } },
    'cluster { id }',
  );
  living.wake(clusterId);
  await living.idle();
  expect(await ofClusters()).toEqual([]);
  expect(seedRow()?.uid).toBe(uid);

  await update(texts.right);
  await until(() => seedRow()?.state === 'READY' && seedRow()?.lost === null);
  await until(() => stateOf() === 'READY');
  await living.settled(clusterId);
  expect(await ofClusters()).toEqual([]);
});

test('a cluster behind a connection that is open already is looked at as well', async () => {
  const uid = seedRow()?.uid;
  // As if another had taken over its address and its keys.
  living.write("update seeds set cluster_uid = 'somebody-else' where name = 'seed'");
  living.wake(seedRow()?.id ?? '');
  await until(() => problemOfSeed().message?.includes('somebody-else') === true);
  living.write(`update seeds set cluster_uid = '${uid}' where name = 'seed'`);
  living.wake(seedRow()?.id ?? '');
  await until(() => seedRow()?.state === 'READY');
});

test('an empty seed may become another cluster', async () => {
  await living.change(living.member, 'deleteCluster', { clusterId }, 'operation { id }');
  await until(() => stateOf() === undefined || stateOf() === 'DELETED');
  const before = seedRow()?.uid;
  await update(texts.wrong);
  await until(() => seedRow()?.state === 'READY' && seedRow()?.uid !== before && seedRow()?.uid !== null);
});
