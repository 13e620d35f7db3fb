/** etcd and what asks it, over the sandbox: three members from the first day, and what a lost pod costs. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LOOK } from '../../src/reconcilers/cluster/etcdSight.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let living: Living;
beforeAll(async () => {
  living = await openLiving();
}, 60_000);
afterAll(() => living?.close());

const namespaceOf = (clusterId: string): string =>
  `kc-${living.rows<{ short_id: string }>(`select short_id from clusters where id = '${clusterId}'`)[0]?.short_id}`;
const settled = (members: number) => ({ phase: 'SETTLED', members, endpoints: members, joining: null });
const etcdOf = (clusterId: string): unknown =>
  JSON.parse(living.rows<{ etcd: string }>(`select etcd from clusters where id = '${clusterId}'`)[0]?.etcd ?? 'null');
const list = async (clusterId: string, apiVersion: string, kind: string) =>
  (await living.seed.list({ apiVersion, kind, namespace: namespaceOf(clusterId) })).items;

test('three members, three API servers and two of the others, each with a budget, are READY together', async () => {
  const id = await living.makeCluster('three', { overrides: { controlPlane: { replicas: 3 } } });
  expect(etcdOf(id)).toEqual(settled(3));
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

/** What the step said, in order. */
const told = (id: string): string =>
  living
    .rows<{ message: string }>(`select message from events where stream_id = '${id}' and step = 'EtcdReady'`)
    .map(({ message }) => message)
    .join('\n');
const keys = async (id: string): Promise<string[]> => {
  const { items } = await living
    .tenant(living.pki(id).kubeconfigs.superAdmin)
    .list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default' });
  return items.map(({ metadata }) => metadata.name);
};
const keep = (id: string, name: string) =>
  living
    .tenant(living.pki(id).kubeconfigs.superAdmin)
    .apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } });
const update = (clusterId: string, replicas: number) =>
  living.change(living.member, 'updateCluster', { clusterId, overrides: { controlPlane: { replicas } } }, 'cluster { id }');

interface Seen {
  members: { number: number; leader: boolean; healthy: boolean; dbSizeMiB: number; version: string }[];
  leader: { number: number } | null;
  alarms: string[];
  observedAt: string | null;
  maintenanceAt: string | null;
}
const shown = async (id: string): Promise<Seen> =>
  (
    await living.ask<{ cluster: { controlPlane: { etcd: Seen } } }>(
      living.member,
      `query($id: ID!) { cluster(id: $id) { controlPlane { etcd {
        members { number leader healthy dbSizeMiB version } leader { number } alarms observedAt maintenanceAt } } } }`,
      { id },
    )
  ).cluster.controlPlane.etcd;
const conditionOf = (id: string, name: string) =>
  living.rows<{ state: string; problem: string | null }>(
    `select state, problem from conditions where object_id = '${id}' and name = '${name}'`,
  )[0];
const setStatus = (id: string, change: string) =>
  living.write(`update clusters set etcd_status = json_set(etcd_status, ${change}) where id = '${id}'`);

test('members, leader and sizes are shown; maintenance that is due looks anew, and a full etcd is told until it is not', async () => {
  const id = await living.makeCluster('seen', { overrides: { controlPlane: { replicas: 3 } } });
  const first = await shown(id);
  expect(first.members.map(({ number, healthy, version }) => [number, healthy, version])).toEqual([0, 1, 2].map((n) => [n, true, '3.6.8']));
  expect(first.members.filter(({ leader }) => leader).map(({ number }) => number)).toEqual([first.leader?.number]);
  expect(first.alarms).toEqual([]);
  // The file of a member that has just joined.
  setStatus(id, "'$.members[0].dbSizeBytes', 20480");
  expect((await shown(id)).members[0]?.dbSizeMiB).toBe(0.1);
  expect(Date.parse(first.maintenanceAt ?? '')).toBeGreaterThan(Date.now());
  // An errand is taken away by the pass after the one that read its end.
  await until(async () => (await list(id, 'batch/v1', 'Job')).length === 0);

  // Each member is sent for in turn, then looked at.
  setStatus(id, "'$.toDefragment', json('[1, 2, 0]'), '$.observedAt', 0");
  living.wake(id);
  await until(async () => (await shown(id)).observedAt !== new Date(0).toISOString());

  setStatus(id, "'$.members[0].alarms', json('[\"NOSPACE\"]'), '$.members[0].dbSizeBytes', 9e9");
  living.wake(id);
  await until(() => conditionOf(id, 'EtcdLookedAfter')?.state === 'FAILED');
  expect(JSON.parse(conditionOf(id, 'EtcdLookedAfter')?.problem ?? '{}')).toMatchObject({
    code: 'QUOTA_EXCEEDED',
    whoMustAct: 'CUSTOMER',
    field: ['controlPlane', 'etcd', 'quotaGiB'],
  });
  expect((await shown(id)).alarms).toEqual(['NOSPACE']);
  setStatus(id, "'$.lookAt', 0");
  living.wake(id);
  await until(() => conditionOf(id, 'EtcdLookedAfter')?.state === 'DONE');
  expect((await shown(id)).alarms).toEqual([]);
});

test("the seed's own check that fails makes Seedbed look", async () => {
  const id = await living.makeCluster('suspect');
  const namespace = namespaceOf(id);
  const [check] = await list(id, 'batch/v1', 'CronJob');
  setStatus(id, "'$.observedAt', 1");
  if (check === undefined) throw new Error('no check');
  const { jobTemplate } = check.spec as { jobTemplate: { metadata: { labels: Record<string, string> }; spec: object } };
  const failing = JSON.parse(JSON.stringify(jobTemplate.spec).replaceAll('"health"', '"ill"')) as object;
  const metadata = { name: `${check.metadata.name}-1`, namespace, labels: jobTemplate.metadata.labels };
  await living.seed.create({ apiVersion: 'batch/v1', kind: 'Job', metadata, spec: failing });
  await until(async () => Date.parse((await shown(id)).observedAt ?? '') > 1);
});

test('a look that nothing calls for any more is heard out, so that its Job does not stay', async () => {
  const id = await living.makeCluster('heard');
  await until(async () => (await list(id, 'batch/v1', 'Job')).length === 0);
  const [check] = await list(id, 'batch/v1', 'CronJob');
  if (check === undefined) throw new Error('no check');
  const { jobTemplate } = structuredClone(check.spec) as {
    jobTemplate: { metadata: { labels: Record<string, string> }; spec: { template: { spec: { containers: { command: string[] }[] } } } };
  };
  const { spec } = jobTemplate.spec.template;
  spec.containers = spec.containers.flatMap((one) =>
    Object.entries(LOOK).map(([name, words]) => ({ ...one, name, command: [...one.command.slice(0, -2), ...words] })),
  );
  const { observedAt } = await shown(id);
  const metadata = {
    name: check.metadata.name.replace('-health', '-check'),
    namespace: namespaceOf(id),
    labels: jobTemplate.metadata.labels,
  };
  await living.seed.create({ apiVersion: 'batch/v1', kind: 'Job', metadata, spec: jobTemplate.spec });
  await until(async () => (await list(id, 'batch/v1', 'Job')).length === 0, 30);
  expect((await shown(id)).observedAt).not.toBe(observedAt);
  expect((await shown(id)).members).toHaveLength(1);
});

test('one member becomes three and one again: one at a time, with everything that was kept', async () => {
  const id = await living.makeCluster('grow');
  await keep(id, 'before');
  await update(id, 3);
  await living.settled(id);
  expect(etcdOf(id)).toEqual(settled(3));
  expect(told(id)).toMatch(/take in member 1[\s\S]*member 1 of etcd to get its vote[\s\S]*take in member 2/);
  await keep(id, 'at-three');
  await update(id, 1);
  await living.settled(id);
  expect(etcdOf(id)).toEqual(settled(1));
  expect((await list(id, 'v1', 'PersistentVolumeClaim')).map(({ metadata }) => metadata.name)).toEqual([expect.stringMatching(/-etcd-0$/)]);
  expect(await keys(id)).toEqual(expect.arrayContaining(['before', 'at-three']));
  // An errand is taken away by the pass after the one that read its end.
  await until(async () => (await list(id, 'batch/v1', 'Job')).length === 0);
});

test('a member whose volume is lost is not let in under its old name: it is replaced, and nothing is lost', async () => {
  const id = await living.makeCluster('lost', { overrides: { controlPlane: { replicas: 3 } } });
  await keep(id, 'kept');
  const namespace = namespaceOf(id);
  for (const number of [0, 2]) {
    const name = `${namespace.slice('kc-'.length)}-etcd-${number}`;
    await living.seed.remove({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: `data-${name}` });
    await living.seed.remove({ apiVersion: 'v1', kind: 'Pod', namespace, name });
    await until(async () => {
      const pod = await living.seed.get({ apiVersion: 'v1', kind: 'Pod', namespace, name });
      return JSON.stringify(pod?.status).includes('member count is unequal');
    });
    const off = `member ${number} of etcd to be taken off the list`;
    await until(() => told(id).includes(off));
    await until(
      () => living.rows(`select 1 from conditions where object_id = '${id}' and name = 'EtcdReady' and state = 'DONE'`).length === 1,
    );
    expect(etcdOf(id)).toEqual(settled(3));
  }
  expect(await keys(id)).toContain('kept');
});

const dropVolumes = async (id: string, numbers: number[]): Promise<void> => {
  const namespace = namespaceOf(id);
  for (const number of numbers) {
    const name = `${namespace.slice('kc-'.length)}-etcd-${number}`;
    await living.seed.remove({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: `data-${name}` });
    await living.seed.remove({ apiVersion: 'v1', kind: 'Pod', namespace, name });
  }
};

test('the loss of the only member is told with the way back, and no empty cluster takes its place', async () => {
  const id = await living.makeCluster('only');
  living.write(`insert into backups (id, cluster_id, project_id, name, reason, state, snapshot, verified_at, created_by, created_at, updated_at)
    select 'lifeline', id, project_id, 'only-1', 'SCHEDULED', 'READY', json('{"takenAt": 0, "revision": 7}'), 1, 'nobody', 1, 1
    from clusters where id = '${id}'`);
  setStatus(id, "'$.members[0].revision', 325");
  // A look that ends between the two says what it found: some dozens.
  await dropVolumes(id, [0]);
  const condition = await until(
    () =>
      living.rows<{ problem: string }>(
        `select problem from conditions where object_id = '${id}' and name = 'EtcdReady' and state = 'FAILED'`,
      )[0],
  );
  expect(JSON.parse(condition.problem)).toMatchObject({
    code: 'QUORUM_LOST',
    whoMustAct: 'CUSTOMER',
    message: expect.stringMatching(
      /has lost its volume.*[Cc]all restoreCluster with backupId "lifeline": backup only-1 was taken at 1970.* minutes, at least (?:318|[1-9]\d) revisions of the cluster would be lost/,
    ),
  });
});

test('a majority that has lost its volumes at once is told, also when all of them have and nobody can say so', async () => {
  const [two, all] = await Promise.all(
    ['two', 'all'].map((name) => living.makeCluster(name, { overrides: { controlPlane: { replicas: 3 } } })),
  );
  if (two === undefined || all === undefined) throw new Error('no clusters');
  await dropVolumes(two, [0, 2]);
  await dropVolumes(all, [0, 1, 2]);
  for (const [id, count] of [
    [two, 2],
    [all, 3],
  ] as const) {
    const condition = await until(() => (conditionOf(id, 'EtcdReady')?.state === 'FAILED' ? conditionOf(id, 'EtcdReady') : undefined));
    expect(JSON.parse(condition.problem ?? '')).toMatchObject({
      code: 'QUORUM_LOST',
      whoMustAct: 'CLOUD_ADMIN',
      message: expect.stringContaining(`${count} of etcd's 3 members have lost their volumes: all that the cluster held is gone`),
    });
    expect(living.rows(`select 1 from conditions where object_id = '${id}' and name = 'EtcdReady' and reason = 'QuorumLost'`)).toHaveLength(
      1,
    );
  }
});

test('pods of etcd that are all deleted at once come back, and no loss is told', async () => {
  const [cluster] = living.rows<{ id: string }>("select id from clusters where name = 'three'");
  const id = cluster?.id ?? '';
  await living.settled(id);
  const namespace = namespaceOf(id);
  for (const number of [0, 1, 2])
    await living.seed.remove({ apiVersion: 'v1', kind: 'Pod', namespace, name: `${namespace.slice('kc-'.length)}-etcd-${number}` });
  living.wake(id);
  await living.idle();
  await living.settled(id);
  expect(living.rows(`select 1 from events where stream_id = '${id}' and problem like '%QUORUM_LOST%'`)).toEqual([]);
  await until(() => {
    const [row] = living.rows<{ quorum: string }>(`select quorum from clusters where id = '${id}'`);
    const quorum = JSON.parse(row?.quorum ?? 'null') as { claims: string[]; missing: unknown } | null;
    return quorum?.claims.length === 3 && quorum.missing === null;
  });
});

test('without an object store there are no backups, and it is said whose move it is', async () => {
  const [cluster] = living.rows<{ id: string }>("select id from clusters where name = 'three'");
  await expect(living.change(living.member, 'createBackup', { clusterId: cluster?.id }, 'backup { id }')).rejects.toThrow(
    /SEED_REFUSED.*Ask the operator of Seedbed to set SEEDBED_BACKUP_LISTEN/,
  );
});
