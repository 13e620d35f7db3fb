/** rotateEncryptionKey: another key for the Secrets at rest; every Secret is written anew under it. */
import { z } from 'zod';
import { Conflict } from '../domain/errors.ts';
import type { Tx } from '../store/open.ts';
import { loadTrackedOperations } from '../store/progress.ts';
import { type ClusterRow, patchCluster } from '../store/reconcile.ts';
import { wakeNow } from '../store/wake.ts';
import { announce, clusterSubject, newOperation } from './announce.ts';
import type { Call, ClusterAnswer, Command, CommandDeps } from './call.ts';
import { runOnce } from './idempotent.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { checkGeneration, checkMember, checkNotDeleting, getCluster, recallCluster, recallOperation } from './targets.ts';

const schema = z.strictObject({ clusterId: nameOrId });

export const rotateEncryptionKey =
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return runOnce<ClusterAnswer, void>(deps, call, {
      mutation: 'rotateEncryptionKey',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const row = await getCluster(tx.db, call, input.clusterId);
        checkMember(call);
        checkNotDeleting(row);
        checkGeneration(call, row);
        const answer = await write(deps, call, tx, row);
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
  };

const write = async (deps: CommandDeps, call: Call, tx: Tx, row: ClusterRow) => {
  const underWay = (await loadTrackedOperations(tx.db, row.id)).find(({ kind }) => kind === 'ROTATE_ENCRYPTION_KEY');
  if (underWay !== undefined)
    throw new Conflict(
      'CONFLICT',
      `The key of cluster ${row.name} is being rotated already; follow operation ${underWay.id}, and ask again after it.`,
    );
  const now = deps.clock.now();
  const change = {
    rotations: { ...row.rotations, encryptionKey: (row.rotations?.encryptionKey ?? 0) + 1 },
    generation: row.generation + 1,
    updatedAt: now,
    ...(row.state === 'READY' && { state: 'UPDATING' as const }),
  };
  await patchCluster(tx, row.id, change);
  const subject = clusterSubject(row);
  const operation = newOperation(deps, call, 'ROTATE_ENCRYPTION_KEY', subject, change.generation);
  const message = `The encryption key of cluster ${row.name} is being rotated, as ${call.actor.userName} asked.`;
  await announce(tx, subject, operation, change.state ?? row.state, message, 'CHANGED');
  await wakeNow(tx, 'CLUSTER', row.id, now);
  return { cluster: await recallCluster(tx.db, call, row.id), operation };
};
