/** What Seedbed acts by in the customer's project: whether it holds, and how another takes its place. */
import {
  CALLER_TOKEN,
  type CloudCredentials,
  type CredentialFacts,
  checkFacts,
  type HandedCredential,
  hasRight,
  NO_CREDENTIAL,
  newUserCredential,
  RENEW_CREDENTIAL,
  refused,
  sealedAt,
  type UserCredential,
  type WantedTrust,
  type WantedUserCredential,
} from '../../domain/cloudCredential.ts';
import type { TrustReference } from '../../domain/cluster.ts';
import { NotFound, UserError } from '../../domain/errors.ts';
import { randomToken } from '../../lib/ids.ts';
import type { Tx } from '../../store/open.ts';
import { patchCluster } from '../../store/reconcile.ts';
import { wakeNodeGroups, wakeNodes } from '../../store/wake.ts';
import { doomUserCredentials, ensureClusterUser, enterAsUser, makeUserCredential } from './clusterUser.ts';
import { hasProjectCredential, lendProjectCredential, retireProjectCredential } from './projectCredential.ts';
import type { ClusterScope } from './scope.ts';
import { checkTrust, doomTrusts, holdTrust, makeTrust, refuseStale, trustHolds } from './trust.ts';

/** Undefined when it logs nobody in any more. */
const inspect = async (
  scope: ClusterScope,
  { kind, id, sealed }: HandedCredential | UserCredential,
): Promise<CredentialFacts | undefined> => {
  const secret = scope.world.secrets.open(sealed, sealedAt(scope.row.id));
  const { identity } = scope.world.clouds.forCredential({ id, secret, ...(kind === 'CLUSTER_USER' && { ofCluster: true }) });
  try {
    const { userId } = await identity.whoAmI();
    // A token that is still remembered would not say that it was deleted.
    const { id: _, ...facts } = await identity.getApplicationCredential(userId, id);
    return { ...facts, userId };
  } catch (error) {
    if (error instanceof NotFound || (error instanceof UserError && error.code === 'CLOUD_CREDENTIAL')) return undefined;
    throw error;
  }
};

/** @throws CLOUD_CREDENTIAL when what is in use holds no longer. */
export const checkRight = async (scope: ClusterScope): Promise<void> => {
  const current = scope.row.credential?.current ?? null;
  if (current === null) return checkTrust(scope);
  if (await holds(scope)) return;
  if (current.kind === 'CLUSTER_USER') return renewUserCredential(scope);
  // As with a trust: who asked for something during this look has brought the remedy.
  await scope.write((tx) => refuseStale(tx, scope));
  throw new UserError(
    'CLOUD_CREDENTIAL',
    `The application credential ${JSON.stringify(current.name)}, by which Seedbed acts in the project, holds no longer: it was deleted or has ended, or its user was deleted, disabled or lost a role, and Keystone ended it with that; ${RENEW_CREDENTIAL}.`,
    { whoMustAct: 'CUSTOMER' },
  );
};

/** Whether what is in use still holds; false where there is nothing. */
export const holds = async (scope: ClusterScope): Promise<boolean> => {
  const { trust, credential } = scope.row;
  const current = credential?.current ?? null;
  if (current === null) return trust?.trustId != null && (await trustHolds(scope, trust.trustId));
  return (await inspect(scope, current)) !== undefined;
};

/** Puts what was asked for in place of what is in use. @throws CLOUD_CREDENTIAL when it is not good for that: what is in use stays. */
export const takeNext = async (scope: ClusterScope): Promise<void> => {
  const { next } = scope.row.credential ?? NO_CREDENTIAL;
  if (next?.kind === 'APPLICATION_CREDENTIAL') await takeCredential(scope, next);
  if (next?.kind === 'TRUST') await takeTrust(scope, next);
  if (next?.kind === 'CLUSTER_USER') await takeUserCredential(scope, next);
};

/** Another for the cluster's own user, as Keystone has ended the one in use: by the user's own password, once that lets it in with all that it had. */
const renewUserCredential = async (scope: ClusterScope): Promise<void> => {
  const { row, world } = scope;
  if (row.credential === null) return;
  await enterAsUser(scope, row.credential.current?.roles ?? []);
  const next = { ...newUserCredential(row, { randomToken, seal: world.secrets.seal }), again: true as const };
  const credential = { ...row.credential, next };
  await scope.write(async (tx) => {
    await refuseStale(tx, scope);
    await patchCluster(tx, row.id, { credential });
  });
  row.credential = credential;
  await takeUserCredential(scope, next);
};

const takeUserCredential = async (scope: ClusterScope, next: WantedUserCredential): Promise<void> => {
  if (next.again !== true) await ensureClusterUser(scope);
  const current = await makeUserCredential(scope, next);
  await take(scope, null, current, async (tx) => {
    await retireProjectCredential(tx, scope);
    await doomTrusts(tx, scope, null);
    await doomUserCredentials(tx, scope, current.name);
  });
};

const takeCredential = async (scope: ClusterScope, next: HandedCredential): Promise<void> => {
  const facts = await factsOf(scope, next);
  checkFacts(facts, { projectId: scope.row.projectId, wanted: scope.world.settings.trustRoles, now: scope.clock.now() });
  await take(scope, null, { ...next, ...facts }, async (tx) => {
    await retireProjectCredential(tx, scope);
    await doomTrusts(tx, scope, null);
    await doomUserCredentials(tx, scope, null);
  });
};

const factsOf = async (scope: ClusterScope, next: HandedCredential): Promise<CredentialFacts> => {
  const facts = await inspect(scope, next).catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    throw refused(
      `Keystone does not let the application credential look at itself (${error.message.replace(/\.$/, '')}); make it without access rules, or let them allow that.`,
    );
  });
  if (facts !== undefined) return facts;
  throw refused(
    `Keystone does not know the application credential ${next.id} with this secret, or it has ended; look at both, and hand it in again.`,
  );
};

const takeTrust = async (scope: ClusterScope, { kind: _, ...terms }: WantedTrust): Promise<void> => {
  const trust = await makeTrust(scope, terms);
  if (trust.trustId !== null) await lendProjectCredential(scope, trust.trustId, true);
  await take(scope, trust, null, async (tx) => {
    await doomTrusts(tx, scope, trust.expiresAt);
    await doomUserCredentials(tx, scope, null);
  });
};

/** In one write, so that at no moment there is none; groups and nodes go on by the new one. */
const take = async (
  scope: ClusterScope,
  trust: TrustReference | null,
  current: CloudCredentials['current'],
  more: (tx: Tx) => Promise<void>,
): Promise<void> => {
  const { row } = scope;
  const now = scope.clock.now();
  const credential: CloudCredentials = { current, next: null, since: hasRight(row) ? now : null };
  await scope.write(async (tx) => {
    await refuseStale(tx, scope);
    await patchCluster(tx, row.id, { trust, credential });
    await more(tx);
    await wakeNodeGroups(tx, row.id, now, true);
    await wakeNodes(tx, { clusterId: row.id }, now, true);
  });
  Object.assign(row, { trust, credential });
};

/** For a removal: whoever deletes lends a trust in case that what is in use holds no longer. */
export const renewRight = async (scope: ClusterScope): Promise<void> => {
  const { row } = scope;
  // Without a right so far there is nothing in the cloud either.
  if (!hasRight(row)) return;
  if (row.trust?.heir !== undefined) return holdTrust(scope);
  // The user goes last of all, when nothing needs it any more.
  if (row.credential?.current?.kind === 'CLUSTER_USER' && row.sweep?.at != null) return;
  if (row.credential?.next == null) {
    if (row.credential?.current?.kind === 'CLUSTER_USER' && !(await holds(scope))) await renewUserCredential(scope);
    return;
  }
  if (!(await holds(scope))) return takeNext(scope);
  const tokenNeeded = await hasProjectCredential(scope);
  const credential = { ...row.credential, next: null };
  const now = scope.clock.now();
  await scope.write(async (tx) => {
    await refuseStale(tx, scope);
    await patchCluster(tx, row.id, { credential });
    if (!tokenNeeded) await scope.world.secrets.remove(tx, row.id, CALLER_TOKEN);
    await wakeNodeGroups(tx, row.id, now, true);
    await wakeNodes(tx, { clusterId: row.id }, now, true);
  });
  row.credential = credential;
};
