/** The frame of commands that change one cluster: who may, whether it is still as the caller saw it, and once per idempotency key. */
import { permit } from '../domain/actor.ts';
import type { Action } from '../domain/policy.ts';
import type { Tx } from '../store/open.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import type { Call, ClusterAnswer, CommandDeps } from './call.ts';
import { type Applied, type Recalled, runOnce } from './idempotent.ts';
import { checkGeneration, checkNotDeleting, getCluster, recallCluster, recallOperation } from './targets.ts';

interface ClusterCommand {
  mutation: Action;
  /** The caller's input as it came. */
  raw: unknown;
  clusterId: string;
  personal?: boolean;
  write: (tx: Tx, row: ClusterRow) => Promise<NewAnswer>;
}

export const changeCluster = (deps: CommandDeps, call: Call, { mutation, raw, clusterId, personal, write }: ClusterCommand) =>
  runOnce<ClusterAnswer, void>(deps, call, {
    mutation,
    input: raw,
    ...(personal !== undefined && { personal }),
    prepare: async () => {},
    apply: async (tx) => {
      const row = await getCluster(tx.db, call, clusterId);
      checkMayChange(call, mutation, row);
      return outcomeOf(await write(tx, row));
    },
    recall: recallClusterAnswer(deps, call),
  });

/** @throws FORBIDDEN; Conflict for one that is on its way out, or that somebody changed meanwhile. */
export const checkMayChange = (call: Call, mutation: Action, row: ClusterRow): void => {
  permit(call.actor, mutation, row);
  checkNotDeleting(row);
  checkGeneration(call, row);
};

type NewAnswer = Omit<ClusterAnswer, 'replayed'>;

/** What is kept of an answer, for the same key once more. */
export const outcomeOf = (answer: NewAnswer): Applied<ClusterAnswer> => ({
  answer,
  target: { kind: 'CLUSTER', id: answer.cluster.id, projectId: answer.cluster.projectId },
  recall: { clusterId: answer.cluster.id, operationId: answer.operation.id },
});

export const recallClusterAnswer =
  (deps: CommandDeps, call: Call) =>
  async (ids: Recalled): Promise<NewAnswer> => ({
    cluster: await recallCluster(deps.store.db, call, ids.clusterId),
    operation: await recallOperation(deps.store.db, call, ids.operationId),
  });
