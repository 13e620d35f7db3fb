/** createSeed: writes down a seed that is to be made of machines in Seedbed's own project; its flow makes it. */
import { requireCloudAdmin } from '../domain/actor.ts';
import { insertSeed } from '../store/seeds.ts';
import { enqueue } from '../store/workItems.ts';
import { announce, newOperation, seedSubject } from './announce.ts';
import type { Command, CommandDeps, SeedAnswer } from './call.ts';
import { runOnce } from './idempotent.ts';
import { completeMadeSeed, madeSeedFields } from './madeSeedInput.ts';
import { ownInput, parseInput } from './parse.ts';
import { nameTaken, newSeedRow, recallSeedAnswer } from './seedInput.ts';
import { recallSeed } from './targets.ts';

export const createSeed =
  (deps: CommandDeps): Command<SeedAnswer> =>
  async (call, raw) => {
    requireCloudAdmin(call.actor);
    const input = parseInput(madeSeedFields, ownInput(raw));
    const { spec, podCidr, serviceCidr } = completeMadeSeed(input);
    return runOnce<SeedAnswer, void>(deps, call, {
      mutation: 'createSeed',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        // Without a cloud controller in it, its Services of type LoadBalancer would wait for ever.
        const settings = { ...input, podCidr, serviceCidr, exposure: 'NODE_PORT' } as const;
        const row = { ...newSeedRow(deps, settings, ''), made: spec };
        await insertSeed(tx, row).catch((error: unknown) => {
          throw nameTaken(error, row.name);
        });
        const subject = seedSubject(row);
        const operation = newOperation(deps, call, 'CREATE_SEED', subject, 1);
        await announce(tx, subject, operation, 'PENDING', `Seed ${row.name} is being made, as ${call.actor.userName} asked.`, 'CREATED');
        await enqueue(tx, 'SEED', row.id, row.createdAt);
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
