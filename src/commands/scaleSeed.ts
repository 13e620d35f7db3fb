/** scaleSeed: how many machines a seed that Seedbed made has beside its first. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { Conflict, UserError } from '../domain/errors.ts';
import { countClustersBoundToSeed } from '../store/seeds.ts';
import type { Command, CommandDeps, SeedAnswer } from './call.ts';
import { roomFor, workerCount } from './madeSeedInput.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { changeSeed } from './seedInput.ts';

const schema = z.strictObject({ seedId: nameOrId, workers: workerCount });

export const scaleSeed =
  (deps: CommandDeps): Command<SeedAnswer> =>
  async (call, raw) => {
    permit(call.actor, 'scaleSeed');
    const { seedId, workers } = parseInput(schema, ownInput(raw));
    return changeSeed(deps, call, raw, {
      mutation: 'scaleSeed',
      kind: 'SCALE_SEED',
      seedId,
      supersedes: ['SCALE_SEED'],
      message: `is to have ${workers} ${workers === 1 ? 'worker' : 'workers'}`,
      patch: async (tx, row) => {
        if (row.made === null)
          throw new UserError(
            'INVALID_INPUT',
            `Seed ${row.name} was registered: its machines are not Seedbed's; add them where it was made.`,
            {
              field: ['seedId'],
            },
          );
        roomFor(row.made.nodeCidr, { ...row.made, workers }, ['workers']);
        // Volumes are folders of the machine that they are on: whoever takes it away takes clusters' etcd with it.
        if (workers < row.made.workers && (await countClustersBoundToSeed(tx.db, row.id)) > 0)
          throw new Conflict(
            'IN_USE',
            `The volumes of clusters on seed ${row.name} are on its machines, and would go with them; it can have fewer once no cluster is on it.`,
            { field: ['workers'] },
          );
        return { made: { ...row.made, workers } };
      },
    });
  };
