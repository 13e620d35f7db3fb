/** Rotations: something of a cluster is asked to be made anew, and its flow carries it out. */
import { z } from 'zod';
import type { Rotations } from '../domain/cluster.ts';
import { Conflict } from '../domain/errors.ts';
import type { OperationKind } from '../domain/operation.ts';
import type { Action } from '../domain/policy.ts';
import type { Tx } from '../store/open.ts';
import { loadTrackedOperations } from '../store/progress.ts';
import { type ClusterRow, patchCluster } from '../store/reconcile.ts';
import { wakeNow } from '../store/wake.ts';
import { announce, clusterSubject, newOperation } from './announce.ts';
import type { Call, ClusterAnswer, Command, CommandDeps } from './call.ts';
import { changeCluster } from './clusterCommand.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { recallCluster } from './targets.ts';

const schema = z.strictObject({ clusterId: nameOrId });

export interface RotationKind {
  mutation: Action;
  kind: OperationKind;
  counter: keyof Rotations;
  /** What is made anew, as the beginning of a sentence. */
  what: string;
}

export const rotationCommand =
  (rotation: RotationKind) =>
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return changeCluster(deps, call, {
      mutation: rotation.mutation,
      raw,
      clusterId: input.clusterId,
      write: (tx, row) => write(deps, call, tx, row, rotation),
    });
  };

const write = async (deps: CommandDeps, call: Call, tx: Tx, row: ClusterRow, { kind, counter, what }: RotationKind) => {
  const underWay = (await loadTrackedOperations(tx.db, row.id)).find((operation) => operation.kind === kind);
  if (underWay !== undefined)
    throw new Conflict(
      'CONFLICT',
      `${what} of cluster ${row.name} is under way already; follow operation ${underWay.id}, and ask again after it.`,
    );
  const now = deps.clock.now();
  const change = {
    rotations: { ...row.rotations, [counter]: (row.rotations?.[counter] ?? 0) + 1 },
    generation: row.generation + 1,
    updatedAt: now,
    ...(row.state === 'READY' && { state: 'UPDATING' as const }),
  };
  await patchCluster(tx, row.id, change);
  const subject = clusterSubject(row);
  const operation = newOperation(deps, call, kind, subject, change.generation);
  const message = `${what} of cluster ${row.name} begins, as ${call.actor.userName} asked.`;
  await announce(tx, subject, operation, change.state ?? row.state, message, 'CHANGED');
  await wakeNow(tx, 'CLUSTER', row.id, now);
  return { cluster: await recallCluster(tx.db, call, row.id), operation };
};
