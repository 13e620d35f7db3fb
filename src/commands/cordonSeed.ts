/** cordonSeed and uncordonSeed: whether new clusters may be placed on a seed; those on it stay, and a drain ends when it is uncordoned. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import type { Command, CommandDeps, SeedAnswer } from './call.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { changeSeed } from './seedInput.ts';

const schema = z.strictObject({ seedId: nameOrId });

const setCordon =
  (deps: CommandDeps, cordoned: boolean): Command<SeedAnswer> =>
  async (call, raw) => {
    permit(call.actor, cordoned ? 'cordonSeed' : 'uncordonSeed');
    const { seedId } = parseInput(schema, ownInput(raw));
    return changeSeed(deps, call, raw, {
      mutation: cordoned ? 'cordonSeed' : 'uncordonSeed',
      kind: cordoned ? 'CORDON_SEED' : 'UNCORDON_SEED',
      seedId,
      supersedes: ['CORDON_SEED', 'UNCORDON_SEED', ...(cordoned ? [] : ['DRAIN_SEED' as const])],
      message: cordoned ? 'takes no new clusters' : 'takes new clusters again',
      // What is on its way goes on.
      patch: async () => (cordoned ? { cordoned } : { cordoned, drain: null }),
    });
  };

export const cordonSeed = (deps: CommandDeps): Command<SeedAnswer> => setCordon(deps, true);
export const uncordonSeed = (deps: CommandDeps): Command<SeedAnswer> => setCordon(deps, false);
