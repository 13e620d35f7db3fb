/** Whether an answer would be the same another time, or for another: told by what of the context it was made of. */
import type { Actor, Seer } from '../domain/actor.ts';
import type { Context } from './context.ts';
import type { Loaders } from './loaders.ts';

export interface WatchedContext {
  context: Context;
  /** Nothing else was looked at so far. */
  isPure(): boolean;
}

/** What an answer may be made of and still be the same until the next commit: not the time, the cloud, or who asks with which id. */
const PURE: ReadonlySet<string | symbol> = new Set<keyof Context>(['actor', 'loaders', 'store', 'log', 'serves', 'serverInfo']);

/** What an answer may be made of, besides, and still be the same for all who see the same. */
const SEEN: ReadonlySet<string | symbol> = new Set<keyof Seer>(['projectId', 'rights']);

/** For answers that are kept for this very actor. */
export const watchContext = (context: Context): WatchedContext => {
  let pure = true;
  const spoil = () => {
    pure = false;
  };
  return { context: watched(context, PURE, spoil), isPure: () => pure };
};

/** For answers that are shared by all who see what `actor` sees; `loaders` are theirs together. */
export const watchSharedContext = (context: Context, actor: Actor, loaders: Loaders): WatchedContext => {
  let pure = true;
  const spoil = () => {
    pure = false;
  };
  const instead = { actor: watched(actor, SEEN, spoil), loaders };
  return { context: watched(context, PURE, spoil, instead), isPure: () => pure };
};

/** The same thing; `spoil` hears when anything else of it is read than what is pure. */
const watched = <T extends object>(thing: T, pure: ReadonlySet<string | symbol>, spoil: () => void, instead: Partial<T> = {}): T =>
  new Proxy(thing, {
    get: (target, name) => {
      if (!pure.has(name)) spoil();
      return Reflect.get(Object.hasOwn(instead, name) ? instead : target, name);
    },
  });
