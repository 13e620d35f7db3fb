/** pauseCluster: until a time nothing of a cluster is changed in cloud and seed on Seedbed's own account, and what is asked for waits. */
import { z } from 'zod';
import { checkNotMoving } from '../domain/controlPlaneMove.ts';
import { UserError } from '../domain/errors.ts';
import type { OperationKind } from '../domain/operation.ts';
import { type ClusterPause, LONGEST_PAUSE_MS } from '../domain/pause.ts';
import type { Tx } from '../store/open.ts';
import { type ClusterRow, patchCluster } from '../store/reconcile.ts';
import { wakeNodeGroups, wakeNodes, wakeNow } from '../store/wake.ts';
import { announce, clusterSubject, newOperation } from './announce.ts';
import type { Call, ClusterAnswer, Command, CommandDeps } from './call.ts';
import { changeCluster } from './clusterCommand.ts';
import { given, nameOrId, ownInput, parseInput } from './parse.ts';
import { recallCluster } from './targets.ts';

const schema = z.strictObject({
  clusterId: nameOrId,
  until: z.number(),
  reason: given(z.string().trim().max(200, 'must have at most 200 characters')),
});

export const pauseCluster =
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    const { clusterId, until, reason } = parseInput(schema, ownInput(raw));
    return changeCluster(deps, call, {
      mutation: 'pauseCluster',
      raw,
      clusterId,
      write: async (tx, row) => {
        const now = deps.clock.now();
        checkUntil(until, now);
        checkNotMoving(row, 'paused');
        const pause = { since: now, until, reason: reason === '' ? null : (reason ?? null), requestedBy: call.actor.userName };
        const message = `Cluster ${row.name} is paused until ${new Date(until).toISOString().slice(0, 19)}Z, as ${call.actor.userName} asked.`;
        return setPause(deps, call, tx, row, { pause, kind: 'PAUSE_CLUSTER', message });
      },
    });
  };

/** @throws UserError INVALID_INPUT for a pause that is over before it begins, or that lasts too long. */
const checkUntil = (until: number, now: number): void => {
  const field = ['until'];
  if (until <= now) throw new UserError('INVALID_INPUT', 'until must be a time to come.', { field });
  if (until > now + LONGEST_PAUSE_MS)
    throw new UserError(
      'INVALID_INPUT',
      'A pause lasts at most 30 days, for certificates are not renewed meanwhile; choose an earlier time, and pause again when it is over.',
      { field },
    );
};

/** Writes the pause, or its end. The operation is over at once; all that is under way looks at it before its next step. */
export const setPause = async (
  deps: CommandDeps,
  call: Call,
  tx: Tx,
  row: ClusterRow,
  { pause, kind, message }: { pause: ClusterPause; kind: OperationKind; message: string },
) => {
  const now = deps.clock.now();
  await patchCluster(tx, row.id, { pause, updatedAt: now });
  const subject = clusterSubject(row);
  const begun = newOperation(deps, call, kind, subject, row.generation);
  const operation = { ...begun, state: 'SUCCEEDED' as const, percent: 100, finishedAt: now };
  await announce(tx, subject, operation, row.state, message, 'CHANGED');
  await wakeNow(tx, 'CLUSTER', row.id, now);
  await wakeNodeGroups(tx, row.id, now, false);
  await wakeNodes(tx, { clusterId: row.id }, now, false);
  return { cluster: await recallCluster(tx.db, call, row.id), operation };
};
