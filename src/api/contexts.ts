/** Makes the context of a request, or of an operation on a socket. */
import type { ApiParts, Asking, Context } from './context.ts';
import { judgeOf, serviceTokenOf } from './credentials.ts';
import { createLoaders, type Loaders } from './loaders.ts';
import type { Origin } from './origin.ts';
import type { OpenSession } from './session.ts';

export interface ContextDeps {
  open: OpenSession;
  originOf(request: Asking['request']): Origin;
}

/** What all share is on the prototype: a copy with getters of its own takes V8 two kilobytes, and each live subscription keeps one. */
export const createContexts = (parts: ApiParts, deps: ContextDeps): ((asking: Asking) => Context) => {
  const base: ApiParts & Pick<Context, 'loaders'> = {
    ...parts,
    get loaders() {
      const { actor, isLive } = this as Own;
      if (isLive) return parts.reads.loaders(actor);
      // Made when they are used.
      (this as Own).made ??= createLoaders(parts.store.db, actor);
      return (this as Own).made as Loaders;
    },
    set loaders(others) {
      (this as Own).made = others;
    },
  };
  return (asking) => {
    const context: Own = Object.create(base);
    context.actor = asking.actor;
    context.token = asking.token;
    context.requestId = asking.ids.requestId;
    context.openstackRequestId = asking.ids.passedOn;
    context.origin = deps.originOf(asking.request);
    context.refused = [];
    context.stand = standOf(deps, asking);
    context.isLive = false;
    context.made = null;
    return context;
  };
};

interface Own extends Context {
  /** Its own loaders. */
  made: Loaders | null;
}

/** A socket's streams rest on its session, which outlives them; any other stream has one of its own. */
const standOf = ({ open }: ContextDeps, { token, ids, request, session }: Asking): Context['stand'] => {
  if (session !== undefined) return () => Promise.resolve({ standing: session, release: nothing });
  // Now: the address may be written anew for Yoga.
  const judge = judgeOf(request);
  const credentials = { token, serviceToken: serviceTokenOf(request) };
  return async () => {
    const own = await open(credentials, ids.passedOn, judge);
    return own === null ? null : { standing: own, release: () => own.close() };
  };
};

const nothing = (): void => {};
