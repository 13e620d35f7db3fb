/** Clusters as a kind of object that passes run over. */
import { isByItself, nextPatch } from '../../domain/autoUpgrade.ts';
import { opensAt } from '../../domain/maintenance.ts';
import { pauseOf } from '../../domain/pause.ts';
import { versionNow } from '../../domain/upgrade.ts';
import { type ClusterRow, findPause, listLiveNodeGroups, loadCluster, patchCluster } from '../../store/reconcile.ts';
import { isOutOfSight } from '../lostSeed.ts';
import { commonState, createHandler } from '../pass.ts';
import type { World } from '../world.ts';
import { clusterFlow, lostFlow } from './flow.ts';
import { openClusterScope } from './scope.ts';

export const createClusterHandler = (world: World) =>
  createHandler(world, {
    kind: 'CLUSTER',
    flow: clusterFlow,
    load: (id) => loadCluster(world.store.db, id),
    subject: (row) => ({
      kind: 'CLUSTER',
      id: row.id,
      name: row.name,
      streamId: row.id,
      clusterId: row.id,
      projectId: row.projectId,
    }),
    cluster: (row) => row,
    open: async (row, write) => {
      // Nothing of an upgrade begins before its backup.
      row.spec = { ...row.spec, kubernetesVersion: versionNow(row) };
      return openClusterScope(world, row, await listLiveNodeGroups(world.store.db, row.id), write);
    },
    held: async (row) => ((await isOutOfSight(world, row)) ? { flow: lostFlow, state: 'UNKNOWN' } : undefined),
    stateOf: (scope, row, summary) =>
      commonState(
        row,
        summary,
        scope.groups.some((g) => g.observedGeneration < g.generation || g.deleteRequestedAt !== null),
      ),
    lookAt: (row) => soonest(backupAt(row), row.deleteRequestedAt === null ? upgradeAt(row, world.clock.now()) : null),
    suspect: ({ seedId }, { code }) => (code === 'SEED_UNAVAILABLE' && seedId !== null ? { kind: 'SEED', id: seedId } : undefined),
    save: async (tx, row, patch, summary) => {
      // A caller may have lent a token while the last of it went.
      if (patch.deletedAt !== null) await world.secrets.remove(tx, row.id);
      // The secret of a credential that was handed in goes with its cluster.
      const gone = patch.deletedAt === null ? {} : { credential: null };
      // A pause that is over has been looked behind; another may have been asked for meanwhile.
      const live = summary.settled && row.pause !== null ? await findPause(tx.db, row.id) : undefined;
      const looked = live?.pause != null && pauseOf(live, world.clock.now()) === null ? { pause: null } : {};
      await patchCluster(tx, row.id, { ...looked, ...(patch as Parameters<typeof patchCluster>[2]), ...gone });
    },
    forget: (row) => world.tenants.close(row.id),
  });

const backupAt = ({ backupPlan, spec }: ClusterRow): number | null => (spec.backup.enabled ? (backupPlan?.nextAt ?? null) : null);

/** When it may begin an upgrade by itself, or go on with one, that it has to wait for. */
const upgradeAt = (row: ClusterRow, now: number): number | null =>
  nextPatch(row) === undefined && !isByItself(row) ? null : opensAt(row.spec.maintenance.windows, now);

const soonest = (...times: (number | null)[]): number | null => {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
};
