/** A hibernation begins by the cluster's schedule and ends at its time: written down as if somebody had asked for it then. */
import { isByItself } from '../../domain/autoUpgrade.ts';
import { isMoving } from '../../domain/controlPlaneMove.ts';
import { BY_SCHEDULE, type ClusterHibernation, hibernationOf, nextSleep, openSleep } from '../../domain/hibernation.ts';
import type { OperationKind } from '../../domain/operation.ts';
import { pauseOf } from '../../domain/pause.ts';
import { opensAt } from '../../domain/weeklyWindow.ts';
import { newId } from '../../lib/ids.ts';
import { changeHibernation, supersedeHibernation } from '../../store/hibernation.ts';
import { insertOperation } from '../../store/operations.ts';
import { appendEvent, type OperationRow } from '../../store/progress.ts';
import { type ClusterRow, changed, loadCluster } from '../../store/reconcile.ts';
import type { Write } from '../pass.ts';
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
    const operation = operationOf(live, change, now);
    await supersedeHibernation(tx, operation, now);
    const written = await changeHibernation(tx, live, change, now);
    const { id, name, projectId } = live;
    await insertOperation(tx, operation);
    await appendEvent(
      tx,
      { kind: 'CLUSTER', id, name, streamId: id, clusterId: id, projectId },
      {
        at: now,
        step: null,
        title: null,
        state: written.state,
        percent: 0,
        message: change.message,
        problem: null,
        operationId: operation.id,
        settled: false,
      },
    );
    tx.changes.push(changed('CLUSTER', live, id, projectId), {
      kind: 'OPERATION',
      id: operation.id,
      clusterId: id,
      projectId,
      what: 'CREATED',
    });
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

const operationOf = ({ id, projectId, generation }: ClusterRow, { kind, requestedBy, reason }: Change, now: number): OperationRow => ({
  id: newId(),
  kind,
  targetKind: 'CLUSTER',
  targetId: id,
  clusterId: id,
  projectId,
  generation: generation + 1,
  state: 'PENDING',
  percent: 0,
  steps: [],
  problem: null,
  requestedBy,
  reason,
  requestedAt: now,
  finishedAt: null,
});
