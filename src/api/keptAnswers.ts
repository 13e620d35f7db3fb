/** Answers to queries, good for as long as nothing is committed: what a front end asks every few seconds is answered from memory. */
import type { Actor } from '../domain/actor.ts';
import type { Encoding } from './compression.ts';

export interface Answer {
  text: string;
  /** What it is in fewer bytes, as far as somebody asked for that; null: not in fewer. */
  packed: Partial<Record<Encoding, Promise<Buffer | null>>>;
}

export interface KeptAnswers {
  /** The answer, if it was made for this very actor when the database was as it is now. */
  find(actor: Actor, key: string): Answer | undefined;
  /** `version`: of the database, from before the answer was made. One that is old already is not kept. */
  keep(actor: Actor, key: string, version: number, answer: Answer): void;
}

/** Characters of all answers, their keys and what they are packed together, and of one. */
const MAX_KEPT = 8_388_608;
const MAX_KEPT_ONE = 1_048_576;

/**
 * `versionOf` tells whether anything was committed since: another number, another database. An actor is one look at a token, half a
 * minute at most: whoever is looked at again, or has lost a right, begins anew.
 */
export const createKeptAnswers = (versionOf: () => number, limits = { all: MAX_KEPT, one: MAX_KEPT_ONE }): KeptAnswers => {
  let kept = new WeakMap<Actor, Map<string, Answer>>();
  let version = Number.NaN;
  let characters = 0;
  /** Of older versions nothing is of use any more. */
  const isCurrent = (): boolean => {
    const now = versionOf();
    if (now === version) return true;
    kept = new WeakMap();
    version = now;
    characters = 0;
    return false;
  };
  return {
    find: (actor, key) => (isCurrent() ? kept.get(actor)?.get(key) : undefined),
    keep: (actor, key, made, answer) => {
      isCurrent();
      // Packed by both ways it is hardly longer than the text.
      const size = key.length + 2 * answer.text.length;
      if (made !== version || size > limits.one) return;
      if (characters + size > limits.all) {
        kept = new WeakMap();
        characters = 0;
      }
      characters += size;
      const own = kept.get(actor) ?? new Map<string, Answer>();
      kept.set(actor, own.set(key, answer));
    },
  };
};
