/** Which machine of a made seed is upgraded next, and for whom it waits. */
import { expect, test } from 'vitest';
import type { SeedScope } from '../../src/reconcilers/seed/scope.ts';
import { absentOf, machinesBehind } from '../../src/reconcilers/seed/upgrade.ts';
import type { NodeFact } from '../../src/seeds/probe.ts';

const scopeOf = (controlPlaneMachines: 1 | 3, workers: number) =>
  ({ row: { id: '01234567-89ab', made: { kubernetesVersion: 'v1.36.3', controlPlaneMachines, workers } } }) as unknown as SeedScope;
const node = (index: number, kubeletVersion: string, ready = true) =>
  ({ name: `seedbed-seed-01234567-${index}`, kubeletVersion, ready }) as NodeFact;
const indexes = (scope: SeedScope, version: string, nodes: NodeFact[]) =>
  machinesBehind(scope, { version, nodes }).map(({ index }) => index);

test('the control plane goes first, and what is newer than wanted is left alone', () => {
  const nodes = [node(3, 'v1.35.4'), node(0, 'v1.35.4'), node(1, 'v1.35.4'), node(2, 'v1.36.5')];
  expect(indexes(scopeOf(3, 1), 'v1.35.4', nodes)).toEqual([0, 1, 3]);
});

test('of a single one, the API counts as well as its kubelet', () => {
  expect(indexes(scopeOf(1, 1), 'v1.35.4', [node(0, 'v1.36.3'), node(1, 'v1.36.3')])).toEqual([0]);
  expect(indexes(scopeOf(1, 1), 'v1.36.3', [node(0, 'v1.36.3'), node(1, 'v1.36.3')])).toEqual([]);
});

test('nothing is touched while one of the control plane is not Ready, or has no node yet; a worker is not waited for by others', () => {
  const scope = scopeOf(3, 1);
  const absent = (nodes: NodeFact[]) => absentOf(scope, { version: 'v1.35.4', nodes })?.index;
  expect(absent([node(1, 'v1.35.4'), node(2, 'v1.35.4'), node(3, 'v1.35.4')])).toBe(0);
  expect(absent([node(0, 'v1.36.3'), node(1, 'v1.35.4', false), node(2, 'v1.35.4'), node(3, 'v1.35.4')])).toBe(1);
  expect(absent([node(0, 'v1.35.4'), node(1, 'v1.35.4'), node(2, 'v1.35.4'), node(3, 'v1.35.4', false)])).toBeUndefined();
});
