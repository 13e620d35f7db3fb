/** Broken workers are replaced, for each kind of trouble; and without automatic healing they are only shown. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HealingWorld, LONGER_THAN_LIMIT_MS, openHealing, pause } from './healingWorld.ts';
import { until } from './story.ts';

let it: HealingWorld;

beforeAll(async () => {
  it = await openHealing(4);
});
afterAll(() => it?.close());

const update = (overrides: object) =>
  it.world.change(it.world.member, 'updateCluster', { clusterId: it.clusterId, overrides }, 'operation { uuid }');

test('a worker whose kubelet stops is replaced once its time is over, and that is told', async () => {
  const [victim] = it.liveNodes();
  const before = it.heals().length;
  await it.kubelets([victim?.name ?? ''], false);
  const shown = await until(() => (it.condition()?.state === 'WAITING' ? it.condition() : null));
  expect(shown.message).toContain(`node ${victim?.name} to come back by itself until `);
  const operation = await it.healed(victim, before);
  const [, notBefore = ''] = /until (\S+Z), or/.exec(shown.message) ?? [];
  expect(operation?.requested_at).toBeGreaterThanOrEqual(Date.parse(notBefore));
  expect(operation?.reason).toMatch(new RegExp(`^Node ${victim?.name} is not Ready since 20\\S+Z\\.$`));
  expect(it.events(it.groupId, "step = 'AutoHealing' and state = 'RUNNING'").at(-1)?.message).toBe(
    `${operation?.reason} Another takes its place.`,
  );
  expect(it.events(victim?.id ?? '', "step = 'Drained'").at(-1)?.message).toMatch(/not Ready/);
});

test('the customer sees the healing: its operation with the reason, and how the cluster heals', async () => {
  const { cluster } = await it.world.ask<{ cluster: { operations: { nodes: object[] }; conditions: { name: string; status: string }[] } }>(
    it.world.member,
    'query($id: ID) { cluster(id: $id) { operations(first: 1) { nodes { kind state requestedBy reason } } conditions { name status } } }',
    { id: it.clusterId },
  );
  expect(it.heals()).toHaveLength(1);
  const [{ reason } = { reason: '' }] = it.heals();
  expect(cluster.operations.nodes).toEqual([{ kind: 'HEAL_NODE', state: 'SUCCEEDED', requestedBy: 'auto-healing', reason }]);
  expect(cluster.conditions.filter(({ name }) => name.startsWith('AutoHealing'))).toEqual([{ name: 'AutoHealing', status: 'TRUE' }]);
});

test('a worker whose server is deleted behind our back is replaced', async () => {
  const [victim] = it.liveNodes();
  const before = it.heals().length;
  await it.deleteServer(victim?.server_id ?? '');
  const operation = await it.healed(victim, before);
  expect(operation?.reason).toContain(`Node ${victim?.name} has lost its server, which was deleted in the cloud since `);
});

test('a worker whose server falls into ERROR is replaced', async () => {
  const [victim] = it.liveNodes();
  const before = it.heals().length;
  await it.world.control('POST', 'failedServers', { name: victim?.name });
  const operation = await it.healed(victim, before);
  expect(operation?.reason).toContain('has a server in ERROR (The host of this server has failed.)');
});

test('a worker that reports a permanent problem is replaced: another is ready before it goes', async () => {
  const [victim] = it.liveNodes();
  const before = it.heals().length;
  await it.report(victim?.name ?? '', ['KernelDeadlock', 'FrequentKubeletRestart']);
  const operation = await it.healed(victim, before);
  expect(operation?.reason).toContain(`Node ${victim?.name} reports KernelDeadlock since `);
  const young = it.liveNodes().at(-1);
  const number = (id: string | undefined, state: string) =>
    it.events(id ?? '', `step is null and state = '${state}'`)[0]?.number ?? Number.NaN;
  expect(number(young?.id, 'READY')).toBeLessThan(number(victim?.id, 'DELETED'));
});

test('a server that is gone is replaced without automatic healing, too: as many are wanted as before', async () => {
  await update({ autoHealingEnabled: false });
  await until(() => it.condition()?.state === 'REMOVED');
  const [victim] = it.liveNodes();
  const before = it.heals().length;
  await it.deleteServer(victim?.server_id ?? '');
  await until(() => {
    const live = it.liveNodes();
    const well = live.length === 4 && live.every(({ id, state, trouble }) => id !== victim?.id && state === 'READY' && trouble === null);
    return well && it.heals().length === before + 1 && it.condition()?.state === 'REMOVED';
  });
  await update({ autoHealingEnabled: true });
});

test('without automatic healing a broken worker is only shown; switched on, it is healed at once', async () => {
  await update({ autoHealingEnabled: false });
  await until(() => it.condition()?.state === 'REMOVED');
  const [victim] = it.liveNodes();
  const before = it.heals().length;
  await it.world.control('POST', 'failedServers', { name: victim?.name });
  await until(() =>
    it
      .liveNodes()
      .find(({ id }) => id === victim?.id)
      ?.trouble?.includes('SERVER_ERROR'),
  );
  await pause(LONGER_THAN_LIMIT_MS);
  const shown = await it.world.ask<{ cluster: { nodes: { nodes: { uuid: string; state: string; trouble: object | null }[] } } }>(
    it.world.member,
    'query($id: ID) { cluster(id: $id) { nodes(first: 9) { nodes { uuid state trouble { kind message } } } } }',
    { id: it.clusterId },
  );
  const message = 'has a server in ERROR (The host of this server has failed.)';
  expect(shown.cluster.nodes.nodes.find(({ uuid }) => uuid === victim?.id)).toEqual({
    uuid: victim?.id,
    state: 'NOT_READY',
    trouble: { kind: 'SERVER_ERROR', message },
  });
  const told = it.world.rows<{ message: string }>(
    `select message from conditions where object_id = '${victim?.id}' and name = 'ServerActive'`,
  )[0];
  expect(told?.message).toContain('you to replace it (replaceNode), or to switch autoHealingEnabled on');
  expect(it.heals()).toHaveLength(before);
  await update({ autoHealingEnabled: true });
  await it.healed(victim, before);
});
