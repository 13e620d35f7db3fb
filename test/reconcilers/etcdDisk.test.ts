/** How fast etcd's disks are, read from its own metrics in the seed: told per member, and advice while one is too slow. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../cli/run.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let living: Living;
let id: string;
let namespace: string;

beforeAll(async () => {
  living = await openLiving();
  id = await living.makeCluster('disks', { nodeCount: 0, overrides: { controlPlane: { replicas: 3 } } });
  const [row] = living.rows<{ short_id: string }>(`select short_id from clusters where id = '${id}'`);
  namespace = `kc-${row?.short_id}`;
}, 60_000);
afterAll(() => living?.close());

interface Disk {
  lookAt: number;
  members: { number: number; base: { fsync: { counts: number[] } }; seenAt: number | null }[];
}
const known = (): Disk | null =>
  JSON.parse(living.rows<{ disk: string }>(`select etcd_disk as disk from clusters where id = '${id}'`)[0]?.disk ?? 'null');
const condition = () =>
  living.rows<{ state: string; message: string }>(
    `select state, message from conditions where object_id = '${id}' and name = 'EtcdDiskSeen'`,
  )[0];
const jobs = async (): Promise<string[]> =>
  (await living.seed.list({ apiVersion: 'batch/v1', kind: 'Job', namespace })).items
    .map(({ metadata }) => metadata.name)
    .filter((name) => name.endsWith('-etcd-task-metrics'));

interface Seen {
  state: string;
  controlPlane: {
    etcd: {
      diskAdvice: string | null;
      members: { number: number; fsyncP99Ms: number | null; commitP99Ms: number | null; diskSeenAt: string | null }[];
    };
  };
}
const shown = async (): Promise<Seen> =>
  (
    await living.ask<{ cluster: Seen }>(
      living.member,
      `{ cluster(id: "${id}") { state controlPlane { etcd { diskAdvice members { number fsyncP99Ms commitP99Ms diskSeenAt } } } } }`,
    )
  ).cluster;

/** Each is one fsync and one commit of every member. */
const write = async (times: number): Promise<void> => {
  const kube = living.tenant(living.pki(id).kubeconfigs.superAdmin);
  for (let i = 0; i < times; i += 1)
    await kube.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'busy', namespace: 'default' },
      data: { i: `${Math.random()}` },
    });
};
const makeDue = () => {
  living.write(`update clusters set etcd_disk = json_set(etcd_disk, '$.lookAt', 0) where id = '${id}'`);
  living.wake(id);
};
/** Writes and looks, and waits until that look is taken in and told. */
const lookAfterWrites = async (): Promise<void> => {
  await write(130);
  makeDue();
  await until(() => (known()?.lookAt ?? 0) > 0);
  // What the step says of it comes at the end of its pass.
  await living.idle();
};

test('a calm disk is told in figures, a slow one with advice while the cluster is READY, and one that is well again with none', async () => {
  expect(condition()).toEqual({ state: 'DONE', message: '' });
  expect(known()).toBeNull();
  // It was made an hour ago.
  living.write(`update clusters set created_at = created_at - 3600000 where id = '${id}'`);
  living.wake(id);
  await until(() => known()?.members.length === 3);
  expect((await shown()).controlPlane.etcd.members.map(({ fsyncP99Ms }) => fsyncP99Ms)).toEqual([null, null, null]);

  await lookAfterWrites();
  const calm = (await shown()).controlPlane.etcd;
  expect(calm.diskAdvice).toBeNull();
  for (const { fsyncP99Ms, commitP99Ms, diskSeenAt } of calm.members) {
    expect(fsyncP99Ms).toBeGreaterThan(1);
    expect(fsyncP99Ms).toBeLessThan(5);
    expect(commitP99Ms).toBeLessThan(10);
    expect(Date.now() - Date.parse(diskSeenAt ?? '')).toBeLessThan(60_000);
  }
  expect(condition()).toEqual({ state: 'DONE', message: '' });

  await living.control('POST', 'slowDisks', { name: 'etcd-1$', fsyncMs: 60 });
  await lookAfterWrites();
  const slow = await shown();
  expect(slow.state).toBe('READY');
  const figures = slow.controlPlane.etcd.members.map(({ fsyncP99Ms }) => fsyncP99Ms ?? 0);
  expect(figures.map((ms) => ms > 60)).toEqual([false, true, false]);
  expect(slow.controlPlane.etcd.diskAdvice).toMatch(
    /heartbeat of 100 ms: 99 of 100 times of member 1 the log's fsync takes up to 128 ms, and it should take no more than 10 and the data's commit .*A cloud administrator should give it a faster StorageClass/,
  );
  expect(condition()).toEqual({ state: 'DONE', message: slow.controlPlane.etcd.diskAdvice });
  const { out } = await run(['cluster', 'show', 'disks'], { SEEDBED_URL: living.served.url, OS_TOKEN: living.member });
  expect(out).toMatch(/^etcd +3 members, .*99 of 100 fsyncs within \d/m);
  expect(out).toMatch(/^advice +etcd's disk is too slow/m);

  await living.control('DELETE', 'slowDisks');
  await lookAfterWrites();
  expect((await shown()).controlPlane.etcd.diskAdvice).toBeNull();
  expect(condition()).toEqual({ state: 'DONE', message: '' });
});

test('what cannot be read makes the cluster no worse, and is read later', async () => {
  await living.control('POST', 'faults', { service: 'kubernetes', path: 'etcd-task-metrics.*/log', kind: 'status', status: 500 });
  makeDue();
  await until(() => condition()?.message.startsWith("etcd's metrics could not be read"));
  expect(condition()?.state).toBe('DONE');
  await living.settled(id);
  await living.control('DELETE', 'faults');
  living.wake(id);
  await until(() => condition()?.message === '' && (known()?.lookAt ?? 0) > 0);
});

test('no more than three clusters of a seed are looked at together', async () => {
  await until(async () => (await jobs()).length === 0);
  const [check] = (await living.seed.list({ apiVersion: 'batch/v1', kind: 'CronJob', namespace })).items;
  if (check === undefined) throw new Error('no check');
  const { jobTemplate } = check.spec as { jobTemplate: { metadata: { labels: Record<string, string> }; spec: object } };
  // Without its volume a pod does not begin.
  const endless = JSON.parse(JSON.stringify(jobTemplate.spec).replace('-etcd-task-files"', '-none"')) as object;
  const others = ['a', 'b', 'c'].map((letter) => ({ namespace, name: `${letter}-etcd-task-metrics`, labels: jobTemplate.metadata.labels }));
  for (const metadata of others) await living.seed.create({ apiVersion: 'batch/v1', kind: 'Job', metadata, spec: endless });
  makeDue();
  await living.idle();
  living.wake(id);
  await living.idle();
  expect(known()?.lookAt).toBe(0);
  expect(await jobs()).toEqual(others.map(({ name }) => name));
  await living.seed.remove({ apiVersion: 'batch/v1', kind: 'Job', namespace, name: others[0]?.name ?? '' });
  await until(async () => (await jobs()).length === 2);
  living.wake(id);
  await until(() => (known()?.lookAt ?? 0) > 0);
});
