/** etcd and what asks it, over the sandbox: three members from the first day, and what a lost pod costs. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Living, openLiving, until } from './world.ts';

let living: Living;
beforeAll(async () => {
  living = await openLiving();
}, 60_000);
afterAll(() => living?.close());

const namespaceOf = (clusterId: string): string =>
  `kc-${living.rows<{ short_id: string }>(`select short_id from clusters where id = '${clusterId}'`)[0]?.short_id}`;
const etcdOf = (clusterId: string): unknown =>
  JSON.parse(living.rows<{ etcd: string }>(`select etcd from clusters where id = '${clusterId}'`)[0]?.etcd ?? 'null');
const list = async (clusterId: string, apiVersion: string, kind: string) =>
  (await living.seed.list({ apiVersion, kind, namespace: namespaceOf(clusterId) })).items;

test('three members, three API servers and two of the others, each with a budget, are READY together', async () => {
  const id = await living.makeCluster('three', { overrides: { controlPlane: { replicas: 3 } } });
  expect(etcdOf(id)).toEqual({ members: 3, voters: 3 });
  const ready = new Map(
    [...(await list(id, 'apps/v1', 'StatefulSet')), ...(await list(id, 'apps/v1', 'Deployment'))].map((o) => [
      o.metadata.name.replace(/^.*?-[0-9a-z]{8}-/, ''),
      (o.status as { readyReplicas?: number }).readyReplicas,
    ]),
  );
  expect(Object.fromEntries(ready)).toEqual({ etcd: 3, 'kube-apiserver': 3, 'kube-controller-manager': 2, 'kube-scheduler': 2 });
  const budgets = await list(id, 'policy/v1', 'PodDisruptionBudget');
  expect(budgets.map(({ status }) => (status as { disruptionsAllowed: number }).disruptionsAllowed)).toEqual([1, 1, 1, 1]);
});

test('a member that begins empty after the birth is not let in under its old name, and the cluster says so', async () => {
  const id = await living.makeCluster('lost', { overrides: { controlPlane: { replicas: 3 } } });
  const namespace = namespaceOf(id);
  const [, , member] = (await list(id, 'v1', 'Pod')).filter(({ metadata }) => /-etcd-\d$/.test(metadata.name));
  const name = member?.metadata.name ?? '';
  await living.seed.remove({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: `data-${name}` });
  await living.seed.remove({ apiVersion: 'v1', kind: 'Pod', namespace, name });
  await until(async () => {
    const pod = await living.seed.get({ apiVersion: 'v1', kind: 'Pod', namespace, name });
    return JSON.stringify(pod?.status).includes('member count is unequal');
  });
  const state = await until(
    () =>
      living.rows<{ message: string }>(
        `select message from conditions where object_id = '${id}' and name = 'EtcdReady' and status = 'FALSE'`,
      )[0],
  );
  expect(state.message).toContain('2 are');
});
