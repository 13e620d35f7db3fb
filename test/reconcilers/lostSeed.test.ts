/** A seed that is lost for good keeps neither a customer's servers nor itself in the list. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
let clusterId: string;
beforeAll(async () => {
  world = await openLiving();
  const overrides = { volumeDriver: 'CINDER', addons: { cloudController: { enabled: true } } };
  clusterId = await world.makeCluster('lost', { nodeCount: 2, overrides });
  const [{ short } = { short: '' }] = world.rows<{ short: string }>('select short_id as short from clusters');
  // As the CSI controller makes one for a claim.
  const volume = { name: 'pvc-1', size: 1, metadata: { 'cinder.csi.openstack.org/cluster': short } };
  const { projectId } = world.sandbox.users.member;
  const made = await fetch(`${world.sandbox.authUrl.replace(/\/identity.*$/, '/volume')}/v3/${projectId}/volumes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': world.member },
    body: JSON.stringify({ volume }),
  });
  expect(made.status).toBe(202);
  for (const service of ['kubernetes', 'hosted']) await world.control('POST', 'faults', { service, kind: 'resetBefore' });
});
afterAll(() => world?.close());

const state = () => world.rows<{ state: string }>(`select state from clusters where id = '${clusterId}'`)[0]?.state;
const remove = (token: string, more: object = {}) => world.change(token, 'deleteCluster', { clusterId, ...more }, 'operation { id }');

test('a deletion waits for the seed, and says so', async () => {
  await remove(world.member);
  const { problem } = await until(
    () =>
      world.rows<{ problem: string }>(
        `select problem from conditions where object_id = '${clusterId}' and state = 'FAILED' and problem like '%SEED_UNAVAILABLE%'`,
      )[0],
  );
  expect(JSON.parse(problem)).toMatchObject({ retryable: true });
  expect(state()).toBe('DELETING');
});

test('a customer does not give up a seed, and an administrator does: nothing is left in the project', async () => {
  await expect(remove(world.member, { abandonSeed: true })).rejects.toThrow(/FORBIDDEN.*abandonSeed/);
  await remove(world.admin, { abandonSeed: true });
  await until(() => state() === 'DELETED');
  expect(world.rows("select state from operations where kind = 'DELETE_CLUSTER'")).toEqual([{ state: 'SUCCEEDED' }]);
  const { openstack } = await world.control<{ openstack: Record<string, Record<string, { name?: string }[]>> }>('GET', 'world');
  const named = Object.values(openstack)
    .flatMap((kinds) => Object.values(kinds).flat())
    .filter(({ name }) => typeof name === 'string' && /^(seedbed-)?lost-/.test(name));
  expect(named).toEqual([]);
  // Whether the customer wanted to keep it only the cluster could have said.
  expect(openstack['volume']?.['volumes']?.map(({ name }) => name)).toEqual(['pvc-1']);
});

test('after the last of its clusters the seed itself can be taken out', async () => {
  const [{ id: seedId } = { id: '' }] = world.rows<{ id: string }>('select id from seeds');
  await world.change(world.admin, 'unregisterSeed', { seedId }, 'operation { id }');
  await until(() => world.rows('select 1 from seeds where deleted_at is null').length === 0);
});
