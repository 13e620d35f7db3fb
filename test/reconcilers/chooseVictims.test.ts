import { expect, test } from 'vitest';
import { chooseVictims } from '../../src/reconcilers/nodeGroup/steps/nodes.ts';
import type { NodeRow } from '../../src/store/reconcile.ts';

const node = (id: string, state: NodeRow['state'], createdAt: number) => ({ id, name: id, state, createdAt }) as NodeRow;
const nodes = [node('old', 'READY', 1), node('new', 'READY', 9), node('joining', 'JOINING', 5), node('failed', 'FAILED', 2)];
const chosen = (count: number, named: string[] = []) => chooseVictims(nodes, count, named).map((n) => n.id);

test('a shrinking group gives up those the customer named, then what does not work, then the newest', () => {
  expect(chosen(1)).toEqual(['failed']);
  expect(chosen(3)).toEqual(['failed', 'joining', 'new']);
  expect(chosen(2, ['old'])).toEqual(['old', 'failed']);
  expect(chosen(0)).toEqual([]);
});
