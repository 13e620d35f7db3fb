/** Backups by schedule: made when they are due, once, and gone when their time is over. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freeAddress } from '../autoscaler/freeAddress.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let living: Living;
let clusterId: string;

beforeAll(async () => {
  const address = await freeAddress();
  living = await openLiving({ backupListen: address, backupAddress: address }, { backup: { schedule: '0 * * * *' } });
  clusterId = await living.makeCluster('kept', { nodeCount: 0, overrides: { backup: { enabled: true, keepCount: 2 } } });
});
afterAll(() => living?.close());

interface Row {
  id: string;
  reason: string;
  state: string;
}
const backups = (): Row[] =>
  living.rows<Row>('select id, reason, state from backups where deleted_at is null order by created_at desc, id desc');
const nextAt = async (): Promise<number> => {
  const { cluster } = await living.ask<{ cluster: { nextBackupAt: string | null } }>(
    living.member,
    `{ cluster(id: "${clusterId}") { nextBackupAt } }`,
  );
  return Date.parse(cluster.nextBackupAt ?? '');
};
/** As if the time had come so long ago. */
const overdue = (ms: number) =>
  living.write(`update clusters set backup_plan = json_set(backup_plan, '$.nextAt', ${Date.now() - ms}) where id = '${clusterId}'`);
/** Until one more has been made by the schedule, and is good. */
const scheduled = async (): Promise<string> => {
  const before = new Set(backups().map(({ id }) => id));
  overdue(1_000);
  living.wake(clusterId);
  return until(() => backups().find(({ id, state }) => !before.has(id) && state === 'READY')?.id);
};
const createOnDemand = async (): Promise<string> => {
  const { backup } = await living.change<{ backup: { uuid: string } }>(living.member, 'createBackup', { clusterId }, 'backup { uuid }');
  await until(() => backups().some(({ id, state }) => id === backup.uuid && state === 'READY'));
  return backup.uuid;
};

test('a server that was away for three days makes one, and one alone', { timeout: 120_000 }, async () => {
  expect(await nextAt()).toBeGreaterThan(Date.now());
  expect(await nextAt()).toBeLessThan(Date.now() + 2 * 3_600_000);
  await living.restart(() => {
    overdue(3 * 86_400_000);
    living.wake(clusterId);
  });
  await until(() => backups().length > 0);
  expect(await nextAt()).toBeGreaterThan(Date.now());
  await living.restart();
  living.wake(clusterId);
  await until(() => backups()[0]?.state === 'READY');
  await living.settled(clusterId);
  await living.idle();
  expect(backups()).toEqual([{ id: expect.any(String), reason: 'SCHEDULED', state: 'READY' }]);
  const [operation] = living.rows<object>("select kind, state, reason from operations where kind = 'CREATE_BACKUP'");
  expect(operation).toEqual({ kind: 'CREATE_BACKUP', state: 'SUCCEEDED', reason: 'The schedule of cluster kept is 0 * * * *.' });
});

test('more than are kept go, but for what somebody asked for; one that fails is told until another is good', {
  timeout: 180_000,
}, async () => {
  const asked = await createOnDemand();
  await scheduled();
  const third = await scheduled();
  await until(() => backups().length === 3);
  expect(backups().map(({ id }) => id)).toContain(asked);
  expect(backups().filter(({ reason }) => reason === 'SCHEDULED')[0]?.id).toBe(third);

  living.write(`update backups set state = 'FAILED', verified_at = null where id in (select id from backups where id <> '${asked}')`);
  living.write(`update conditions set state = 'FAILED', problem = json('${JSON.stringify(PROBLEM)}') where object_id = '${third}'`);
  living.write(`update backups set created_at = 1 where id = '${asked}'`);
  living.wake(clusterId);
  const told = () =>
    living.rows<{ message: string }>(`select message from conditions where object_id = '${clusterId}' and name = 'BackupsScheduled'`)[0]
      ?.message ?? '';
  await until(() => /The backup of cluster kept by its schedule has failed\. The disk/.test(told()));
  await until(() => backups().length === 2);
  const last = await scheduled();
  await until(() => told() === '');
  await until(
    () =>
      backups()
        .map(({ id }) => id)
        .join() === [last, asked].join(),
  );
  await living.settled(clusterId);
});

test('switched off, nothing is made and nothing goes', async () => {
  const before = backups();
  await living.change(
    living.member,
    'updateCluster',
    { clusterId, overrides: { backup: { enabled: false, keepCount: 1 } } },
    'cluster { id }',
  );
  await living.settled(clusterId);
  expect(living.rows(`select backup_plan as plan from clusters where id = '${clusterId}'`)).toEqual([{ plan: null }]);
  expect(await nextAt()).toBeNaN();
  expect(backups()).toEqual(before);
});

const PROBLEM = {
  code: 'SEED_REFUSED',
  message: 'The disk of the object store is full.',
  retryable: false,
  whoMustAct: 'CLOUD_ADMIN',
  field: null,
  openstack: null,
  quota: null,
};
