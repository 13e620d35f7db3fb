/** The frame of commands that change one cluster: who may, whether it is still as the caller saw it, and once per idempotency key. */
import type { Tx } from '../store/open.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import type { Call, ClusterAnswer, CommandDeps } from './call.ts';
import { runOnce } from './idempotent.ts';
import { checkGeneration, checkMember, checkNotDeleting, getCluster, recallCluster, recallOperation } from './targets.ts';

interface ClusterCommand {
  mutation: string;
  /** The caller's input as it came. */
  raw: unknown;
  clusterId: string;
  personal?: boolean;
  write: (tx: Tx, row: ClusterRow) => Promise<Omit<ClusterAnswer, 'replayed'>>;
}

export const changeCluster = (deps: CommandDeps, call: Call, { mutation, raw, clusterId, personal, write }: ClusterCommand) =>
  runOnce<ClusterAnswer, void>(deps, call, {
    mutation,
    input: raw,
    ...(personal !== undefined && { personal }),
    prepare: async () => {},
    apply: async (tx) => {
      const row = await getCluster(tx.db, call, clusterId);
      checkMember(call);
      checkNotDeleting(row);
      checkGeneration(call, row);
      const answer = await write(tx, row);
      return {
        answer,
        target: { kind: 'CLUSTER', id: row.id, projectId: row.projectId },
        recall: { clusterId: row.id, operationId: answer.operation.id },
      };
    },
    recall: async (ids) => ({
      cluster: await recallCluster(deps.store.db, call, ids.clusterId),
      operation: await recallOperation(deps.store.db, call, ids.operationId),
    }),
  });
