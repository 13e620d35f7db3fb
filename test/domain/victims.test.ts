import { expect, test } from 'vitest';
import { chooseVictims } from '../../src/domain/victims.ts';
import type { NodeRow } from '../../src/store/reconcile.ts';

const node = (id: string, state: NodeRow['state'], createdAt: number, zone: string | null = null) =>
  ({ id, name: id, state, createdAt, zone }) as NodeRow;
const nodes = [node('new', 'READY', 9), node('old', 'READY', 1), node('joining', 'JOINING', 5), node('failed', 'FAILED', 2)];
const chosen = (among: NodeRow[], count: number, named: string[] = []) => chooseVictims(among, count, named).map((n) => n.id);

test('a shrinking group gives up those the customer named, then what does not work, then the oldest', () => {
  expect(chosen(nodes, 1)).toEqual(['failed']);
  expect(chosen(nodes, 3)).toEqual(['failed', 'joining', 'old']);
  expect(chosen(nodes, 2, ['new'])).toEqual(['new', 'failed']);
  expect(chosen(nodes, 0)).toEqual([]);
  expect(chosen(nodes, 9)).toHaveLength(4);
});

test('of those that work it gives up the ones in the fullest zone, so that what stays is spread evenly', () => {
  const spread = [
    node('a1', 'READY', 5, 'a'),
    node('a2', 'READY', 6, 'a'),
    node('a3', 'READY', 7, 'a'),
    node('b1', 'READY', 1, 'b'),
    node('b2', 'READY', 2, 'b'),
    node('c1', 'READY', 3, 'c'),
  ];
  expect(chosen(spread, 1)).toEqual(['a1']);
  expect(chosen(spread, 3)).toEqual(['a1', 'b1', 'a2']);
});
