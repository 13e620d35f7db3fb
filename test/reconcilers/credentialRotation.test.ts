/** rotateCloudCredential: the new one is in use everywhere before the one before it is ended, and one that will not do changes nothing. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askKeystone, cloudConfs, hireMember, idIn, listCredentials, logsIn, makeCredential, type Person } from './people.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
let robot: Person;
let clusterId: string;

const rowOf = () =>
  JSON.parse(
    world.rows<{ all: string }>(
      `select json_object('trust', json(trust), 'credential', json(credential), 'state', state) as "all" from clusters where id = '${clusterId}'`,
    )[0]?.all ?? 'null',
  ) as { trust: { trustId: string; trustorUserId: string } | null; credential: { current: { id: string } | null } | null; state: string };
const operations = () =>
  world.rows<{ id: string; kind: string; state: string; problem: string | null; steps: string }>(
    `select id, kind, state, problem, steps from operations where cluster_id = '${clusterId}' order by requested_at desc`,
  );
const rotate = (credential: object | null, token = world.member) =>
  world.change<{ operation: { id: string } }>(token, 'rotateCloudCredential', { clusterId, credential }, 'operation { id }');
const secrets = () => world.rows<{ name: string }>(`select name from secrets where owner_id = '${clusterId}'`).map(({ name }) => name);
const trusts = async () =>
  ((await askKeystone(world, world.admin, 'GET', '/OS-TRUST/trusts')).body as { trusts: { id: string; trustor_user_id: string }[] }).trusts;

/** Until the rotation is over; what cloud.conf holds must log in at every moment. Returns the ids that it held, in order. */
const watch = async (): Promise<string[]> => {
  const ids: string[] = [];
  let failed = false;
  await until(async () => {
    for (const text of await cloudConfs(world, clusterId)) {
      const id = idIn(text);
      if (ids.at(-1) !== id) ids.push(id);
      expect(await logsIn(world, text), `cloud.conf with ${id}`).toBe(true);
    }
    if (operations()[0]?.state === 'FAILED') failed = true;
    return operations()[0]?.state === 'SUCCEEDED';
  }, 120);
  // Not for a moment, either: what is told as failed is looked at slowly.
  expect(failed).toBe(false);
  return ids;
};

beforeAll(async () => {
  world = await openLiving({ cutOffSeconds: 1 });
  robot = await hireMember(world, 'robot');
  clusterId = await world.makeCluster('web', { overrides: { volumeDriver: 'CINDER', addons: { cloudController: { enabled: true } } } });
});
afterAll(() => world?.close());

test('from a trust to a credential: what Seedbed made of the trust ends when nothing uses it any more', async () => {
  const { userId } = world.sandbox.users.member;
  const [before] = await listCredentials(world, userId);
  expect(await trusts()).toHaveLength(1);
  const given = await makeCredential(world, robot, 'first');
  await rotate(given);
  const ids = await watch();
  expect([ids[0], ids.at(-1)]).toEqual([before?.id, given.applicationCredentialId]);
  expect(await trusts()).toEqual([]);
  expect(await listCredentials(world, userId)).toEqual([]);
  expect(rowOf()).toMatchObject({ trust: null, credential: { current: { id: given.applicationCredentialId }, next: null, since: null } });
  for (const gone of ['callerToken', 'projectCredential', 'retiredCredentials']) expect(secrets()).not.toContain(gone);
  const steps = JSON.parse(operations()[0]?.steps ?? '[]') as { name: string; state: string }[];
  expect(steps).toContainEqual(expect.objectContaining({ name: 'FormerCloudCredentialEnded', state: 'DONE' }));
}, 240_000);

test('from one credential to another: the former one is used no more, and stays the customer’s', async () => {
  const before = rowOf().credential?.current?.id;
  const given = await makeCredential(world, robot, 'second');
  await rotate(given);
  await watch();
  expect((await cloudConfs(world, clusterId)).map(idIn)).toEqual([given.applicationCredentialId, given.applicationCredentialId]);
  expect((await listCredentials(world, robot.id)).map(({ id }) => id)).toContain(before);
}, 240_000);

test('one that will not do is refused, what is in use stays so, and a better one takes its place', async () => {
  const before = rowOf().credential?.current?.id;
  const good = await makeCredential(world, robot, 'third');
  const { operation: bad } = await rotate({ ...good, applicationCredentialSecret: 'wrong' });
  const failed = await until(() => operations().find(({ state }) => state === 'FAILED'));
  expect(JSON.parse(failed.problem ?? 'null')).toMatchObject({ code: 'CLOUD_CREDENTIAL', whoMustAct: 'CUSTOMER', field: ['credential'] });
  expect(rowOf()).toMatchObject({ credential: { current: { id: before } }, state: 'DEGRADED' });
  const conditions = world.rows<{ name: string }>(`select name from conditions where object_id = '${clusterId}' and state = 'FAILED'`);
  expect(conditions).toEqual([{ name: 'CloudCredentialSwapped' }]);
  const [group] = world.rows<{ id: string }>(`select id from node_groups where cluster_id = '${clusterId}'`);
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId: group?.id, count: 2 }, 'operation { id }');
  await until(() => operations()[0]?.state === 'SUCCEEDED');
  await rotate(good);
  await watch();
  await world.settled(clusterId);
  expect(rowOf()).toMatchObject({ credential: { current: { id: good.applicationCredentialId } } });
  expect(bad.id).not.toBe('');
  expect(operations().find(({ id }) => id === failed.id)).toMatchObject({ state: 'SUPERSEDED' });
}, 240_000);

test('from a credential to a trust of the caller’s, and on to a colleague’s', async () => {
  await rotate(null);
  await watch();
  const { userId } = world.sandbox.users.member;
  const [mine] = await listCredentials(world, userId);
  expect((await cloudConfs(world, clusterId)).map(idIn)).toEqual([mine?.id, mine?.id]);
  expect(rowOf()).toMatchObject({ trust: { trustorUserId: userId }, credential: null });
  const colleague = await hireMember(world, 'colleague');
  await rotate(null, colleague.token);
  await watch();
  const [theirs] = await listCredentials(world, colleague.id);
  expect((await cloudConfs(world, clusterId)).map(idIn)).toEqual([theirs?.id, theirs?.id]);
  expect((await trusts()).map((trust) => trust.trustor_user_id)).toEqual([colleague.id]);
  expect(rowOf()).toMatchObject({ trust: { trustorUserId: colleague.id }, credential: null });
  // Its owner alone could end it, and he did not ask.
  const steps = JSON.parse(operations()[0]?.steps ?? '[]') as { name: string; message: string }[];
  expect(steps.find(({ name }) => name === 'FormerCloudCredentialEnded')?.message).toMatch(/stays: its owner alone can delete it/);
}, 240_000);
