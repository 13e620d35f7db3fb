/** Where the address of a seed leads when a machine or a seed is silent: to each machine once, back, and then with patience. */
import { expect, test } from 'vitest';
import { type AddressSight, chooseHolder } from '../../src/domain/seedAddress.ts';

const BEGAN = 1_000_000_000;
const MINUTE = 60_000;

const sight = (more: Partial<AddressSight> = {}, statuses: readonly string[] = ['ACTIVE', 'ACTIVE', 'ACTIVE']): AddressSight => ({
  ...{ now: BEGAN, silentSince: null, at: 0, movedAt: undefined, round: undefined, othersSilentSince: [] },
  machines: statuses.map((status, index) => ({ index, status, isMember: true })),
  ...more,
});

/** Looks each second and does what is said; each move as its second since the silence began, and where it led. */
const play = (seconds: number, more: Partial<AddressSight> = {}, statuses?: readonly string[]): string[] => {
  const known = sight({ silentSince: BEGAN, ...more }, statuses);
  const moves: string[] = [];
  for (let second = 0; second <= seconds; second++) {
    known.now = BEGAN + second * 1000;
    const move = chooseHolder(known);
    if (move === undefined) continue;
    moves.push(`${second} ${move.index}`);
    Object.assign(known, { at: move.index, movedAt: known.now, round: move.round });
  }
  return moves;
};

test.each(['GONE', 'SHUTOFF', 'ERROR', 'PAUSED', 'SUSPENDED', 'SHELVED_OFFLOADED', 'REBUILD'])(
  'from one that Nova says is %s it is led to the next that runs, at once',
  (status) => {
    expect(chooseHolder(sight({}, [status, 'SHUTOFF', 'ACTIVE']))).toEqual({ index: 2, why: 'DOWN' });
    expect(chooseHolder(sight({ at: 2 }, ['ACTIVE', 'ACTIVE', status]))).toMatchObject({ index: 0 });
    expect(chooseHolder(sight({}, [status, 'SHUTOFF', 'MIGRATING']))).toBeUndefined();
    expect(chooseHolder(sight({ movedAt: BEGAN - 20_000 }, [status, 'ACTIVE']))).toBeUndefined();
  },
);

test.each(['ACTIVE', 'MIGRATING', 'VERIFY_RESIZE', 'RESIZE', 'REBOOT', 'HARD_REBOOT', 'PASSWORD', 'UNKNOWN'])(
  'it stays at one that is %s and answers',
  (status) => {
    expect(chooseHolder(sight({}, [status, 'ACTIVE', 'ACTIVE']))).toBeUndefined();
  },
);

test('it is led to none that has not joined', () => {
  const machines = ['SHUTOFF', 'ACTIVE', 'ACTIVE'].map((status, index) => ({ index, status, isMember: index !== 1 }));
  expect(chooseHolder(sight({ machines }))).toMatchObject({ index: 2 });
});

test('in silence each machine has its turn once, it is led back to where it was, and then goes on once in ten minutes', () => {
  expect(play(2_000)).toEqual(['21 1', '42 2', '63 0', '664 1', '1265 2', '1866 0']);
  expect(play(600, { at: 1 }, ['ACTIVE', 'ACTIVE', 'SHUTOFF'])).toEqual(['21 0', '42 1']);
  expect(play(600, {}, ['ACTIVE', 'SHUTOFF', 'GONE'])).toEqual([]);
});

test('another silence is another round', () => {
  expect(play(100, { round: { since: BEGAN - 60 * MINUTE, moves: 3 }, movedAt: BEGAN - MINUTE })).toHaveLength(3);
});

test('while other seeds fell silent with it, it stays for ten minutes', () => {
  expect(play(700, { othersSilentSince: [BEGAN + 30_000] })[0]).toBe('601 1');
  expect(play(100, { othersSilentSince: [BEGAN - 60 * MINUTE] })[0]).toBe('21 1');
});
