/** Backs a cluster up when its schedule says so, and lets go of scheduled backups whose time is over. The backups have flows of their own. */
import { STORE_SETTINGS } from '../../../domain/backup.ts';
import { isGood, isUnderWay, listExpired, planAfter } from '../../../domain/backupSchedule.ts';
import { errorOf, UserError } from '../../../domain/errors.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { newId } from '../../../lib/ids.ts';
import { type BackupRow, findRestoring, listLiveBackups, requestDeletionOfBackups } from '../../../store/backups.ts';
import { writeBackup } from '../../../store/begun.ts';
import { loadConditions } from '../../../store/progress.ts';
import { loadCluster, patchCluster } from '../../../store/reconcile.ts';
import { wakeNow } from '../../../store/wake.ts';
import type { ClusterScope } from '../scope.ts';
import { etcd } from './etcd.ts';
import { separated } from './separated.ts';

const ASKED_BY = 'backup-schedule';
const NONE: ReadonlySet<string> = new Set();

export const backupSchedule: Step<ClusterScope> = {
  name: 'BackupsScheduled',
  title: 'Back up by schedule',
  usuallyMs: 5_000,
  optional: true,
  needs: [etcd, separated],
  wanted: ({ row }) => row.spec.backup.enabled,
  ensure: async (scope) => {
    const { row, clock } = scope;
    if (scope.world.objects === null)
      throw new UserError(
        'SEED_REFUSED',
        `No backup is made: there is no object store for them. Have backup.enabled switched off, or set ${STORE_SETTINGS}.`,
        { field: ['backup', 'enabled'], whoMustAct: 'CLOUD_ADMIN' },
      );
    const { schedule } = row.spec.backup;
    if (row.backupPlan?.schedule !== schedule) await scope.patch({ backupPlan: planAfter(row.id, schedule, clock.now()) });
    // Before another one, too, which there may be no room for else.
    await dropExpired(scope);
    if (row.backupPlan !== null && clock.now() >= row.backupPlan.nextAt) await make(scope);
    const backups = await listLiveBackups(scope.db, row.id);
    await tellFailure(scope, backups);
    return done();
  },
  remove: async (scope) => {
    if (scope.row.backupPlan !== null) await scope.patch({ backupPlan: null });
    return done();
  },
};

/** Written down together with the next time: whatever happens between, this one is made once; and of those that nobody was there for it is the only one. */
const make = async (scope: ClusterScope): Promise<void> => {
  const { row, clock } = scope;
  const now = clock.now();
  const backupPlan = planAfter(row.id, row.spec.backup.schedule, now);
  const noted = await scope.write(async (tx) => {
    // Another schedule, or none, may have been asked for since the pass began: that is the next pass's.
    const current = await loadCluster(tx.db, row.id);
    if (current?.generation !== row.generation) return false;
    const underWay = (await listLiveBackups(tx.db, row.id)).some((backup) => backup.reason === 'SCHEDULED' && isUnderWay(backup));
    if (!underWay) {
      const reason = `The schedule of cluster ${row.name} is ${row.spec.backup.schedule}.`;
      await writeBackup(tx, { newId, now, requestedBy: ASKED_BY, reason }, row, { reason: 'SCHEDULED', said: 'by its schedule' });
    }
    await patchCluster(tx, row.id, { backupPlan });
    return true;
  });
  if (noted) Object.assign(row, { backupPlan });
};

/** What is in use is looked up where deletions are written, for a restore or a clone may have begun since. */
const dropExpired = async ({ db, row, clock, write: commit }: ClusterScope): Promise<void> => {
  const now = clock.now();
  const { backup: spec } = row.spec;
  if (listExpired(await listLiveBackups(db, row.id), spec, NONE, now).length === 0) return;
  await commit(async (tx) => {
    const current = await loadCluster(tx.db, row.id);
    if (current === undefined || current.generation !== row.generation) return;
    const live = await listLiveBackups(tx.db, row.id);
    const inUse = new Set<string>();
    for (const { id } of listExpired(live, spec, NONE, now)) if ((await findRestoring(tx.db, id)) !== undefined) inUse.add(id);
    const expired = listExpired(live, spec, inUse, now).map(({ id }) => id);
    await requestDeletionOfBackups(tx, expired, now);
    for (const id of expired) await wakeNow(tx, 'BACKUP', id, now);
  });
};

/** @throws the problem of the newest scheduled one that is over, when there is no good one since. */
const tellFailure = async ({ db, row }: ClusterScope, backups: readonly BackupRow[]): Promise<void> => {
  const newest = backups.find((backup) => isGood(backup) || (backup.reason === 'SCHEDULED' && !isUnderWay(backup)));
  if (newest === undefined || isGood(newest) || newest.deleteRequestedAt !== null) return;
  const problem = [...(await loadConditions(db, newest.id)).values()].find(({ state }) => state === 'FAILED')?.problem;
  if (problem == null) return;
  throw errorOf({ ...problem, message: `The backup of cluster ${row.name} by its schedule has failed. ${problem.message}` });
};
