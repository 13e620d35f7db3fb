/** A hibernation ends by itself at its time: written down as if somebody had asked for it then. */
import { hibernationOf } from '../../domain/hibernation.ts';
import { pauseOf } from '../../domain/pause.ts';
import { newId } from '../../lib/ids.ts';
import { changeHibernation, supersedeHibernation } from '../../store/hibernation.ts';
import { insertOperation } from '../../store/operations.ts';
import { appendEvent, type OperationRow } from '../../store/progress.ts';
import { type ClusterRow, changed, loadCluster } from '../../store/reconcile.ts';
import type { Write } from '../pass.ts';
import type { World } from '../world.ts';

/** Changes `row` as well. */
export const endHibernation = async (world: World, row: ClusterRow, write: Write): Promise<void> => {
  const now = world.clock.now();
  if (!isOver(row, now)) return;
  const change = await write(async (tx) => {
    const live = await loadCluster(tx.db, row.id);
    // Somebody may have asked for something else since the pass began.
    const hibernation = live === undefined ? null : hibernationOf(live);
    if (live === undefined || hibernation === null || live.generation !== row.generation) return {};
    const operation = operationOf(live, now);
    await supersedeHibernation(tx, operation, now);
    const change = await changeHibernation(tx, live, { ...hibernation, phase: 'WAKING' }, now);
    const { id, name, projectId } = live;
    await insertOperation(tx, operation);
    await appendEvent(
      tx,
      { kind: 'CLUSTER', id, name, streamId: id, clusterId: id, projectId },
      {
        at: now,
        step: null,
        title: null,
        state: change.state,
        percent: 0,
        message: `Cluster ${name} wakes: its hibernation is over.`,
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
    return change;
  });
  Object.assign(row, change);
};

/** A pause holds this as well. */
const isOver = (row: ClusterRow, now: number): boolean => {
  const hibernation = hibernationOf(row);
  return hibernation?.until != null && now >= hibernation.until && pauseOf(row, now) === null;
};

const operationOf = ({ id, projectId, generation }: ClusterRow, now: number): OperationRow => ({
  id: newId(),
  kind: 'WAKE_CLUSTER',
  targetKind: 'CLUSTER',
  targetId: id,
  clusterId: id,
  projectId,
  generation: generation + 1,
  state: 'PENDING',
  percent: 0,
  steps: [],
  problem: null,
  requestedBy: 'hibernation',
  reason: 'The hibernation was asked for until now.',
  requestedAt: now,
  finishedAt: null,
});
