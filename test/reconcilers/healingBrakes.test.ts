/** When workers are not replaced: too many are broken at once, the cluster's API does not answer, or the replacements fail as well. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HealingWorld, LONGER_THAN_LIMIT_MS, openHealing, pause } from './healingWorld.ts';
import { until } from './story.ts';

let it: HealingWorld;

beforeAll(async () => {
  it = await openHealing(4);
});
afterAll(() => it?.close());

test('while more workers are in trouble than may be, none is replaced; once fewer are, the rest is', async () => {
  const known = it.liveNodes();
  const before = it.heals().length;
  const [first, second, third] = known.map(({ name }) => name);
  await it.kubelets([first ?? '', second ?? '', third ?? ''], false);
  const brake = await until(() => (it.condition()?.reason === 'MassFailure' ? it.condition() : null));
  expect(brake).toMatchObject({ status: 'FALSE', state: 'WAITING' });
  await until(() => it.condition()?.message.includes('3 of 4 workers are in trouble at once, more than 40 %'));
  expect(JSON.parse(brake.waiting_for ?? '{}')).toMatchObject({ whoMustAct: 'CLOUD_ADMIN' });
  await pause(LONGER_THAN_LIMIT_MS);
  expect(it.liveNodes().map(({ id }) => id)).toEqual(known.map(({ id }) => id));
  expect(it.heals()).toHaveLength(before);
  await it.kubelets([second ?? '', third ?? ''], true);
  await it.healed(known[0], before);
  expect(it.liveNodes().map(({ name }) => name)).toEqual(expect.arrayContaining([second, third]));
});

test('after a mass failure that passes, everything is as it was', async () => {
  const known = it.liveNodes();
  const before = it.heals().length;
  await it.kubelets(
    known.map(({ name }) => name),
    false,
  );
  await until(() => it.condition()?.message.includes('4 of 4 workers are in trouble at once'));
  await pause(LONGER_THAN_LIMIT_MS);
  await it.kubelets(
    known.map(({ name }) => name),
    true,
  );
  await it.allReady();
  await pause(LONGER_THAN_LIMIT_MS);
  expect(it.liveNodes().map(({ id }) => id)).toEqual(known.map(({ id }) => id));
  expect(it.heals()).toHaveLength(before);
});

test('of four workers whose servers are deleted at once three are not replaced: the first that is noticed is no single one', async () => {
  const known = it.liveNodes();
  const before = it.heals().length;
  const lost = known.slice(0, 3);
  await Promise.all(lost.map(({ server_id }) => it.deleteServer(server_id)));
  await until(() => it.condition()?.reason === 'MassFailure');
  await pause(LONGER_THAN_LIMIT_MS);
  expect(it.heals()).toHaveLength(before);
  expect(it.liveNodes()).toHaveLength(4);
  const { cluster } = await it.world.ask<{ cluster: { conditions: { name: string; reason: string; message: string }[] } }>(
    it.world.member,
    'query($id: ID) { cluster(id: $id) { conditions { name reason message } } }',
    { id: it.clusterId },
  );
  const shown = cluster.conditions.find(({ name }) => name === 'AutoHealing');
  expect(shown).toMatchObject({ reason: 'MassFailure' });
  expect(shown?.message).toMatch(/^Node group \S+: .*3 of 4 workers are in trouble at once/);
  expect(cluster.conditions.find(({ name }) => name === 'NodeGroupsReady')?.message).toContain('3 of 4 workers are in trouble at once');
  // Whom somebody replaces by hand is replaced, brake or no brake.
  for (const { id } of lost.slice(0, 2)) await it.world.change(it.world.member, 'replaceNode', { nodeId: id }, 'operation { uuid }');
  await it.healed(lost[2], before);
});

test("while the cluster's API does not answer, nobody is replaced", async () => {
  const [victim] = it.liveNodes();
  const before = it.heals().length;
  forget();
  await it.world.control('POST', 'faults', {
    service: 'hosted',
    method: 'GET',
    path: '^/api/v1/nodes(\\?(?!.*watch)|$)',
    kind: 'status',
    status: 503,
  });
  await it.kubelets([victim?.name ?? ''], false);
  await until(() => it.condition()?.reason === 'NoFacts');
  await pause(LONGER_THAN_LIMIT_MS);
  expect(it.heals()).toHaveLength(before);
  await it.world.control('DELETE', 'faults');
  await it.healed(victim, before);
});

/** The group has never healed: whoever is left is no replacement that failed. */
const forget = () => it.world.write('update node_groups set healing = null');
/** Shorter than anybody may ask for, again. */
const timeToJoin = (seconds: number) =>
  it.world.write(`update clusters set spec = json_set(spec, '$.healing.joinLimitSeconds', ${seconds})`);
/** A node that boots and does not join; it is not one of `known`. */
const stuck = (known: readonly { id: string }[]) =>
  until(
    () =>
      it.world.rows<{ id: string; name: string }>(
        `select id, name from nodes where deleted_at is null and delete_requested_at is null and joining_since is not null and state = 'BOOTING'
         and id not in (${known.map(({ id }) => `'${id}'`).join()})`,
      )[0],
  );
const resize = (count: number) =>
  it.world.change(it.world.member, 'resizeNodeGroup', { nodeGroupId: it.groupId, count }, 'operation { uuid }');

test('a worker that never joins is replaced when its time is over', async () => {
  const known = it.liveNodes();
  const before = it.heals().length;
  await it.world.control('POST', 'serverFaults', { name: '.', trouble: 'neverBoots', times: 1 });
  timeToJoin(4);
  await resize(5);
  const late = await stuck(known);
  await until(() => it.heals().length > before);
  timeToJoin(900);
  await until(() => !it.liveNodes().some(({ id }) => id === late.id));
  await it.allReady(5);
  expect(it.heals()[before]?.reason).toContain(`Node ${late.name} has not joined within 4 s since `);
  await resize(4);
  await it.allReady();
});

test('a group of one is healed; replacements that fail as well are replaced ever later, and the last one that works ends that', async () => {
  await resize(1);
  await it.allReady(1);
  const [victim] = it.liveNodes();
  const before = it.heals().length;
  forget();
  await it.world.control('POST', 'serverFaults', { name: '.', trouble: 'neverBoots' });
  timeToJoin(4);
  await it.kubelets([victim?.name ?? ''], false);
  const first = await stuck([]);
  expect(it.heals()).toHaveLength(before + 1);
  const backsOff = await until(() => (it.condition()?.reason === 'BackingOff' ? it.condition() : null));
  expect(backsOff.message).toContain('The last replacement in its group failed as well, so look at image, flavor and network');
  expect(JSON.parse(backsOff.waiting_for ?? '{}')).toMatchObject({ whoMustAct: 'CUSTOMER' });
  await pause(LONGER_THAN_LIMIT_MS);
  expect(it.heals()).toHaveLength(before + 1);
  later(first, 6);
  const second = await stuck([first]);
  await until(() => it.heals()[before]?.state === 'SUPERSEDED');
  expect(it.heals()).toHaveLength(before + 2);
  await until(() => it.condition()?.message.includes('The last 2 replacements in its group failed as well'));
  await it.world.control('DELETE', 'serverFaults');
  timeToJoin(900);
  // Five minutes were enough for the first, and are not for the second.
  later(second, 6);
  await pause(LONGER_THAN_LIMIT_MS);
  expect(it.heals()).toHaveLength(before + 2);
  later(second, 6);
  await until(() => it.heals()[before + 2]?.state === 'SUCCEEDED');
  await it.allReady(1);
});

/** As if its trouble had begun so many minutes before. */
const later = ({ id }: { id: string }, minutes: number) => {
  it.world.write(
    `update nodes set trouble = json_set(trouble, '$.since', json_extract(trouble, '$.since') - ${minutes * 60_000}) where id = '${id}'`,
  );
  it.world.write(`update work_items set due_at = 0, wake = wake + 1 where id = '${it.groupId}'`);
};

test('what broke while no Seedbed ran is found when one starts', async () => {
  await resize(2);
  await it.allReady(2);
  const [victim] = it.liveNodes();
  const before = it.heals().length;
  forget();
  await it.world.restart(() => void it.kubelets([victim?.name ?? ''], false));
  await until(() =>
    it
      .liveNodes()
      .find(({ id }) => id === victim?.id)
      ?.trouble?.includes('NOT_READY'),
  );
  await until(() => it.heals().length > before);
  await it.allReady(2);
});
