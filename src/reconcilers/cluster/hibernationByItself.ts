/** A hibernation begins by the cluster's schedule and ends at its time: written down as if somebody had asked for it then. */
import { isByItself } from '../../domain/autoUpgrade.ts';
import { isMoving } from '../../domain/controlPlaneMove.ts';
import { BY_SCHEDULE, type ClusterHibernation, hibernationOf, nextSleep, openSleep } from '../../domain/hibernation.ts';
import type { OperationKind } from '../../domain/operation.ts';
import { pauseOf } from '../../domain/pause.ts';
import { opensAt } from '../../domain/weeklyWindow.ts';
import { newId } from '../../lib/ids.ts';
import { announceBegun, operationOf } from '../../store/begun.ts';
import { changeHibernation, supersedeHibernation } from '../../store/hibernation.ts';
import { type ClusterRow, changed, loadCluster } from '../../store/reconcile.ts';
import type { Write } from '../kind.ts';
import type { World } from '../world.ts';

interface Change {
  hibernation: ClusterHibernation;
  /** Windows that opened before are over with. */
  sleepsFrom: number | null;
  kind: OperationKind;
  requestedBy: string;
  reason: string;
  message: string;
}

/** Changes `row` as well. */
export const hibernateByItself = async (world: World, row: ClusterRow, write: Write): Promise<void> => {
  const now = world.clock.now();
  if (changeOf(row, now) === undefined) return;
  const written = await write(async (tx) => {
    const live = await loadCluster(tx.db, row.id);
    // Somebody may have asked for something else since the pass began.
    const change = live === undefined || live.generation !== row.generation ? undefined : changeOf(live, now);
    if (live === undefined || change === undefined) return {};
    const { id, name, projectId } = live;
    const subject = { kind: 'CLUSTER' as const, id, name, streamId: id, clusterId: id, projectId };
    const { kind, requestedBy, reason } = change;
    const operation = operationOf({ newId, now, requestedBy, reason }, subject, kind, live.generation + 1);
    await supersedeHibernation(tx, operation, now);
    const written = await changeHibernation(tx, live, change, now);
    await announceBegun(tx, subject, operation, written.state, change.message);
    tx.changes.push(changed('CLUSTER', live, id, projectId));
    return written;
  });
  Object.assign(row, written);
};

/** undefined: all stays as it is. A pause holds this as well. */
const changeOf = (row: ClusterRow, now: number): Change | undefined =>
  pauseOf(row, now) === null ? (beginning(row, now) ?? following(row, now) ?? ending(row, now)) : undefined;

/** Whether something is under way that has to end before a cluster goes to sleep by itself. */
const isBusy = (row: ClusterRow, now: number): boolean =>
  row.observedGeneration === 0 ||
  // One that waits for its maintenance window may wait for days.
  (row.upgrade !== null && !(isByItself(row) && opensAt(row.spec.maintenance.windows, now) !== null)) ||
  isMoving(row.move) ||
  (row.restore !== null && row.restore.phase !== 'DONE');

/** A window has opened that was not slept through yet: the cluster falls asleep, or sleeps on to its end. */
const beginning = (row: ClusterRow, now: number): Change | undefined => {
  const sleep = nextSleep(row, now);
  const before = hibernationOf(row);
  if (sleep === null || sleep.from > now || (before === null && isBusy(row, now))) return undefined;
  if (before !== null && (before.until === null || before.until >= sleep.to)) return undefined;
  return sleepingUntil(row, before, sleep.to, now);
};

/** What the schedule has begun ends as it says by now. */
const following = (row: ClusterRow, now: number): Change | undefined => {
  const before = hibernationOf(row);
  if (before?.requestedBy !== BY_SCHEDULE) return undefined;
  const open = openSleep(row, now);
  if (open === null) return waking(row, before);
  return open.to === before.until ? undefined : sleepingUntil(row, before, open.to, now);
};

const ending = (row: ClusterRow, now: number): Change | undefined => {
  const hibernation = hibernationOf(row);
  return hibernation?.until == null || now < hibernation.until ? undefined : waking(row, hibernation);
};

const sleepingUntil = (row: ClusterRow, before: ClusterHibernation | null, until: number, now: number): Change => ({
  hibernation: { since: before?.since ?? now, until, requestedBy: BY_SCHEDULE, phase: before?.phase ?? 'GOING' },
  sleepsFrom: now,
  kind: 'HIBERNATE_CLUSTER',
  requestedBy: BY_SCHEDULE,
  reason: `hibernationSchedule of cluster ${row.name} has it sleep now.`,
  message: `Cluster ${row.name} is hibernated until ${new Date(until).toISOString().slice(0, 19)}Z, as its hibernationSchedule says.`,
});

const waking = (row: ClusterRow, hibernation: ClusterHibernation): Change => ({
  hibernation: { ...hibernation, phase: 'WAKING' },
  sleepsFrom: row.sleepsFrom,
  kind: 'WAKE_CLUSTER',
  requestedBy: 'hibernation',
  reason: 'The hibernation was asked for until now.',
  message: `Cluster ${row.name} wakes: its hibernation is over.`,
});
