/** Sees to it that the cluster has a trust that holds: finds it, adopts what an interrupted pass made, or makes another. */
import { CALLER_TOKEN } from '../../domain/cloudCredential.ts';
import { RENEW_TRUST, type TrustReference, type TrustTerms } from '../../domain/cluster.ts';
import { NotFound, Unavailable, UserError } from '../../domain/errors.ts';
import { NotYet } from '../../engine/flow.ts';
import { stableJson } from '../../lib/json.ts';
import type { Trust } from '../../openstack/identity.ts';
import { type InventoryKey, type InventoryRow, listInventory, notePresent, noteState } from '../../store/inventory.ts';
import type { Tx } from '../../store/open.ts';
import { loadCluster, patchCluster } from '../../store/reconcile.ts';
import { wakeNodeGroups, wakeNodes } from '../../store/wake.ts';
import { ensureResource } from '../resource.ts';
import { hasProjectCredential, lendProjectCredential } from './projectCredential.ts';
import type { ClusterScope } from './scope.ts';

const trustKey = (scope: ClusterScope, expiresAt: string): InventoryKey => scope.key('IDENTITY', 'trust', expiresAt);
export const isTrustNote = (note: InventoryRow): boolean => note.service === 'IDENTITY' && note.kind === 'trust' && note.state !== 'GONE';

/** What was asked for under this note, whoever lent it. */
const findTrustNoted = (scope: ClusterScope, note: { name: string }): Promise<Trust | undefined> =>
  scope.world.clouds.asTrustee().identity.findLentTrust({ projectId: scope.row.projectId, expiresAt: note.name });

/** @throws CLOUD_CREDENTIAL when the cluster's trust holds no longer. */
export const checkTrust = async (scope: ClusterScope): Promise<void> => {
  const { trust, projectId } = scope.row;
  const trustId = trust?.trustId ?? null;
  if (trust === null || trustId === null) return;
  if (await scope.world.trusts.holds({ ...trust, trustId, projectId }, () => trustHolds(scope, trustId))) return;
  // A member who asked for something during this look has brought the remedy with that: he is not told to.
  await scope.write((tx) => refuseStale(tx, scope));
  throw new UserError(
    'CLOUD_CREDENTIAL',
    `The trust by which Seedbed acts in the project holds no longer: it was deleted, or its trustor is gone; ${RENEW_TRUST}.`,
    { whoMustAct: 'CUSTOMER' },
  );
};

/** @throws CLOUD_CREDENTIAL when nobody has lent the cluster a trust that holds. */
export const holdTrust = async (scope: ClusterScope): Promise<void> => {
  const { trust } = scope.row;
  if (trust === null)
    throw new UserError('CLOUD_CREDENTIAL', 'The cluster has no record of who asked for it; delete it and create it again.');
  const { trustId, heir, ...terms } = trust;
  if (trustId !== null && (await trustHolds(scope, trustId))) return keep(scope, { ...terms, trustId });
  // Whoever asked first may have lent one in a pass that was interrupted.
  const lent = heir === undefined ? undefined : await adopt(scope, heir);
  if (lent !== undefined) return keep(scope, lent);
  await keep(scope, await makeTrust(scope, heir ?? terms));
};

/** The trust's own token is asked for the trust: Keystone ends it with the trust, its trustor, or a role that was lent. */
export const trustHolds = async (scope: ClusterScope, trustId: string): Promise<boolean> => {
  try {
    await scope.trusted(trustId).identity.getTrust(trustId);
    return true;
  } catch (error) {
    if (error instanceof UserError && error.code === 'CLOUD_CREDENTIAL') return false;
    if (!(error instanceof NotFound)) throw error;
    // Its own token was taken. A moment's "not found" is no reason to have somebody lend another.
    if (!(await scope.world.clouds.asTrustee().identity.lentTrustIds()).has(trustId)) return false;
    const message = `Keystone does not find trust ${trustId}, and lists it all the same.`;
    throw new Unavailable('CLOUD_UNAVAILABLE', message, { ...error.detail, cause: error });
  }
};

const adopt = async (scope: ClusterScope, heir: TrustTerms): Promise<TrustReference | undefined> => {
  const open = (await listInventory(scope.db, scope.row.id)).filter((note) => isTrustNote(note) && note.externalId === null);
  for (const note of open) {
    if (note.name === heir.expiresAt) continue;
    const found = await findTrustNoted(scope, note);
    if (found !== undefined && (await trustHolds(scope, found.id))) {
      await scope.write((tx) => notePresent(tx, trustKey(scope, note.name), found.id, scope.clock.now()));
      const { roles } = await scope.trusted(found.id).identity.getTrust(found.id);
      return { trustId: found.id, trustorUserId: found.trustorUserId, roles, expiresAt: note.name };
    }
    const left = note.updatedAt + scope.cutOffMs - scope.clock.now();
    if (found === undefined && left > 0) throw new NotYet('the outcome of an interrupted request for a trust', Math.min(left, 1_000));
  }
  return undefined;
};

/** With the token of whoever asked last. @throws CLOUD_CREDENTIAL when it has ended. */
export const makeTrust = async (scope: ClusterScope, terms: TrustTerms): Promise<TrustReference> => {
  const token = await scope.world.secrets.find(scope.db, scope.row.id, CALLER_TOKEN);
  if (token === undefined) throw freshTokenNeeded();
  const { identity } = scope.world.clouds.forToken(token);
  const { trustorUserId, expiresAt, roles } = terms;
  const trusteeUserId = await scope.world.clouds.trusteeUserId();
  const key = { trustorUserId, trusteeUserId, projectId: scope.row.projectId, expiresAt };
  const trustId = await ensureResource(scope, {
    key: trustKey(scope, expiresAt),
    find: () => identity.findTrust(key),
    create: () => identity.createTrust({ ...key, roles }),
  });
  return { ...terms, trustId };
};

/** Notes the trust that holds, with what else the token is good for; it is not needed any more, and the groups and nodes go on. */
const keep = async (scope: ClusterScope, trust: TrustReference): Promise<void> => {
  const { row, clock, world } = scope;
  if (trust.trustId !== null) await lendProjectCredential(scope, trust.trustId);
  const now = clock.now();
  // What is ended last of all is ended by its owner's token.
  const swapping = row.credential !== null && (row.credential.next !== null || row.credential.since !== null);
  const tokenNeeded = swapping || (row.deleteRequestedAt !== null && (await hasProjectCredential(scope)));
  await scope.write(async (tx) => {
    await refuseStale(tx, scope);
    await patchCluster(tx, row.id, { trust });
    if (!tokenNeeded) await world.secrets.remove(tx, row.id, CALLER_TOKEN);
    // One that gave out may come to life again with its trustor's rights: it is ended with the cluster.
    await doomTrusts(tx, scope, trust.expiresAt);
    await wakeNodeGroups(tx, row.id, now, true);
    await wakeNodes(tx, { clusterId: row.id }, now, true);
  });
  row.trust = trust;
};

/** All of the cluster's but this one are to be ended. */
export const doomTrusts = async (tx: Tx, scope: ClusterScope, but: string | null): Promise<void> => {
  for (const note of (await listInventory(tx.db, scope.row.id)).filter(isTrustNote))
    if (note.externalId !== null && note.name !== but) await noteState(tx, trustKey(scope, note.name), 'DELETING', scope.clock.now());
};

/** Ends those of these notes that are there: each by its own token, which needs nobody at hand, whoever lent it. */
export const endTrusts = async (scope: ClusterScope, notes: readonly InventoryRow[]): Promise<void> => {
  for (const note of notes) {
    const trustId = note.externalId ?? (await findTrustNoted(scope, note))?.id;
    if (trustId !== undefined) await endTrust(scope, trustId);
    await scope.write((tx) => noteState(tx, trustKey(scope, note.name), 'GONE', scope.clock.now()));
  }
};

/** A trust that no longer logs anybody in is gone already, with its trustor or by a hand. */
const endTrust = async (scope: ClusterScope, trustId: string): Promise<void> => {
  try {
    await scope.trusted(trustId).identity.deleteTrust(trustId);
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'CLOUD_CREDENTIAL') throw error;
  }
};

/** Somebody else has lent his token during this look: it begins anew with his. */
export const refuseStale = async (tx: Tx, { row }: ClusterScope): Promise<void> => {
  const current = await loadCluster(tx.db, row.id);
  if (current !== undefined && stableJson([current.trust, current.credential]) !== stableJson([row.trust, row.credential])) {
    row.trust = current.trust;
    row.credential = current.credential;
    throw new NotYet('the right to act in the project to be looked at', 0);
  }
};

const freshTokenNeeded = () =>
  new UserError('CLOUD_CREDENTIAL', 'The token of the request ended before Seedbed could use it; log in again and retry the operation.', {
    whoMustAct: 'CUSTOMER',
  });
