/** registerSeed: keeps a seed's kubeconfig sealed; the seed's own flow looks whether it will do. */
import { permit } from '../domain/actor.ts';
import type { Command, CommandDeps, SeedAnswer } from './call.ts';
import { runOnce } from './idempotent.ts';
import { ownInput, parseInput } from './parse.ts';
import { addSeed, KUBECONFIG, newSeedRow, recallSeedAnswer, seedFields } from './seedInput.ts';

export const registerSeed =
  (deps: CommandDeps): Command<SeedAnswer> =>
  async (call, raw) => {
    permit(call.actor, 'registerSeed');
    const input = parseInput(seedFields, ownInput(raw));
    return runOnce<SeedAnswer, string>(deps, call, {
      mutation: 'registerSeed',
      input: raw,
      prepare: async () => deps.parseKubeconfig(input.kubeconfig).server,
      apply: async (tx, server) => {
        const row = newSeedRow(deps, input, server);
        const message = `Seed ${row.name} was registered by ${call.actor.userName}.`;
        const outcome = await addSeed(deps, call, tx, { row, kind: 'REGISTER_SEED', message });
        await deps.secrets.put(tx, row.id, KUBECONFIG, input.kubeconfig, row.createdAt);
        return outcome;
      },
      recall: (ids) => recallSeedAnswer(deps, call, ids),
    });
  };
