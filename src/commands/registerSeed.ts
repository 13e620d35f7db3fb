/** registerSeed: keeps a seed's kubeconfig sealed; the seed's own flow looks whether it will do. */
import { requireCloudAdmin } from '../domain/actor.ts';
import type { Tx } from '../store/open.ts';
import type { SeedRow } from '../store/reconcile.ts';
import { insertSeed } from '../store/seeds.ts';
import { enqueue } from '../store/workItems.ts';
import { announce, newOperation, seedSubject } from './announce.ts';
import type { Call, Command, CommandDeps, SeedAnswer } from './call.ts';
import { runOnce } from './idempotent.ts';
import { ownInput, parseInput } from './parse.ts';
import { KUBECONFIG, nameTaken, newSeedRow, recallSeedAnswer, seedFields } from './seedInput.ts';
import { recallSeed } from './targets.ts';

export const registerSeed =
  (deps: CommandDeps): Command<SeedAnswer> =>
  async (call, raw) => {
    requireCloudAdmin(call.actor);
    const input = parseInput(seedFields, ownInput(raw));
    return runOnce<SeedAnswer, string>(deps, call, {
      mutation: 'registerSeed',
      input: raw,
      prepare: async () => deps.parseKubeconfig(input.kubeconfig).server,
      apply: async (tx, server) => {
        const row = newSeedRow(deps, input, server);
        const operation = await write(deps, call, tx, row, input.kubeconfig);
        const seed = await recallSeed(tx.db, row.id);
        return {
          answer: { seed, operation },
          target: { kind: 'SEED', id: seed.id, projectId: null },
          recall: { seedId: seed.id, operationId: operation.id },
        };
      },
      recall: (ids) => recallSeedAnswer(deps, call, ids),
    });
  };

const write = async (deps: CommandDeps, call: Call, tx: Tx, row: SeedRow, kubeconfig: string) => {
  try {
    await insertSeed(tx, row);
  } catch (error) {
    throw nameTaken(error, row.name);
  }
  await deps.secrets.put(tx, row.id, KUBECONFIG, kubeconfig, row.createdAt);
  const subject = seedSubject(row);
  const operation = newOperation(deps, call, 'REGISTER_SEED', subject, 1);
  await announce(tx, subject, operation, 'PENDING', `Seed ${row.name} was registered by ${call.actor.userName}.`, 'CREATED');
  await enqueue(tx, 'SEED', row.id, row.createdAt);
  return operation;
};
