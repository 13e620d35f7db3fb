/** The namespace that holds the cluster's control plane; all that is in it goes with it. */
import { buildNamespace } from '../../../controlPlane/namespace.ts';
import { isMoving } from '../../../domain/controlPlaneMove.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { noteAllGone } from '../../../store/inventory.ts';
import { endUses } from '../../../store/usage.ts';
import type { ClusterScope } from '../scope.ts';
import { moved } from './moved.ts';
import { placement } from './placement.ts';

export const seedNamespace: Step<ClusterScope> = {
  name: 'SeedNamespaceReady',
  title: 'Make the namespace in the seed',
  usuallyMs: 5_000,
  // While it is moved nothing of it begins.
  needs: [placement, moved],
  ensure: async (scope) => {
    await scope.applyToSeed('namespace', [buildNamespace(await scope.hosted())]);
    return done();
  },
  remove: async (scope) => {
    if (scope.row.seedId === null) return done();
    if (scope.row.seedAbandoned && !(await isOtherSeedGivenUp(scope))) return done('Left in the seed, which was given up.');
    const { kube } = await scope.seed();
    const { namespace } = await scope.hosted();
    const there = await kube.remove({ apiVersion: 'v1', kind: 'Namespace', name: namespace });
    if (there) return waiting('the seed to empty the namespace', 500);
    await scope.write(async (tx) => {
      const now = scope.clock.now();
      await noteAllGone(tx, scope.row.id, 'SEED', now);
      await noteAllGone(tx, scope.row.id, 'CLUSTER', now);
      await endUses(tx, scope.row.id, now);
    });
    return done();
  },
};

/** After a move something of it may be in a seed that is lost, while the one that it is in answers. */
const isOtherSeedGivenUp = async ({ row, seedRow }: ClusterScope): Promise<boolean> =>
  isMoving(row.move) && row.move.leaves !== null && (await seedRow()).lostAt === null;
