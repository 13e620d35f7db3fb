/** A settled cluster is watched, not asked. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
let clusterId: string;
beforeAll(async () => {
  world = await openLiving();
  clusterId = await world.makeCluster('rest', { nodeCount: 2 });
  await world.idle();
});
afterAll(() => world?.close());

interface Counters {
  calls: { service: string; method: string; path: string; calls: number }[];
}
/** What Kubernetes is called for, the seed's own health left out: that is asked once for all its clusters. */
const callsDuring = async (work: () => Promise<unknown>): Promise<string[]> => {
  await world.control('DELETE', 'counters');
  await work();
  const { calls } = await world.control<Counters>('GET', 'counters');
  const kubernetes = calls.filter(({ service }) => service === 'hosted' || service === 'kubernetes');
  return kubernetes.flatMap(({ service, method, path, calls: times }) => Array<string>(times).fill(`${service} ${method} ${path}`));
};
/** The cluster, its groups and its nodes are looked at, as they are every ten minutes. */
const lookAtAll = async (): Promise<void> => {
  world.write("update work_items set due_at = 0, wake = wake + 1 where kind != 'SEED'");
  await world.idle();
};

test('an hour of looks at a settled cluster calls Kubernetes once at the most', async () => {
  // The first says what was not known while it was made.
  await lookAtAll();
  const calls = await callsDuring(async () => {
    for (let look = 0; look < 6; look += 1) await lookAtAll();
  });
  expect(calls.length, calls.join('\n')).toBeLessThanOrEqual(1);
});

test('an API that cannot be heard any more is asked, and its silence is told', async () => {
  await world.control('POST', 'faults', { service: 'hosted', kind: 'status', status: 503 });
  await world.restart();
  world.wake(clusterId);
  await until(() => world.rows(`select 1 from clusters where id = '${clusterId}' and state != 'READY'`).length === 1);
  await world.control('DELETE', 'faults');
  await world.settled(clusterId);
});
