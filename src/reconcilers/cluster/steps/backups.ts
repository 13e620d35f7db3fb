/** What becomes of a cluster's backups with it. */
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { findRestoring, listLiveBackups, requestDeletionOfBackups } from '../../../store/backups.ts';
import { wakeNow } from '../../../store/wake.ts';
import type { ClusterScope } from '../scope.ts';
import { etcd } from './etcd.ts';

/** Except what another cluster is being made of: its name. */
const askToGo = async (scope: ClusterScope, ids: readonly string[]): Promise<string | undefined> => {
  const now = scope.clock.now();
  return scope.write(async (tx) => {
    let clone: string | undefined;
    for (const id of ids) {
      const user = await findRestoring(tx.db, id);
      clone ??= user?.name;
      if (user !== undefined) continue;
      await requestDeletionOfBackups(tx, [id], now);
      await wakeNow(tx, 'BACKUP', id, now);
    }
    return clone;
  });
};

export const backups: Step<ClusterScope> = {
  name: 'BackupsKept',
  title: 'Keep backups',
  usuallyMs: 30_000,
  needs: [etcd],
  // They have flows of their own.
  wanted: () => false,
  ensure: async () => done(),
  remove: async (scope) => {
    if (scope.row.deleteRequestedAt === null) return done();
    const keep = scope.row.deletePolicy?.backups === 'KEEP';
    // One that is not stored yet cannot become so without its cluster.
    const going = (await listLiveBackups(scope.db, scope.row.id)).filter(
      ({ snapshot, deleteRequestedAt }) => !keep || snapshot === null || deleteRequestedAt !== null,
    );
    if (going.length === 0) return done();
    const asked = going.filter(({ deleteRequestedAt }) => deleteRequestedAt === null).map(({ id }) => id);
    const clone = asked.length > 0 ? await askToGo(scope, asked) : undefined;
    if (clone !== undefined) return waiting(`cluster ${clone} to be made of one of its backups, or to be deleted`, 5_000, 'CUSTOMER');
    // They go when there is a store again, and are listed until then; the cluster does not wait for that.
    if (scope.world.objects === null) return done(`There is no object store to delete ${going.length} backups from.`);
    return waiting(`its backups to go (${going.length} left)`, 5_000);
  },
};
