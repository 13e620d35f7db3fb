/** The authority that signs the certificates of cluster-autoscalers: made at the first start that needs it, kept sealed. */
import type { Clock } from './lib/clock.ts';
import type { KeyPair } from './pki/authority.ts';
import { createProviderAuthority } from './pki/provider.ts';
import type { Store } from './store/open.ts';
import type { Secrets } from './store/secrets.ts';

/** Among the secrets, whose other owners are clusters, seeds and nodes. */
const OWNER = 'seedbed';
const NAME = 'autoscalerAuthority';

export const loadAutoscalerAuthority = async (deps: { store: Store; secrets: Secrets; clock: Clock }): Promise<KeyPair> => {
  const { store, secrets, clock } = deps;
  const known = await secrets.find(store.db, OWNER, NAME);
  if (known !== undefined) return JSON.parse(known) as KeyPair;
  const made = await createProviderAuthority({ now: clock.now });
  await store.transaction((tx) => secrets.put(tx, OWNER, NAME, JSON.stringify(made), clock.now()));
  return made;
};
