/** `seedbed backup …` against a server: one is made, shown and deleted; those of a cluster go with it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freeAddress } from '../autoscaler/freeAddress.ts';
import { type Living, openLiving } from '../reconcilers/world.ts';
import { run } from './run.ts';

let world: Living;
beforeAll(async () => {
  const address = await freeAddress();
  world = await openLiving({ backupListen: address, backupAddress: address });
  await world.makeCluster('web', { nodeCount: 0 });
});
afterAll(() => world?.close());

const seedbed = (...args: string[]) => run(args, { SEEDBED_URL: world.served.url, OS_TOKEN: world.member });
const made = async (): Promise<{ uuid: string; name: string; state: string }> => {
  const { status, out } = await seedbed('backup', 'create', 'web', '--json');
  expect(status).toBe(0);
  return JSON.parse(out) as { uuid: string; name: string; state: string };
};

test('a backup is made and waited for, listed, shown by its name, and deleted', async () => {
  const { uuid, name, state } = await made();
  expect(state).toBe('READY');
  expect((await seedbed('backup', 'list', 'web')).out).toMatch(new RegExp(`${name} +web +READY .* ago +ON_DEMAND`));
  expect((await seedbed('backup', 'show', name)).out).toMatch(/SHA-256 +[0-9a-f]{64}\n[\s\S]*SnapshotVerified +TRUE/);
  expect(await seedbed('backup', 'show', 'nothing')).toMatchObject({
    status: 4,
    err: expect.stringContaining('Backup nothing was not found.'),
  });
  expect(await seedbed('backup', 'delete', uuid)).toMatchObject({ status: 0, out: `Backup ${name} is deleted.\n` });
  expect((await seedbed('backup', 'list')).out).toBe('No backups.\n');
});

test('a cluster takes its backups along', async () => {
  await made();
  expect((await seedbed('cluster', 'delete', 'web')).status).toBe(0);
  expect((await seedbed('backup', 'list')).out).toBe('No backups.\n');
});
