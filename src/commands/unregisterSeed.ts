/** unregisterSeed: lets go of a seed that no cluster needs. */
import { Conflict } from '../domain/errors.ts';
import type { Command, CommandDeps, SeedAnswer } from './call.ts';
import { removeSeed } from './seedInput.ts';

export const unregisterSeed =
  (deps: CommandDeps): Command<SeedAnswer> =>
  async (call, raw) =>
    removeSeed(deps, call, raw, {
      mutation: 'unregisterSeed',
      kind: 'UNREGISTER_SEED',
      message: 'is being unregistered',
      refuse: ({ made, name }) => {
        if (made !== null)
          throw new Conflict(
            'CONFLICT',
            `Seedbed made seed ${name} itself, and its machines would stay for nobody; delete it with deleteSeed.`,
          );
      },
    });
