/** What a cluster's Keystone trust will be made of: a caller's token, kept sealed until the reconciler has seen that there is a trust that holds. */
import { CALLER_TOKEN } from '../domain/cloudCredential.ts';
import type { TrustReference, TrustTerms } from '../domain/cluster.ts';
import { UserError } from '../domain/errors.ts';
import type { Tx } from '../store/open.ts';
import { type ClusterRow, patchCluster } from '../store/reconcile.ts';
import { wakeNow } from '../store/wake.ts';
import type { Call, CommandDeps } from './call.ts';

const TEN_YEARS_MS = 10 * 365 * 86_400_000;

/** @throws FORBIDDEN when the caller has none of the roles that Seedbed needs. */
export const newTrust = (deps: CommandDeps, call: Call): TrustReference => ({ trustId: null, ...newTerms(deps, call) });

/** @throws FORBIDDEN like newTrust. */
export const newTerms = (deps: CommandDeps, call: Call): TrustTerms => {
  const roles = delegated(deps, call);
  if (roles.length === 0)
    throw new UserError(
      'FORBIDDEN',
      `Seedbed acts in your project with one of the roles ${deps.settings.trustRoles.join(', ')}, and you have none to lend; ask for it.`,
    );
  return termsOf(deps, call, roles);
};

const termsOf = (deps: CommandDeps, call: Call, roles: string[]): TrustTerms => ({
  trustorUserId: call.actor.userId,
  roles,
  expiresAt: trustExpiry(deps),
});

const delegated = (deps: CommandDeps, call: Call): string[] => deps.settings.trustRoles.filter((role) => call.actor.roles.includes(role));

/**
 * Keystone takes no two trusts between the same people with the same expiry, not even after one was deleted, so a random moment in
 * the eleventh year is this cluster's own key. Seconds differ too: some answers of Keystone's leave the fraction out.
 */
const trustExpiry = (deps: CommandDeps): string => {
  const random = Number.parseInt(deps.newId().replaceAll('-', '').slice(0, 12), 16);
  const seconds = new Date(deps.clock.now() + TEN_YEARS_MS + (random % 31_536_000) * 1000).toISOString().slice(0, 19);
  const micros = Math.floor(random / 31_536_000) % 1_000_000;
  return `${seconds}.${String(micros).padStart(6, '0')}Z`;
};

/**
 * Keeps the caller's token in case the cluster's trust was never made, or is dead: its trustor may be gone, or somebody may have
 * deleted it. Only the reconciler can see that, and forgets the token when all is well.
 */
export const refreshTrust = async (tx: Tx, deps: CommandDeps, call: Call, cluster: ClusterRow): Promise<void> => {
  // A token of another project cannot delegate anything in this one.
  if (cluster.deletedAt !== null || call.actor.projectId !== cluster.projectId) return;
  const roles = delegated(deps, call);
  const change = roles.length === 0 ? null : renewed(deps, call, roles, cluster);
  if (change === null) return;
  const now = deps.clock.now();
  await deps.secrets.put(tx, cluster.id, CALLER_TOKEN, call.token, now);
  await patchCluster(tx, cluster.id, change);
  await wakeNow(tx, 'CLUSTER', cluster.id, now);
};

const renewed = (deps: CommandDeps, call: Call, roles: string[], { trust: lent, credential, deleteRequestedAt }: ClusterRow) => {
  const terms = termsOf(deps, call, roles);
  const deleting = deleteRequestedAt !== null;
  if (credential?.current != null)
    // Whoever handed in a credential did not mean his own rights; a deletion must end, though.
    return deleting ? { credential: { ...credential, next: { kind: 'TRUST' as const, ...terms } } } : null;
  // The token is another's, who asked for a trust of his.
  if (lent === null || (credential?.next != null && !deleting)) return null;
  const { heir: _, ...trust } = lent;
  const makesIt = trust.trustId === null && trust.trustorUserId === call.actor.userId;
  return {
    trust: makesIt ? trust : { ...trust, heir: terms },
    ...(credential !== null && { credential: { ...credential, next: null } }),
  };
};
