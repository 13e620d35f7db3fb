/** A seed's PriorityClass for control planes: it must be there, and then all their pods have it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { namespaceOf } from '../../src/domain/cluster.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
let clusterId: string;
let namespace: string;
beforeAll(async () => {
  world = await openLiving();
  clusterId = await world.makeCluster('ranked');
  const [{ short } = { short: '' }] = world.rows<{ short: string }>(`select short_id as short from clusters where id = '${clusterId}'`);
  namespace = namespaceOf(short);
});
afterAll(() => world?.close());

const name = (priorityClass: string | null) =>
  world.change(world.admin, 'updateSeed', { seedId: 'seed', priorityClass }, 'seed { priorityClass }');
const seedState = () => world.rows<{ state: string }>('select state from seeds')[0]?.state;
const prioritiesOfPods = async () => {
  const { items } = await world.seed.list({ apiVersion: 'v1', kind: 'Pod', namespace });
  const living = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return living.map(({ spec }) => (spec as { priorityClassName?: string }).priorityClassName ?? null);
};

test('a class that the seed does not have is told to the administrator, and running control planes are left alone', async () => {
  await name('system-cluster-criticle');
  const { problem } = await until(
    () => world.rows<{ problem: string }>("select problem from conditions where name = 'PriorityFound' and state = 'FAILED'")[0],
  );
  expect(JSON.parse(problem)).toMatchObject({
    code: 'SEED_REFUSED',
    whoMustAct: 'CLOUD_ADMIN',
    message: expect.stringContaining('no PriorityClass system-cluster-criticle'),
  });
  await until(() => seedState() === 'NOT_READY');
  world.wake(clusterId);
  await world.idle();
  expect(new Set(await prioritiesOfPods())).toEqual(new Set([null]));
});

test('all pods of a control plane get the class that is there, and lose it again', async () => {
  for (const wanted of ['system-cluster-critical', null]) {
    await name(wanted);
    await until(() => seedState() === 'READY');
    // A cluster's pass goes by what it read of its seed a moment ago.
    await until(async () => {
      world.wake(clusterId);
      await world.idle();
      const found = await prioritiesOfPods();
      return found.length >= 4 && found.every((priority) => priority === wanted);
    });
    await world.settled(clusterId);
  }
});
