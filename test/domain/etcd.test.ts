import { expect, test } from 'vitest';
import {
  corruptOf,
  type EtcdMember,
  type EtcdMembership,
  holdTheSame,
  type MembershipMove,
  type MembershipSight,
  nextMove,
} from '../../src/domain/etcd.ts';

const voter = (number: number, more: Partial<EtcdMember> = {}): EtcdMember => ({
  id: `a${number}`,
  number,
  started: true,
  learner: false,
  leader: false,
  dbSizeBytes: null,
  dbInUseBytes: null,
  version: null,
  alarms: [],
  ...more,
});
const settled = (members: number): EtcdMembership => ({ phase: 'SETTLED', members, endpoints: members, joining: null });
const sight = (more: Partial<MembershipSight>): MembershipSight => ({
  membership: settled(1),
  wanted: 1,
  list: [voter(0)],
  lost: null,
  asked: 1,
  ...more,
});

/** etcd's and the seed's answers to each move, until there is none. */
const play = (start: MembershipSight): string[] => {
  const told: string[] = [];
  let now = start;
  for (let i = 0; i < 40; i += 1) {
    const move: MembershipMove = nextMove(now);
    if (move.kind === 'none') return told;
    told.push(move.kind === 'add' ? `add ${move.number}` : 'member' in move ? `${move.kind} ${move.member.number}` : move.kind);
    const { list } = now;
    // The newcomer begins as soon as there is a pod for it.
    if (move.kind === 'wait') now = { ...now, list: list.map((m) => ({ ...m, started: true })) };
    else if (move.kind === 'note')
      now = { ...now, membership: move.membership, lost: move.membership.joining === now.lost ? null : now.lost };
    else if (move.kind === 'add') now = { ...now, list: [...list, voter(move.number, { started: false, learner: true })] };
    else if (move.kind === 'promote') now = { ...now, list: list.map((m) => (m === move.member ? { ...m, learner: false } : m)) };
    else if (move.kind === 'remove') now = { ...now, list: list.filter((m) => m !== move.member) };
    else if (move.kind === 'disarm') now = { ...now, list: list.map((m) => ({ ...m, alarms: [] })) };
    else if (move.kind === 'moveLeader') now = { ...now, list: list.map((m) => ({ ...m, leader: m === move.to })) };
  }
  throw new Error(`no end: ${told.join(', ')}`);
};

test('growth takes one member to its vote before the next is let in', () => {
  const one = ['note', 'wait'];
  expect(play(sight({ wanted: 3 }))).toEqual(['add 1', ...one, 'promote 1', 'note', 'add 2', ...one, 'promote 2', 'note']);
});

test('shrinking takes the last first, and the lead away from one that goes', () => {
  const list = [voter(0), voter(1), voter(2, { leader: true })];
  expect(play(sight({ membership: settled(3), wanted: 1, list }))).toEqual(['moveLeader', 'remove 2', 'note', 'remove 1', 'note']);
});

test('no member goes while an API server asks it', () => {
  const list = [voter(0), voter(1), voter(2)];
  expect(nextMove(sight({ membership: settled(3), wanted: 1, list, asked: 3 }))).toMatchObject({ kind: 'wait' });
});

test('a lost member is taken off the list and let in anew, with its vote after its data', () => {
  const list = [voter(0), voter(1), voter(2)];
  expect(play(sight({ membership: settled(3), wanted: 3, list, lost: 1 }))).toEqual([
    'remove 1',
    'add 1',
    'note',
    'wait',
    'promote 1',
    'note',
  ]);
});

test.each<[string, Partial<MembershipSight>, MembershipMove]>([
  [
    'added and not noted',
    { wanted: 3, list: [voter(0), voter(1, { started: false, learner: true })] },
    { kind: 'note', membership: { phase: 'JOINING', members: 2, endpoints: 1, joining: 1 } },
  ],
  [
    'promoted and not noted',
    { wanted: 3, membership: { phase: 'JOINING', members: 2, endpoints: 1, joining: 1 }, list: [voter(0), voter(1)] },
    { kind: 'note', membership: settled(2) },
  ],
  ['removed and not noted', { membership: settled(3), wanted: 1, list: [voter(0), voter(1)] }, { kind: 'note', membership: settled(2) }],
])('a pass that begins after one that was %s goes on from there', (_what, seen, move) => {
  expect(nextMove(sight(seen))).toEqual(move);
});

const alarmed = (number: number, more: Partial<EtcdMember> = {}) => voter(number, { dbSizeBytes: 1, alarms: ['CORRUPT'], ...more });

test('one with other data than the rest goes, the alarm is taken back before anybody is let in, and it comes anew', () => {
  const list = [alarmed(0), alarmed(1, { corrupt: true }), alarmed(2)];
  expect(corruptOf(list)?.number).toBe(1);
  const membership = { ...settled(3), corrupt: { number: 1, id: 'a1', claim: 'old' } };
  expect(play(sight({ membership, wanted: 3, list, lost: 1 }))).toEqual([
    'remove 1',
    'disarm',
    'add 1',
    'note',
    'wait',
    'promote 1',
    'note',
  ]);
});

test('the alarm stays while it names another one that is on the list', () => {
  const membership = { ...settled(3), corrupt: { number: 1, id: 'a1', claim: 'old' } };
  const list = [alarmed(0, { corrupt: true }), alarmed(2)];
  expect(nextMove(sight({ membership, wanted: 3, list, lost: 1 }))).toMatchObject({ kind: 'add' });
});

test('nobody is named corrupt where the others are no majority that answers', () => {
  expect(corruptOf([alarmed(0), alarmed(1, { corrupt: true })])).toBeUndefined();
  expect(corruptOf([alarmed(0, { corrupt: true }), alarmed(1, { corrupt: true }), alarmed(2)])).toBeUndefined();
  expect(corruptOf([alarmed(0, { corrupt: true }), alarmed(1), alarmed(2, { dbSizeBytes: null })])).toBeUndefined();
  expect(corruptOf([alarmed(0, { corrupt: true }), alarmed(1), alarmed(2, { learner: true })])).toBeUndefined();
  expect(corruptOf([alarmed(0), alarmed(1), alarmed(2)])).toBeUndefined();
});

test('hashes compare at the same revision above the same compaction, and when all have said theirs', () => {
  const one = { hash: 1, revision: 30, compactRevision: 20 };
  expect(holdTheSame([one, one], 2)).toBe(true);
  expect(holdTheSame([one, { ...one, hash: 2 }], 2)).toBe(false);
  expect(holdTheSame([one, { ...one, hash: 2, compactRevision: 25 }], 2)).toBeNull();
  expect(holdTheSame([one, { ...one, revision: 31 }], 2)).toBeNull();
  expect(holdTheSame([one], 2)).toBeNull();
  expect(holdTheSame([], 0)).toBeNull();
});
