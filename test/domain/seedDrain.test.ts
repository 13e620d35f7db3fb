import { expect, test } from 'vitest';
import type { ControlPlaneMove } from '../../src/domain/controlPlaneMove.ts';
import type { SeedCandidate } from '../../src/domain/seed.ts';
import { type DrainCandidate, planDrain } from '../../src/domain/seedDrain.ts';

const seed = (id: string, more: Partial<SeedCandidate> = {}): SeedCandidate => ({
  ...{ id, name: id, region: null, labels: {}, cordoned: false, state: 'READY', maxClusters: null, weight: 100, used: 0 },
  ...{ exposure: 'LOAD_BALANCER', cidrs: [], free: { cpuMillicores: 1_000, memoryMiB: 1_000 } },
  ...more,
});
const cluster = (name: string, more: Partial<DrainCandidate> = {}): DrainCandidate => ({
  ...{ id: name, name, move: null, observedGeneration: 1, restore: null, hibernation: null, deleteRequestedAt: null, upgrade: null },
  etcd: { members: 1, endpoints: 1, phase: 'SETTLED' } as DrainCandidate['etcd'],
  wish: { region: null, selector: {}, cidrs: [], kept: false, floatingIp: false, demand: { cpuMillicores: 400, memoryMiB: 400 } },
  ...more,
});
const from = seed('old', { cordoned: true });
const planned = (others: SeedCandidate[], clusters: DrainCandidate[], since: number | null = null) =>
  planDrain(from, others, clusters, since === null ? null : { since, requestedBy: 'ada' }).map(
    ({ clusterName, state, toSeedId, reason }) => [clusterName, state, toSeedId, reason],
  );

test('what one takes is not there any more for the next', () => {
  const others = [seed('a'), seed('b', { used: 1, free: { cpuMillicores: 500, memoryMiB: 500 } })];
  const plan = planned(
    others,
    ['1', '2', '3', '4'].map((name) => cluster(name)),
  );
  expect(plan.map(([, state, to]) => [state, to])).toEqual([
    ['PLANNED', 'a'],
    ['PLANNED', 'a'],
    ['PLANNED', 'b'],
    ['STUCK', null],
  ]);
  expect(plan[3]?.[3]).toMatch(/^No other seed takes it: a: It has no room.* b: It has no room/);
  // The candidates are the caller's.
  expect(others[0]?.used).toBe(0);
});

test('each that cannot go says why, and one whose move was called off waits for another drain', () => {
  const back = { back: true, phase: 'DONE', requestedAt: 10 } as ControlPlaneMove;
  const moving = { phase: 'FREEZE', fromSeedId: 'old', toSeedId: 'a' } as ControlPlaneMove;
  const clusters = [cluster('new', { observedGeneration: 0 }), cluster('back', { move: back }), cluster('going', { move: moving })];
  expect(planned([seed('a')], clusters, 5).map(([name, state, , reason]) => [name, state, reason])).toEqual([
    ['new', 'STUCK', 'It is still being made.'],
    ['back', 'STUCK', expect.stringContaining('was called off')],
    ['going', 'MOVING', 'It is being moved (FREEZE).'],
  ]);
  expect(planned([seed('a')], clusters, 11)[1]?.[1]).toBe('PLANNED');
  expect(planned([seed('n', { exposure: 'NODE_PORT' })], [cluster('one')])[0]).toEqual([
    'one',
    'STUCK',
    null,
    'There is no other seed that shows APIs by load balancers.',
  ]);
});
