/** How often may be asked: from each address, whoever it is, and by each project; and once more of mutations, for each writes to the audit log. */
import type { Actor } from '../domain/actor.ts';
import { RateLimited } from '../domain/errors.ts';
import { createBuckets } from '../lib/buckets.ts';
import type { Log } from '../lib/log.ts';
import type { AskedBy } from './askedBy.ts';
import { type AddressOf, networkOf } from './callerAddress.ts';

/** So many at once, and as many a minute from then on; -1: no limit. */
export interface RateSettings {
  addressRequestsPerMinute: number;
  projectRequestsPerMinute: number;
  projectMutationsPerMinute: number;
}

/** What is limited, as a metric's label. */
export type RateName = 'address' | 'project' | 'mutations';

/** Each takes what is asked for, or throws RateLimited and takes nothing. */
export interface Rates {
  /** Before it is known who asks: guesses at tokens count, too. */
  takeRequest(request: AskedBy): void;
  takeCall(actor: Actor): void;
  takeMutations(actor: Actor, count: number): void;
  /** Whether a mutation of the actor's project that was refused here is to be written down: once a minute. */
  isNoted(actor: Actor): boolean;
}

export interface RateDeps {
  settings: RateSettings & { trustedProxies: readonly string[] };
  addressOf: AddressOf;
  now(): number;
  log: Log;
  onRefused(name: RateName): void;
}

export const createRates = ({ settings, addressOf, now, log, onRefused }: RateDeps): Rates => {
  const limited = (name: RateName, perMinute: number, what: string) => {
    const buckets = perMinute === -1 ? null : createBuckets({ perMinute, now });
    return (key: string, tokens = 1): void => {
      const waitMs = buckets?.take(key, tokens) ?? 0;
      if (waitMs === 0) return;
      onRefused(name);
      throw new RateLimited(`Too many ${what}: ${perMinute} a minute may be sent`, waitMs);
    };
  };
  const ofAddress = limited('address', settings.addressRequestsPerMinute, 'requests from this address');
  const ofProject = limited('project', settings.projectRequestsPerMinute, 'requests of this project');
  const ofMutations = limited('mutations', settings.projectMutationsPerMinute, 'mutations of this project');
  const notes = createBuckets({ perMinute: 1, now });
  const warn = createWarning(log, settings.trustedProxies.length > 0);
  return {
    takeRequest: (request) => {
      if (settings.addressRequestsPerMinute === -1) return;
      const address = addressOf(request);
      try {
        ofAddress(networkOf(address));
      } catch (error) {
        warn(request, address);
        throw error;
      }
    },
    takeCall: (actor) => ofProject(keyOf(actor)),
    takeMutations: (actor, count) => ofMutations(keyOf(actor), count),
    isNoted: (actor) => notes.take(keyOf(actor)) === 0,
  };
};

/** Tokens without a project are counted by their user. */
const keyOf = ({ projectId, userId }: Actor): string => (projectId === null ? `user ${userId}` : projectId);

/** Said once, where no proxy is named: all who come through one share its limit. */
const createWarning = (log: Log, knowsProxies: boolean) => {
  let isSaid = knowsProxies;
  return ({ headers }: AskedBy, address: string): void => {
    if (isSaid || headers['x-forwarded-for'] === undefined) return;
    isSaid = true;
    log.warn(
      { address },
      'an address sends too many requests, and says that they are of others (X-Forwarded-For): if it is your proxy, name it in SEEDBED_TRUSTED_PROXIES',
    );
  };
};
