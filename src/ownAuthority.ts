/** Seedbed's own authorities, for the ends of its that pods in the seeds dial, and its own keys: made at the first start that needs one, kept sealed. */
import { randomBytes } from 'node:crypto';
import type { Clock } from './lib/clock.ts';
import { createAuthority, type KeyPair } from './pki/authority.ts';
import type { Store } from './store/open.ts';
import type { Secrets } from './store/secrets.ts';

/** Among the secrets, whose other owners are clusters, seeds and nodes. */
const OWNER = 'seedbed';

/** By its name among the secrets: the common name of its certificate. */
const AUTHORITIES = { autoscalerAuthority: 'seedbed-autoscaler', backupAuthority: 'seedbed-backup' } as const;

export interface AuthorityDeps {
  store: Store;
  secrets: Secrets;
  clock: Clock;
}

export const loadOwnAuthority = async (deps: AuthorityDeps, name: keyof typeof AUTHORITIES): Promise<KeyPair> => {
  const make = async () => JSON.stringify(await createAuthority(AUTHORITIES[name], { now: deps.clock.now }));
  return JSON.parse(await loadOwn(deps, name, make)) as KeyPair;
};

/** 32 random bytes in hexadecimal, made once. */
export const loadOwnKey = (deps: AuthorityDeps, name: 'backupUrlKey'): Promise<string> =>
  loadOwn(deps, name, async () => randomBytes(32).toString('hex'));

const loadOwn = async ({ store, secrets, clock }: AuthorityDeps, name: string, make: () => Promise<string>): Promise<string> => {
  const known = await secrets.find(store.db, OWNER, name);
  if (known !== undefined) return known;
  const made = await make();
  await store.transaction((tx) => secrets.put(tx, OWNER, name, made, clock.now()));
  return made;
};
