/** Which problems of a worker's are healed is the customer's choice: for the cluster, or for a group. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HealingWorld, LONGER_THAN_LIMIT_MS, openHealing, pause } from './healingWorld.ts';

let it: HealingWorld;

beforeAll(async () => {
  it = await openHealing(2);
});
afterAll(() => it?.close());

test('a problem that is chosen is healed, one that is not chosen is left alone, until its group chooses it', async () => {
  const overrides = { healing: { problems: ['example.com/GpuLost'] } };
  await it.world.change(it.world.member, 'updateCluster', { clusterId: it.clusterId, overrides }, 'operation { uuid }');
  const [stuck, lost] = it.liveNodes();
  await it.report(stuck?.name ?? '', ['KernelDeadlock']);
  await pause(LONGER_THAN_LIMIT_MS);
  expect(it.liveNodes().map(({ trouble }) => trouble)).toEqual([null, null]);
  expect(it.heals()).toEqual([]);

  await it.report(lost?.name ?? '', ['example.com/GpuLost']);
  expect((await it.healed(lost, 0))?.reason).toContain(`Node ${lost?.name} reports example.com/GpuLost since `);
  expect(it.liveNodes().map(({ id }) => id)).toContain(stuck?.id);

  const input = { nodeGroupId: it.groupId, healingProblems: ['KernelDeadlock'] };
  await it.world.change(it.world.member, 'updateNodeGroup', input, 'nodeGroup { healingProblems }');
  expect((await it.healed(stuck, 1))?.reason).toContain(`Node ${stuck?.name} reports KernelDeadlock since `);
});
