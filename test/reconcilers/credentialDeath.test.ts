/** A cloud credential that works no longer: told with who must act, and healed by another one, or by itself. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askKeystone, grantOf, hireMember, makeCredential, rolesOf } from './people.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
const CLOUDY = { overrides: { addons: { cloudController: { enabled: true } } } };

const stateOf = (id: string) => world.rows<{ state: string }>(`select state from clusters where id = '${id}'`)[0]?.state;
const operations = (id: string) =>
  world.rows<{ id: string; kind: string; state: string; problem: string | null }>(
    `select id, kind, state, problem from operations where cluster_id = '${id}' order by requested_at desc`,
  );
/** Looked at now; then the condition's problem. */
const told = async (id: string) => {
  world.wake(id);
  const row = await until(
    () =>
      world.rows<{ problem: string }>(
        `select problem from conditions where object_id = '${id}' and name = 'CloudCredentialReady' and state = 'FAILED'`,
      )[0],
    90,
  );
  return JSON.parse(row.problem) as object;
};
const admin = (method: string, path: string, body?: object) => askKeystone(world, world.admin, method, path, body);
const rotate = async (id: string, credential: object) => {
  await world.change(world.member, 'rotateCloudCredential', { clusterId: id, credential }, 'operation { id }');
  await until(() => operations(id)[0]?.state === 'SUCCEEDED', 90);
  await world.settled(id);
};
const DEAD = { code: 'CLOUD_CREDENTIAL', whoMustAct: 'CUSTOMER', message: expect.stringMatching(/rotateCloudCredential/) };

beforeAll(async () => {
  world = await openLiving({ cutOffSeconds: 1 });
});
afterAll(() => world?.close());

test('with its user disabled, without a role of his, or deleted, it is told, and another one heals the cluster', async () => {
  const first = await hireMember(world, 'first', { roles: ['member', 'load-balancer_member'] });
  const id = await world.makeCluster('ill', { ...CLOUDY, credential: await makeCredential(world, first, 'one') });
  // Keystone deletes the credentials of a user that is disabled: enabling him brings none back.
  await admin('PATCH', `/users/${first.id}`, { user: { enabled: false } });
  expect(await told(id)).toMatchObject(DEAD);
  await until(() => stateOf(id) === 'DEGRADED');

  const second = await hireMember(world, 'second', { roles: ['member', 'load-balancer_member'] });
  await rotate(id, await makeCredential(world, second, 'two'));
  // Of one role that was lost all of his die, whatever roles they have.
  const lost = (await rolesOf(world)).find(({ name }) => name === 'load-balancer_member');
  await admin('DELETE', grantOf(world.sandbox.users.member.projectId, second.id, lost?.id ?? ''));
  expect(await told(id)).toMatchObject(DEAD);

  const third = await hireMember(world, 'third');
  const { applicationCredentialId, ...secret } = await makeCredential(world, third, 'three');
  await rotate(id, { applicationCredentialId, ...secret });
  await askKeystone(world, third.token, 'DELETE', `/users/${third.id}/application_credentials/${applicationCredentialId}`);
  expect(await told(id)).toMatchObject(DEAD);
  await rotate(id, await makeCredential(world, third, 'four'));
  expect(stateOf(id)).toBe('READY');
}, 300_000);

test('a project that is disabled for a while is told, and heals by itself', async () => {
  const { body } = await admin('POST', '/projects', { project: { name: 'paused' } });
  const { project } = body as { project: { id: string } };
  const robot = await hireMember(world, 'pausing', { projectId: project.id });
  const input = { name: 'paused', clusterTemplate: 'small', nodeCount: 0, credential: await makeCredential(world, robot, 'pausing') };
  const { cluster } = await world.change<{ cluster: { uuid: string } }>(robot.token, 'createCluster', input, 'cluster { uuid }');
  await world.settled(cluster.uuid);
  await admin('PATCH', `/projects/${project.id}`, { project: { enabled: false } });
  expect(await told(cluster.uuid)).toMatchObject(DEAD);
  await admin('PATCH', `/projects/${project.id}`, { project: { enabled: true } });
  world.wake(cluster.uuid);
  await world.settled(cluster.uuid);
}, 120_000);

test('a cluster whose credential is dead is deleted by any member of the project, without another', async () => {
  const gone = await hireMember(world, 'gone');
  const id = await world.makeCluster('orphan', { credential: await makeCredential(world, gone, 'gone') });
  await admin('DELETE', `/users/${gone.id}`);
  await world.change(world.member, 'deleteCluster', { clusterId: id }, 'cluster { id }');
  await until(() => stateOf(id) === 'DELETED', 90);
  expect(operations(id)[0]).toMatchObject({ kind: 'DELETE_CLUSTER', state: 'SUCCEEDED' });
  const left = await (await fetch(`${world.sandbox.controlUrl}/world`)).text();
  expect(left.includes(id)).toBe(false);
  expect(world.rows(`select 1 from inventory where cluster_id = '${id}' and state <> 'GONE'`)).toEqual([]);
  expect(world.rows(`select 1 from secrets where owner_id = '${id}'`)).toEqual([]);
}, 120_000);
