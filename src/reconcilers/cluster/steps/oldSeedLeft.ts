/** Once the API serves from the seed that it was moved to, what is left in the other one goes. */
import { namespaceOf } from '../../../domain/cluster.ts';
import { downtimeOf, isMoving } from '../../../domain/controlPlaneMove.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { requestDeletionOfBackups } from '../../../store/backups.ts';
import { loadSeed } from '../../../store/reconcile.ts';
import { wakeNow } from '../../../store/wake.ts';
import { enqueue } from '../../../store/workItems.ts';
import { noteMove } from '../move.ts';
import type { ClusterScope } from '../scope.ts';
import { apiServer } from './apiServer.ts';
import { moved } from './moved.ts';
import { tenantBootstrap } from './tenantBootstrap.ts';

const LOOK_MS = 500;

export const oldSeedLeft: Step<ClusterScope> = {
  name: 'OldSeedLeft',
  title: 'Leave the seed that it was in',
  usuallyMs: 60_000,
  late: 'CLOUD_ADMIN',
  needs: [moved, apiServer, tenantBootstrap],
  wanted: ({ row }) => row.move !== null && row.move.phase !== 'BACK_UP',
  ensure: async (scope) => {
    const { row, clock } = scope;
    if (row.move?.phase === 'START') await noteMove(scope, row.move, { ...row.move, phase: 'CLEAN_UP', backAt: clock.now() });
    const { move } = row;
    if (move === null || !isMoving(move)) return done(sayDowntime(scope));
    const left = await leave(scope, move.leaves);
    if (left !== undefined) return left;
    await noteMove(scope, move, { ...move, phase: 'DONE', leaves: null, firstBackupId: null }, async (tx) => {
      // The one of the freeze is younger, and stays.
      const first = move.back ? null : move.firstBackupId;
      await requestDeletionOfBackups(tx, first === null ? [] : [first], clock.now());
      if (first !== null) await wakeNow(tx, 'BACKUP', first, clock.now());
      // It may be drained, and the next may go.
      await enqueue(tx, 'SEED', move.fromSeedId, clock.now());
      return undefined;
    });
    return done(sayDowntime(scope));
  },
  remove: async (scope) => {
    const { deleteRequestedAt, move, seedAbandoned } = scope.row;
    if (deleteRequestedAt === null || seedAbandoned) return done();
    return (await leave(scope, isMoving(move) ? move.leaves : null)) ?? done();
  },
};

const sayDowntime = ({ row: { move } }: ClusterScope): string | undefined => {
  const seconds = move === null ? null : downtimeOf(move);
  return seconds === null ? undefined : `The API was away for ${seconds} s.`;
};

/** What is waited for; undefined when nothing of it is in that seed. */
const leave = async ({ world, row }: ClusterScope, seedId: string | null): Promise<Outcome | undefined> => {
  // By its name it would be the one that serves.
  if (seedId === null || seedId === row.seedId) return undefined;
  const seed = await loadSeed(world.store.db, seedId);
  if (seed === undefined || seed.deletedAt !== null) return undefined;
  if (seed.lostAt !== null) return waiting('the seed that it was in, which does not answer, to be rid of it', 60_000, 'CLOUD_ADMIN');
  const { kube } = await world.seeds.get(seedId);
  const there = await kube.remove({ apiVersion: 'v1', kind: 'Namespace', name: namespaceOf(row.shortId) });
  return there ? waiting('the seed that it was in to empty its namespace', LOOK_MS) : undefined;
};
