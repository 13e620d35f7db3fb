/** The right to act in the customer's project: an application credential of a user made for the cluster or handed in, or a trust made with a caller's own token. */
import { describeFacts } from '../../../domain/cloudCredential.ts';
import { done, type Outcome, type Step } from '../../../engine/flow.ts';
import { listInventory } from '../../../store/inventory.ts';
import { endClusterUser } from '../clusterUser.ts';
import { untilDeadline } from '../deletionStage.ts';
import { endProjectCredential, endRetired } from '../projectCredential.ts';
import { checkRight, holds, takeNext } from '../right.ts';
import type { ClusterScope } from '../scope.ts';
import { sweep } from '../sweep.ts';
import { endTrusts, holdTrust, isTrustNote } from '../trust.ts';

export const cloudCredential: Step<ClusterScope> = {
  name: 'CloudCredentialReady',
  title: 'Get the right to act in the project',
  usuallyMs: 5_000,
  ensure: async (scope) => {
    const { row } = scope;
    // One that takes the place of another that works has a step of its own.
    if (row.credential?.next != null && !(await holds(scope))) await takeNext(scope);
    const { trust, credential, state } = row;
    if (credential?.current == null && (trust === null || trust.trustId === null || trust.heir !== undefined)) {
      await holdTrust(scope);
      return done();
    }
    // On the way to READY the steps after this one find out by themselves; what Seedbed can mend by itself it looks at once they have.
    const mends = state === 'FAILED' && credential?.current?.kind === 'CLUSTER_USER';
    if (state === 'READY' || state === 'DEGRADED' || mends) await checkRight(scope);
    return told(scope);
  },
  remove: async (scope) => {
    const held = await sweep(scope);
    return held ?? untilDeadline(scope, { stage: 'CREDENTIAL', work: () => endRight(scope) });
  },
};

const endRight = async (scope: ClusterScope): Promise<Outcome> => {
  await endTrusts(scope, (await listInventory(scope.db, scope.row.id)).filter(isTrustNote));
  await endClusterUser(scope);
  const left = [await endProjectCredential(scope), ...(await endRetired(scope))].filter((text) => text !== null);
  await scope.write((tx) => scope.world.secrets.remove(tx, scope.row.id));
  const { current } = scope.row.credential ?? { current: null };
  if (current?.kind === 'APPLICATION_CREDENTIAL')
    left.push(`Application credential ${JSON.stringify(current.name)}, which was handed in, stays: it is the customer's.`);
  return done(left.join(' '));
};

const told = ({ row, clock }: ClusterScope): Outcome => {
  const current = row.credential?.current ?? null;
  if (current === null) return done();
  if (current.kind === 'CLUSTER_USER') return done(`Application credential ${current.name} of the cluster's own user ${current.userId}.`);
  return done(describeFacts(current, clock.now()));
};
