/** When every cluster of a seed has workers in trouble at once, it is the seed, and none is replaced; one that is well shows that it is not. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HEALS, type HealingWorld, hurry, LONGER_THAN_LIMIT_MS, openHealing, pause } from './healingWorld.ts';
import { until } from './story.ts';

let it: HealingWorld;

beforeAll(async () => {
  it = await openHealing(1);
  for (const name of ['second', 'third']) await it.world.makeCluster(name, { nodeCount: 1, overrides: HEALS });
  hurry(it.world);
});
afterAll(() => it?.close());

const massFailures = () => it.world.rows("select 1 from conditions where name = 'AutoHealing' and reason = 'MassFailure'").length;

test('workers of all clusters at once', async () => {
  const known = it.liveNodes();
  expect(known).toHaveLength(3);
  await it.kubelets(
    known.map(({ name }) => name),
    false,
  );
  await until(() => massFailures() === 3);
  expect(it.condition()?.message).toContain("every cluster on this one's seed has workers in trouble at once");
  expect(JSON.parse(it.condition()?.waiting_for ?? '{}')).toMatchObject({ whoMustAct: 'CLOUD_ADMIN' });
  await pause(LONGER_THAN_LIMIT_MS);
  expect(it.heals()).toEqual([]);
  const [well, ...ill] = known;
  await it.kubelets([well?.name ?? ''], true);
  await until(() => it.heals().length === 2 && it.heals().every(({ state }) => state === 'SUCCEEDED'), 90);
  const left = it.liveNodes().map(({ id }) => id);
  expect(left).toHaveLength(3);
  expect(left).toContain(well?.id);
  for (const { id } of ill) expect(left).not.toContain(id);
});

test('what two clusters have had for long holds nobody up: the third is healed', async () => {
  const [first, ...others] = it.liveNodes();
  const clusterOf = (id: string | undefined) =>
    it.world.rows<{ cluster: string }>(`select cluster_id as cluster from nodes where id = '${id}'`)[0]?.cluster ?? '';
  for (const { id } of others) {
    await it.world.change(
      it.world.member,
      'updateCluster',
      { clusterId: clusterOf(id), overrides: { autoHealingEnabled: false } },
      'operation { uuid }',
    );
  }
  await it.kubelets(
    others.map(({ name }) => name),
    false,
  );
  const ill = () => it.world.rows("select 1 from nodes where deleted_at is null and trouble like '%NOT_READY%'").length;
  await until(() => ill() === 2);
  // As if it had been so for weeks.
  it.world.write("update nodes set trouble = json_set(trouble, '$.since', 1000) where trouble is not null and deleted_at is null");
  const before = it.heals().length;
  await it.kubelets([first?.name ?? ''], false);
  await until(() => it.heals().length === before + 1 && it.heals()[before]?.state === 'SUCCEEDED', 90);
  expect(it.liveNodes().map(({ id }) => id)).not.toContain(first?.id);
});
