/** deleteSeed: takes a seed that Seedbed made out, with all that was made for it in the cloud. */
import { Conflict } from '../domain/errors.ts';
import type { Command, CommandDeps, SeedAnswer } from './call.ts';
import { removeSeed } from './seedInput.ts';

export const deleteSeed =
  (deps: CommandDeps): Command<SeedAnswer> =>
  async (call, raw) =>
    removeSeed(deps, call, raw, {
      mutation: 'deleteSeed',
      kind: 'DELETE_SEED',
      message: 'is being deleted',
      refuse: ({ made, name }) => {
        if (made === null)
          throw new Conflict('CONFLICT', `Seed ${name} was registered, and is not Seedbed's to delete; take it out with unregisterSeed.`);
      },
    });
