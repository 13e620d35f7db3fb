/** A member of etcd whose data are not the others': found by etcd's own comparisons, taken off the list, and made anew from the others. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAMAGED } from '../../src/sandbox/kubernetes/hosted/etcdCorruption.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let living: Living;
beforeAll(async () => {
  living = await openLiving();
}, 60_000);
afterAll(() => living?.close());

const namespaceOf = (id: string): string =>
  `kc-${living.rows<{ short_id: string }>(`select short_id from clusters where id = '${id}'`)[0]?.short_id}`;
const podOf = (id: string, number: number): string => `${namespaceOf(id).slice('kc-'.length)}-etcd-${number}`;
const claimOf = (id: string, number: number) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  namespace: namespaceOf(id),
  name: `data-${podOf(id, number)}`,
});
const uidOf = async (id: string, number: number): Promise<string | undefined> => (await living.seed.get(claimOf(id, number)))?.metadata.uid;
const damage = async (id: string, number: number): Promise<void> => {
  const { apiVersion, kind, namespace, name } = claimOf(id, number);
  await living.seed.apply({ apiVersion, kind, metadata: { namespace, name, annotations: { [DAMAGED]: 'yes' } } });
};
const restartMember = (id: string, number: number) =>
  living.seed.remove({ apiVersion: 'v1', kind: 'Pod', namespace: namespaceOf(id), name: podOf(id, number) });

const told = (id: string): string =>
  living
    .rows<{ message: string }>(`select message from events where stream_id = '${id}' order by rowid`)
    .map(({ message }) => message)
    .join('\n');
const rowOf = (id: string) => {
  const [row] = living.rows<{ etcd: string; status: string }>(`select etcd, etcd_status as status from clusters where id = '${id}'`);
  return {
    etcd: JSON.parse(row?.etcd ?? 'null') as Record<string, unknown>,
    status: JSON.parse(row?.status ?? 'null') as null | { members: { number: number; corrupt?: true; alarms: string[] }[] },
  };
};
const conditionOf = (id: string, name: string) =>
  living.rows<{ state: string; problem: string | null }>(
    `select state, problem from conditions where object_id = '${id}' and name = '${name}'`,
  )[0];
const keep = (id: string, name: string) =>
  living
    .tenant(living.pki(id).kubeconfigs.superAdmin)
    .apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } });
const keys = async (id: string): Promise<string[]> =>
  (
    await living.tenant(living.pki(id).kubeconfigs.superAdmin).list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default' })
  ).items.map(({ metadata }) => metadata.name);
/** As the hourly check of the seed, or a controller manager that cannot lead, would have it. */
const lookNow = (id: string) => {
  living.write(`update clusters set etcd_status = json_set(etcd_status, '$.lookAt', 0) where id = '${id}'`);
  living.wake(id);
};
const whole = { phase: 'SETTLED', members: 3, endpoints: 3, joining: null };

test('a member that an alarm names is made anew from the others, etcd takes writes again before it is back, and nothing is lost', async () => {
  const id = await living.makeCluster('alarmed', { overrides: { controlPlane: { replicas: 3 } } });
  await keep(id, 'kept');
  await until(() => rowOf(id).status?.members.length === 3);
  const before = await Promise.all([0, 1, 2].map((number) => uidOf(id, number)));
  await damage(id, 1);
  await expect(keep(id, 'refused')).rejects.toThrow('corrupt cluster');
  lookNow(id);
  await until(() => told(id).includes("replace member 1, whose data are not the others'"));
  await until(async () => (await uidOf(id, 1)) !== before[1] && rowOf(id).etcd.phase === 'SETTLED');
  await living.settled(id);
  expect(rowOf(id).etcd).toMatchObject({ ...whole, corrupt: null });
  expect(rowOf(id).status?.members.map(({ number, corrupt, alarms }) => [number, corrupt, alarms])).toEqual(
    expect.arrayContaining([0, 1, 2].map((number) => [number, undefined, []])),
  );
  // The two in the right kept their volumes.
  expect([await uidOf(id, 0), await uidOf(id, 2)]).toEqual([before[0], before[2]]);
  expect(told(id)).toMatch(/member 1 of etcd to be taken off the list[\s\S]*take writes again[\s\S]*take in member 1[\s\S]*get its vote/);
  await keep(id, 'after');
  expect(await keys(id)).toEqual(expect.arrayContaining(['kept', 'after']));
}, 60_000);

test('one that refuses to start beside others that agree is made anew', async () => {
  const id = await living.makeCluster('restarted', { overrides: { controlPlane: { replicas: 3 } } });
  await keep(id, 'kept');
  const before = await uidOf(id, 2);
  // It was damaged while it was down: nothing was compared with it yet.
  await restartMember(id, 2);
  await damage(id, 2);
  await until(async () => {
    const pod = await living.seed.get({ apiVersion: 'v1', kind: 'Pod', namespace: namespaceOf(id), name: podOf(id, 2) });
    return JSON.stringify(pod?.status).includes('data inconsistency');
  });
  living.wake(id);
  await until(() => told(id).includes('whether member 2, which holds other data than they, is in the wrong'));
  await until(async () => (await uidOf(id, 2)) !== before && rowOf(id).etcd.phase === 'SETTLED');
  await living.settled(id);
  expect(rowOf(id).etcd).toMatchObject({ ...whole, corrupt: null });
  expect(await keys(id)).toContain('kept');
}, 60_000);

test('where no majority agrees nobody is replaced, and it is told who must act', async () => {
  const id = await living.makeCluster('torn', { overrides: { controlPlane: { replicas: 3 } } });
  const before = await Promise.all([0, 1, 2].map((number) => uidOf(id, number)));
  await until(() => rowOf(id).status?.members.length === 3);
  await damage(id, 0);
  await damage(id, 1);
  lookNow(id);
  const problem = await until(() => {
    const condition = conditionOf(id, 'EtcdLookedAfter');
    return condition?.state === 'FAILED' ? condition.problem : undefined;
  });
  expect(JSON.parse(problem)).toMatchObject({
    whoMustAct: 'CLOUD_ADMIN',
    message: expect.stringMatching(/alarm CORRUPT.*no majority of them agrees.*no backup/),
  });
  expect(await Promise.all([0, 1, 2].map((number) => uidOf(id, number)))).toEqual(before);
}, 60_000);
