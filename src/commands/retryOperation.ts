/** retryOperation: another try now, for everything below the operation that is not finished. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { Conflict, NotFound } from '../domain/errors.ts';
import { patchBackup } from '../store/backups.ts';
import type { Tx } from '../store/open.ts';
import { reopenOrphans } from '../store/orphans.ts';
import { type OperationRow, updateOperation } from '../store/progress.ts';
import { loadCluster, loadSeed, patchSeed } from '../store/reconcile.ts';
import { forgetFailures } from '../store/troubles.ts';
import { wakeNodeGroups, wakeNodes, wakeNow } from '../store/wake.ts';
import type { Call, Command, CommandDeps, OperationAnswer } from './call.ts';
import { runOnce } from './idempotent.ts';
import { wakeOrphans } from './orphansCommand.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { checkGeneration, getOperation, recallOperation } from './targets.ts';
import { refreshTrust } from './trust.ts';

const schema = z.strictObject({ operationId: nameOrId });

export const retryOperation =
  (deps: CommandDeps): Command<OperationAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return runOnce<OperationAnswer, void>(deps, call, {
      mutation: 'retryOperation',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const row = await getOperation(tx.db, call, input.operationId);
        permit(call.actor, 'retryOperation', row);
        checkGeneration(call, row);
        refuseFinished(row);
        await updateOperation(tx, row, {
          state: row.state === 'PENDING' ? 'PENDING' : 'RUNNING',
          percent: row.percent,
          // The patience of a search or removal begins anew.
          steps: row.targetKind === 'ORPHANS' ? [] : row.steps,
          problem: null,
          finishedAt: null,
        });
        await wakeTarget(deps, call, tx, row);
        const operation = await recallOperation(tx.db, call, row.id);
        return {
          answer: { operation },
          target: { kind: row.targetKind, id: row.targetId, projectId: row.projectId },
          recall: { operationId: row.id },
        };
      },
      recall: async (ids) => ({ operation: await recallOperation(deps.store.db, call, ids.operationId) }),
    });
  };

const refuseFinished = (row: OperationRow): void => {
  if (row.state === 'SUPERSEDED')
    throw new Conflict('CONFLICT', `${row.problem?.message ?? 'Another operation took the place of this one.'} Retry that one.`);
  if (row.state === 'SUCCEEDED' || row.state === 'CANCELLED')
    throw new Conflict('CONFLICT', `This operation is over (${row.state}); there is nothing to retry.`);
};

/** A machine whose upgrade rests is tried at once. */
const forgetUpgradeTrouble = async (tx: Tx, seedId: string): Promise<void> => {
  const known = (await loadSeed(tx.db, seedId))?.place;
  if (known?.upgradeTrouble === undefined) return;
  const { upgradeTrouble: _, ...place } = known;
  await patchSeed(tx, seedId, { place });
};

const wakeTarget = async (deps: CommandDeps, call: Call, tx: Tx, operation: OperationRow): Promise<void> => {
  const now = deps.clock.now();
  if (operation.targetKind === 'ORPHANS') {
    await reopenOrphans(tx, operation.id, now);
    return wakeOrphans(tx, deps, call, operation.id);
  }
  await wakeNow(tx, operation.targetKind, operation.targetId, now);
  // Its tries begin anew.
  if (operation.targetKind === 'SEED') await forgetUpgradeTrouble(tx, operation.targetId);
  if (operation.targetKind === 'BACKUP') await patchBackup(tx, operation.targetId, { failures: null });
  const { clusterId } = operation;
  if (clusterId === null) return;
  const cluster = await loadCluster(tx.db, clusterId);
  if (cluster === undefined) throw new NotFound(`Cluster ${clusterId}`);
  await refreshTrust(tx, deps, call, cluster);
  await forgetFailures(tx, operation.targetKind === 'CLUSTER' ? { clusterId } : { nodeGroupId: operation.targetId }, now);
  if (operation.targetKind === 'CLUSTER') {
    await wakeNodeGroups(tx, clusterId, now, true);
    await wakeNodes(tx, { clusterId }, now, true);
  } else {
    // A group's own trouble may lie with its cluster, such as a trust that could not be made.
    await wakeNow(tx, 'CLUSTER', clusterId, now);
    await wakeNodes(tx, { nodeGroupId: operation.targetId }, now, true);
  }
};
