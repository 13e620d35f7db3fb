/** Another right to act in the project, when somebody asks: it is in use everywhere before the one before it is ended. */

import { addonStepName } from '../../../domain/addons.ts';
import { CALLER_TOKEN, hasRight } from '../../../domain/cloudCredential.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { listInventory } from '../../../store/inventory.ts';
import { patchCluster } from '../../../store/reconcile.ts';
import { findLate } from '../../rollout.ts';
import { endUserCredentials } from '../clusterUser.ts';
import { endRetired } from '../projectCredential.ts';
import { takeNext } from '../right.ts';
import type { ClusterScope } from '../scope.ts';
import { endTrusts, isTrustNote, refuseStale } from '../trust.ts';
import { addonSteps } from './addons.ts';
import { cloudCredential } from './cloudCredential.ts';

export const credentialSwap: Step<ClusterScope> = {
  name: 'CloudCredentialSwapped',
  title: 'Put the new cloud credential in use',
  usuallyMs: 5_000,
  needs: [cloudCredential],
  wanted: ({ row }) => hasRight(row) && row.credential?.next != null,
  ensure: async (scope) => {
    await takeNext(scope);
    return done();
  },
};

const readers = new Set([addonStepName('cloudController'), addonStepName('cinderCsi')]);

export const credentialEnd: Step<ClusterScope> = {
  name: 'FormerCloudCredentialEnded',
  title: 'End the former cloud credential',
  usuallyMs: 60_000,
  needs: [credentialSwap, ...addonSteps.filter(({ name }) => readers.has(name))],
  wanted: ({ row }) => row.credential?.since != null,
  ensure: async (scope) => {
    const { row, clock } = scope;
    const credential = row.credential;
    if (credential?.since == null) return done();
    // Steps beside this one, and nodes, may be at work by the former one.
    const left = credential.since + scope.cutOffMs - clock.now();
    if (scope.credentialChanged() || left > 0) return waiting('everything to act by the new cloud credential', Math.max(100, left));
    const late = row.seedId === null ? undefined : await findLate(scope);
    if (late !== undefined) return waiting(`${late} to read the new cloud credential`, 2_000);
    const doomed = (await listInventory(scope.db, row.id)).filter((note) => isTrustNote(note) && note.state === 'DELETING');
    await endTrusts(scope, doomed);
    const stay = [...(await endRetired(scope)), ...(await endUserCredentials(scope))];
    const after = credential.current === null && credential.next === null ? null : { ...credential, since: null };
    await scope.write(async (tx) => {
      await refuseStale(tx, scope);
      await patchCluster(tx, row.id, { credential: after });
      if (credential.next === null) await scope.world.secrets.remove(tx, row.id, CALLER_TOKEN);
    });
    row.credential = after;
    return done(stay.join(' '));
  },
};
