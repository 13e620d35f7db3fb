/** Answers to queries, good for as long as nothing is committed: what a front end asks every few seconds is answered from memory. */
import type { Actor } from '../domain/actor.ts';

export interface KeptAnswers {
  /** The answer's text, if it was made for this very actor when the database was as it is now. */
  find(actor: Actor, key: string): string | undefined;
  /** `version`: of the database, from before the answer was made. One that is old already is not kept. */
  keep(actor: Actor, key: string, version: number, answer: string): void;
}

/** Characters of all answers and their keys together, and of one. */
const MAX_KEPT = 8_388_608;
const MAX_KEPT_ONE = 524_288;

/**
 * `versionOf` tells whether anything was committed since: another number, another database. An actor is one look at a token, half a
 * minute at most: whoever is looked at again, or has lost a right, begins anew.
 */
export const createKeptAnswers = (versionOf: () => number, limits = { all: MAX_KEPT, one: MAX_KEPT_ONE }): KeptAnswers => {
  let kept = new WeakMap<Actor, Map<string, string>>();
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
      const size = key.length + answer.length;
      if (made !== version || size > limits.one) return;
      if (characters + size > limits.all) {
        kept = new WeakMap();
        characters = 0;
      }
      characters += size;
      const own = kept.get(actor) ?? new Map<string, string>();
      kept.set(actor, own.set(key, answer));
    },
  };
};
