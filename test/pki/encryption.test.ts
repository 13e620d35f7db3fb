import { expect, test } from 'vitest';
import { createEncryption, type Encryption, nextEncryption, phaseOf } from '../../src/pki/encryption.ts';

const numbers = ({ keys }: Encryption) => keys.map(({ number }) => number);
/** Every form that a rotation goes through, from one that all servers read to the next. */
const walk = (from: Encryption, wanted: number): { keys: number[]; rewritten: boolean; plain: boolean }[] => {
  const forms: { keys: number[]; rewritten: boolean; plain: boolean }[] = [];
  for (let now = from; ; ) {
    const change = nextEncryption({ ...now, spread: true }, wanted);
    if (change === undefined) return forms;
    expect(change.after.spread).toBe(false);
    now = change.after;
    forms.push({ keys: numbers(now), rewritten: change.rewrite, plain: now.plain });
  }
};

test('a new cluster has one key of 32 bytes, takes nothing that is not sealed, and has nothing to do', () => {
  const fresh = createEncryption(true);
  expect(fresh).toMatchObject({ plain: false, turn: 0, spread: true });
  expect(Buffer.from(fresh.keys[0]?.secret ?? '', 'base64')).toHaveLength(32);
  expect(fresh.keys[0]?.secret).not.toBe(createEncryption(true).keys[0]?.secret);
  expect(walk(fresh, 0)).toEqual([]);
});

test('a cluster from before reads what is there, writes it anew, and then takes nothing in clear', () => {
  const old = createEncryption(false);
  expect(old).toMatchObject({ plain: true, spread: false });
  expect(walk(old, 0)).toEqual([{ keys: [1], rewritten: true, plain: false }]);
});

test('a rotation adds the key, puts it first, writes all anew and only then drops the old one', () => {
  expect(walk(createEncryption(true), 1)).toEqual([
    { keys: [1, 2], rewritten: false, plain: false },
    { keys: [2, 1], rewritten: false, plain: false },
    { keys: [2], rewritten: true, plain: false },
  ]);
  expect(walk(createEncryption(true), 2).at(-1)?.keys).toEqual([3]);
});

test('no server ever writes with a key that one of the form before cannot read', () => {
  let now = createEncryption(false);
  for (let i = 0; i < 20; i += 1) {
    const change = nextEncryption({ ...now, spread: true }, 3);
    if (change === undefined) return;
    expect(numbers(now)).toContain(numbers(change.after)[0]);
    expect(phaseOf(change.after)).not.toBe('');
    now = change.after;
  }
  throw new Error('it never ends');
});
