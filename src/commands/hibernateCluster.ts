/** hibernateCluster: a cluster's workers go and its control plane stops, until a time or until somebody wakes it. */
import { z } from 'zod';
import type { ClusterState } from '../domain/cluster.ts';
import { checkNotMoving } from '../domain/controlPlaneMove.ts';
import { Conflict, UserError } from '../domain/errors.ts';
import { type ClusterHibernation, hibernationOf } from '../domain/hibernation.ts';
import type { OperationKind } from '../domain/operation.ts';
import { changeHibernation, supersedeHibernation } from '../store/hibernation.ts';
import type { Tx } from '../store/open.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import { announce, clusterSubject, newOperation } from './announce.ts';
import type { Call, ClusterAnswer, Command, CommandDeps } from './call.ts';
import { changeCluster } from './clusterCommand.ts';
import { given, nameOrId, ownInput, parseInput } from './parse.ts';
import { recallCluster } from './targets.ts';
import { refreshTrust } from './trust.ts';

const schema = z.strictObject({ clusterId: nameOrId, until: given(z.number()) });

export const hibernateCluster =
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    const until = input.until ?? null;
    return changeCluster(deps, call, {
      mutation: 'hibernateCluster',
      raw,
      clusterId: input.clusterId,
      write: async (tx, row) => {
        const now = deps.clock.now();
        check(row, until, now);
        checkNotMoving(row, 'hibernated');
        const before = hibernationOf(row);
        const hibernation = {
          since: before?.since ?? now,
          until,
          requestedBy: call.actor.userName,
          phase: before?.phase ?? ('GOING' as const),
        };
        const ending = until === null ? 'until somebody wakes it' : `until ${new Date(until).toISOString().slice(0, 19)}Z`;
        const message = `Cluster ${row.name} is hibernated ${ending}, as ${call.actor.userName} asked.`;
        return writeHibernation(deps, call, tx, row, {
          hibernation,
          // An end that somebody names holds, also in a window of the schedule that lasts longer.
          sleepsFrom: until === null ? row.sleepsFrom : now,
          kind: 'HIBERNATE_CLUSTER',
          message,
        });
      },
    });
  };

/** @throws CONFLICT for a cluster that is still being made; INVALID_INPUT for an end that is over before it begins. */
const check = (row: ClusterRow, until: number | null, now: number): void => {
  if (row.observedGeneration === 0)
    throw new Conflict(
      'CONFLICT',
      `Cluster ${row.name} is still being made, so there is nothing to hibernate yet; ask again once it is READY, or delete it.`,
    );
  if (hibernationOf(row) === null && row.restore !== null && row.restore.phase !== 'DONE')
    throw new Conflict(
      'CONFLICT',
      `Cluster ${row.name} is being restored, and cannot be hibernated meanwhile; ask again once that is over.`,
    );
  if (until !== null && until <= now)
    throw new UserError('INVALID_INPUT', 'until must be a time to come; leave it out, and the cluster sleeps until wakeCluster.', {
      field: ['until'],
    });
};

interface Change {
  hibernation: ClusterHibernation;
  /** Windows of its schedule that opened before are over with. */
  sleepsFrom: number | null;
  kind: OperationKind;
  message: string;
}

/** Writes the hibernation, or its end, in the place of what was asked for before. */
export const writeHibernation = async (
  deps: CommandDeps,
  call: Call,
  tx: Tx,
  row: ClusterRow,
  { hibernation, sleepsFrom, kind, message }: Change,
): Promise<Omit<ClusterAnswer, 'replayed'>> => {
  const now = deps.clock.now();
  const change: { state: ClusterState; generation: number } = await changeHibernation(tx, row, { hibernation, sleepsFrom }, now);
  const subject = clusterSubject(row);
  const operation = newOperation(deps, call, kind, subject, change.generation);
  await supersedeHibernation(tx, operation, now);
  await announce(tx, subject, operation, change.state, message, 'CHANGED');
  // Servers are deleted, or made, by it.
  await refreshTrust(tx, deps, call, row);
  return { cluster: await recallCluster(tx.db, call, row.id), operation };
};
