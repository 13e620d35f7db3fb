/** The Keystone trust by which Seedbed acts in the customer's project, made with a caller's own token. */
import { UserError } from '../../../domain/errors.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { listInventory, noteState } from '../../../store/inventory.ts';
import { endProjectCredential } from '../projectCredential.ts';
import type { ClusterScope } from '../scope.ts';
import { sweep } from '../sweep.ts';
import { checkTrust, findTrustNoted, holdTrust, isTrustNote, trustKey } from '../trust.ts';

export const cloudCredential: Step<ClusterScope> = {
  name: 'CloudCredentialReady',
  title: 'Get the right to act in the project',
  usuallyMs: 5_000,
  ensure: async (scope) => {
    const { trust, state } = scope.row;
    if (trust !== null && trust.trustId !== null && trust.heir === undefined) {
      // On the way to READY the steps after this one find out by themselves.
      if (state === 'READY' || state === 'DEGRADED') await checkTrust(scope);
      return done();
    }
    await holdTrust(scope);
    return done();
  },
  remove: async (scope) => {
    const held = await sweep(scope);
    if (held !== null) return held;
    // Whoever lent them: each is ended by its own token, which needs nobody at hand.
    for (const note of (await listInventory(scope.db, scope.row.id)).filter(isTrustNote)) {
      const trustId = note.externalId ?? (await findTrustNoted(scope, note))?.id;
      if (trustId !== undefined) await endTrust(scope, trustId);
      await scope.write((tx) => noteState(tx, trustKey(scope, note.name), 'GONE', scope.clock.now()));
    }
    const left = await endProjectCredential(scope);
    await scope.write((tx) => scope.world.secrets.remove(tx, scope.row.id));
    return done(left ?? '');
  },
};

/** A trust that no longer logs anybody in is gone already, with its trustor or by a hand. */
const endTrust = async (scope: ClusterScope, trustId: string): Promise<void> => {
  try {
    await scope.trusted(trustId).identity.deleteTrust(trustId);
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'CLOUD_CREDENTIAL') throw error;
  }
};
