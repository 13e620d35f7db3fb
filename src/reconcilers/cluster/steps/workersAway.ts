/** On the way into hibernation the workers go, each by a flow of its own; their groups keep the counts, and have others made at the end. */
import { isHibernating } from '../../../domain/hibernation.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { changed, listLiveNodesOfCluster, loadCluster, type NodeRow, requestNodeDeletion } from '../../../store/reconcile.ts';
import { listNodeTroubles } from '../../../store/troubles.ts';
import { enqueue } from '../../../store/workItems.ts';
import { removalFailure, waitingForParts } from '../../troubles.ts';
import type { ClusterScope } from '../scope.ts';
import { AUTOSCALER } from './autoScaling.ts';

export const workersAway: Step<ClusterScope> = {
  name: 'WorkersAway',
  title: 'Take the workers away',
  usuallyMs: 300_000,
  late: 'CUSTOMER',
  wanted: ({ row }) => isHibernating(row),
  ensure: async (scope) => {
    // It would ask for others in their place.
    if (await scope.hasApplied(AUTOSCALER)) await scope.applyToSeed(AUTOSCALER, []);
    const nodes = await listLiveNodesOfCluster(scope.db, scope.row.id);
    if (nodes.length === 0) return done();
    await letGo(
      scope,
      nodes.filter(({ deleteRequestedAt }) => deleteRequestedAt === null),
    );
    const troubles = (await Promise.all(scope.groups.map(({ id }) => listNodeTroubles(scope.db, id)))).flat();
    const failure = removalFailure('node', troubles);
    if (failure !== null) throw failure;
    const outcome = waitingForParts(
      `${nodes.length} ${nodes.length === 1 ? 'worker' : 'workers'} to be drained and deleted`,
      'node',
      troubles,
    );
    return outcome.kind === 'waiting' ? { ...outcome, retryAfterMs: LOOK_MS } : outcome;
  },
};

/** Nodes tell their groups of their end, and not the cluster. */
const LOOK_MS = 2_000;

const letGo = async ({ write, row, clock }: ClusterScope, nodes: readonly NodeRow[]): Promise<void> => {
  if (nodes.length === 0) return;
  const now = clock.now();
  await write(async (tx) => {
    // It may have been woken since the pass began.
    const live = await loadCluster(tx.db, row.id);
    if (live === undefined || !isHibernating(live)) return;
    await requestNodeDeletion(
      tx,
      nodes.map(({ id }) => id),
      now,
    );
    for (const node of nodes) {
      await enqueue(tx, 'NODE', node.id, now);
      tx.changes.push(changed('NODE', node, row.id, row.projectId));
    }
  });
};
