/** Seedbed's own authorities, for the ends of its that pods in the seeds dial: made at the first start that needs one, kept sealed. */
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
  const { store, secrets, clock } = deps;
  const known = await secrets.find(store.db, OWNER, name);
  if (known !== undefined) return JSON.parse(known) as KeyPair;
  const made = await createAuthority(AUTHORITIES[name], { now: clock.now });
  await store.transaction((tx) => secrets.put(tx, OWNER, name, JSON.stringify(made), clock.now()));
  return made;
};
