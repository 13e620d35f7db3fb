/** createSeed: writes down a seed that is to be made of machines in Seedbed's own project; its flow makes it. */
import { permit } from '../domain/actor.ts';
import type { Command, CommandDeps, SeedAnswer } from './call.ts';
import { runOnce } from './idempotent.ts';
import { completeMadeSeed, madeSeedFields } from './madeSeedInput.ts';
import { ownInput, parseInput } from './parse.ts';
import { addSeed, newSeedRow, recallSeedAnswer } from './seedInput.ts';

export const createSeed =
  (deps: CommandDeps): Command<SeedAnswer> =>
  async (call, raw) => {
    permit(call.actor, 'createSeed');
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
        return addSeed(deps, call, tx, {
          row,
          kind: 'CREATE_SEED',
          message: `Seed ${row.name} is being made, as ${call.actor.userName} asked.`,
        });
      },
      recall: (ids) => recallSeedAnswer(deps, call, ids),
    });
  };
