/** Once the API serves from the seed that it was moved to, what is left in the other one goes. */
import { downtimeOf, isMoving } from '../../../domain/controlPlaneMove.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { dropBackups } from '../../../store/moves.ts';
import { loadSeed } from '../../../store/reconcile.ts';
import { enqueue } from '../../../store/workItems.ts';
import { leaveSeed, noteMove } from '../move.ts';
import type { ClusterScope } from '../scope.ts';
import { apiServer } from './apiServer.ts';
import { moved } from './moved.ts';
import { tenantBootstrap } from './tenantBootstrap.ts';

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
    const left = await leaveSeed(scope, move.leaves);
    if (left !== undefined) return left;
    await noteMove(scope, move, { ...move, phase: 'DONE', leaves: null, firstBackupId: null }, async (tx) => {
      // The one of the freeze is younger, and stays where it was of use.
      await dropBackups(tx, [move.firstBackupId, move.back ? move.backupId : null], clock.now());
      // It may be drained, and the next may go.
      await enqueue(tx, 'SEED', move.fromSeedId, clock.now());
      return undefined;
    });
    return done(sayDowntime(scope));
  },
  remove: async (scope) => {
    const { deleteRequestedAt, move, seedAbandoned } = scope.row;
    if (deleteRequestedAt === null || !isMoving(move) || move.leaves === null) return done();
    // Of the two it is the lost one that was given up.
    if (seedAbandoned && (await loadSeed(scope.db, move.leaves))?.lostAt != null)
      return done('Left in the seed that it was in, which was given up.');
    return (await leaveSeed(scope, move.leaves)) ?? done();
  },
};

const sayDowntime = ({ row: { move } }: ClusterScope): string | undefined => {
  const seconds = move === null ? null : downtimeOf(move);
  return seconds === null ? undefined : `The API was away for ${seconds} s.`;
};
