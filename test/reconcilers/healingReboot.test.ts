/** With rebootFirst a worker is rebooted once, and replaced only when that does not help. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HealingWorld, hurry, LONGER_THAN_LIMIT_MS, type NodeNow, openHealing, pause } from './healingWorld.ts';
import { until } from './story.ts';

let it: HealingWorld;

beforeAll(async () => {
  it = await openHealing(3);
  const overrides = { healing: { rebootFirst: true } };
  await it.world.change(it.world.member, 'updateCluster', { clusterId: it.clusterId, overrides }, 'operation { uuid }');
});
afterAll(() => it?.close());

const ids = () => it.liveNodes().map(({ id, server_id }) => `${id} ${server_id}`);
const told = () => it.events(it.groupId, "step = 'AutoHealing' and state = 'RUNNING' and operation_id is not null").map((e) => e.message);
const rebootOf = (node: NodeNow | undefined): { at: number; refused: string | null } | null =>
  JSON.parse(it.world.rows<{ reboot: string | null }>(`select reboot from nodes where id = '${node?.id}'`)[0]?.reboot ?? 'null');

/** From its reboot until another was asked for, in milliseconds. */
const timeToComeBack = (node: NodeNow | undefined): number => {
  const [row] = it.world.rows<{ at: number }>(`select replace_requested_at as at from nodes where id = '${node?.id}'`);
  return (row?.at ?? 0) - (rebootOf(node)?.at ?? 0);
};

test('while more workers are in trouble than may be, none is rebooted', async () => {
  const names = it.liveNodes().map(({ name }) => name);
  await it.kubelets(names.slice(1), false);
  await until(() => it.condition()?.reason === 'MassFailure');
  await pause(LONGER_THAN_LIMIT_MS);
  expect(await it.reboots()).toBe(0);
  await it.kubelets(names.slice(1), true);
  await it.allReady();
  expect(it.heals()).toEqual([]);
});

test('a worker whose kubelet stops is rebooted once its time is over, and comes back as it was', async () => {
  const before = ids();
  const [victim] = it.liveNodes();
  await it.kubelets([victim?.name ?? ''], false);
  await until(() => it.heals()[0]?.state === 'SUCCEEDED');
  await it.allReady();
  expect(ids()).toEqual(before);
  expect(await it.reboots()).toBe(1);
  const [{ reason } = { reason: '' }, ...others] = it.heals();
  expect(others).toEqual([]);
  expect(reason).toMatch(new RegExp(`^Node ${victim?.name} is rebooted because it is not Ready since 20\\S+Z\\.$`));
  expect(told()).toEqual([reason]);
  const waited = it.events(it.groupId, "step = 'AutoHealing' and state = 'WAITING'").at(-1)?.message;
  expect(waited).toContain(`node ${victim?.name} to come back from its reboot until 20`);
  const { cluster } = await it.world.ask<{ cluster: { nodes: { nodes: { uuid: string; reboot: object | null }[] } } }>(
    it.world.member,
    'query($id: ID) { cluster(id: $id) { nodes(first: 9) { nodes { uuid reboot { at reason refused } } } } }',
    { id: it.clusterId },
  );
  const at = new Date(rebootOf(victim)?.at ?? 0).toISOString();
  expect(cluster.nodes.nodes.find(({ uuid }) => uuid === victim?.id)?.reboot).toEqual({ at, reason, refused: null });
  expect(cluster.nodes.nodes.filter(({ reboot }) => reboot !== null)).toHaveLength(1);
});

test('in trouble again within the hour it is replaced without another reboot', async () => {
  const [victim] = it.liveNodes();
  const before = it.heals().length;
  await it.kubelets([victim?.name ?? ''], false);
  const operation = await it.healed(victim, before);
  expect(operation?.reason).toMatch(/ is not Ready since 20\S+Z, although it was rebooted at 20\S+Z\.$/);
  expect(await it.reboots()).toBe(1);
});

test('a worker that stays dead is rebooted once, and replaced when its time is over once more: by one operation', async () => {
  const [victim] = it.liveNodes();
  const before = it.heals().length;
  await it.kubelets([victim?.name ?? ''], false, true);
  await it.healed(victim, before);
  expect(await it.reboots()).toBe(2);
  const [first, second] = told().slice(-2);
  expect(first).toMatch(new RegExp(`^Node ${victim?.name} is rebooted because it `));
  expect(second).toMatch(new RegExp(`^Node ${victim?.name} .*, although it was rebooted at 20\\S+Z\\. Another takes its place\\.$`));
  expect(timeToComeBack(victim)).toBeGreaterThanOrEqual(3_000);
});

test('a worker that Nova does not reboot is replaced at once', async () => {
  const [victim] = it.liveNodes();
  const before = it.heals().length;
  const message = "Cannot 'reboot' instance x while it is in task_state powering-off";
  const body = JSON.stringify({ conflictingRequest: { code: 409, message } });
  await it.world.control('POST', 'faults', {
    service: 'compute',
    method: 'POST',
    path: '/action$',
    times: 1,
    kind: 'status',
    status: 409,
    body,
  });
  await it.kubelets([victim?.name ?? ''], false);
  await it.healed(victim, before);
  expect(rebootOf(victim)?.refused).toContain(message);
  expect(timeToComeBack(victim)).toBeLessThan(3_000);
  expect(told().slice(-2)[0]).toMatch(new RegExp(`^Node ${victim?.name} is not rebooted: `));
  expect(told().at(-1)).toContain(' and was not rebooted (');
});

test('a server that dies between the note of a reboot and its call does not make it after all', async () => {
  const [victim] = it.liveNodes();
  const before = it.heals().length;
  const calls = await it.reboots();
  const reboot = () => JSON.stringify({ at: Date.now(), reason: 'Noted.', operationId: 'none', refused: null });
  await it.world.restart(async () => {
    await it.kubelets([victim?.name ?? ''], false);
    it.world.write(`update nodes set reboot = '${reboot()}' where id = '${victim?.id}'`);
  });
  hurry(it.world);
  await it.healed(victim, before);
  expect(await it.reboots()).toBe(calls);
});
