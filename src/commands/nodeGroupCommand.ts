/** The frame of the commands on a cluster's node groups: who may, on what, and what every accepted one leaves. */
import type { z } from 'zod';
import { permit } from '../domain/actor.ts';
import type { OperationKind } from '../domain/operation.ts';
import type { Action } from '../domain/policy.ts';
import type { Db, Tx } from '../store/open.ts';
import { supersedeOperations } from '../store/operations.ts';
import type { OperationRow } from '../store/progress.ts';
import type { ClusterRow, NodeGroupRow } from '../store/reconcile.ts';
import { wakeNow } from '../store/wake.ts';
import { announce, newOperation, nodeGroupSubject, showOnCluster } from './announce.ts';
import type { Call, Command, CommandDeps, NodeGroupAnswer } from './call.ts';
import { runOnce } from './idempotent.ts';
import { ownInput, parseInput } from './parse.ts';
import { checkNotDeleting, recallCluster, recallNodeGroup, recallOperation } from './targets.ts';
import { refreshTrust } from './trust.ts';

interface Written {
  nodeGroupId: string;
  operation: OperationRow;
}

export interface At {
  deps: CommandDeps;
  call: Call;
  tx: Tx;
}

interface NodeGroupCommand<Schema extends z.ZodType, Found extends { cluster: ClusterRow }> {
  mutation: Action;
  schema: Schema;
  /** What the input names, of a cluster that the caller sees. Throws NotFound. */
  find(db: Db, call: Call, input: z.output<Schema>): Promise<Found>;
  /** Refuses what only this command refuses, the target's generation included, and writes. */
  write(at: At, found: Found, input: z.output<Schema>): Promise<Written>;
}

export const nodeGroupCommand =
  <Schema extends z.ZodType, Found extends { cluster: ClusterRow }>({ mutation, schema, find, write }: NodeGroupCommand<Schema, Found>) =>
  (deps: CommandDeps): Command<NodeGroupAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return runOnce<NodeGroupAnswer, void>(deps, call, {
      mutation,
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const found = await find(tx.db, call, input);
        const { cluster } = found;
        permit(call.actor, mutation, cluster);
        checkNotDeleting(cluster);
        const { nodeGroupId, operation } = await write({ deps, call, tx }, found, input);
        const recall = { clusterId: cluster.id, nodeGroupId, operationId: operation.id };
        return {
          answer: { ...(await recallParts(tx.db, call, recall)), operation },
          target: { kind: 'NODE_GROUP', id: nodeGroupId, projectId: cluster.projectId },
          recall,
        };
      },
      recall: async (ids) => ({
        ...(await recallParts(deps.store.db, call, ids)),
        operation: await recallOperation(deps.store.db, call, ids.operationId),
      }),
    });
  };

const recallParts = async (db: Db, call: Call, ids: Record<string, string>) => ({
  nodeGroup: await recallNodeGroup(db, call, ids['nodeGroupId']),
  cluster: await recallCluster(db, call, ids['clusterId']),
});

interface Begin {
  kind: OperationKind;
  /** Of the group, after the change. */
  generation: number;
  /** What the event shows of the group, and a sentence for people. */
  state: string;
  message: string;
  what: 'CREATED' | 'CHANGED';
  /** Open operations that this one takes the place of. */
  supersedes?: Parameters<typeof supersedeOperations>[2];
}

/** What follows a group's written change: its operation, told and shown on the cluster, and the group's pass. */
export const begin = async ({ deps, call, tx }: At, cluster: ClusterRow, nodeGroup: NodeGroupRow, change: Begin): Promise<Written> => {
  const subject = nodeGroupSubject(nodeGroup, cluster);
  const operation = newOperation(deps, call, change.kind, subject, change.generation);
  if (change.supersedes !== undefined) await supersedeOperations(tx, operation, change.supersedes, operation.requestedAt);
  await announce(tx, subject, operation, change.state, change.message, change.what);
  await refreshTrust(tx, deps, call, cluster);
  await wakeNow(tx, 'NODE_GROUP', nodeGroup.id, operation.requestedAt);
  await showOnCluster(tx, cluster, operation);
  return { nodeGroupId: nodeGroup.id, operation };
};
