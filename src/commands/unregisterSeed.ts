/** unregisterSeed: lets go of a seed that no cluster needs; asking twice answers the removal that is under way. */
import { z } from 'zod';
import { requireCloudAdmin } from '../domain/actor.ts';
import { Conflict } from '../domain/errors.ts';
import { findNewestOperation } from '../store/operations.ts';
import type { Command, CommandDeps, SeedAnswer } from './call.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { changeSeed, refuseUsed } from './seedInput.ts';

const schema = z.strictObject({ seedId: nameOrId });

export const unregisterSeed =
  (deps: CommandDeps): Command<SeedAnswer> =>
  async (call, raw) => {
    requireCloudAdmin(call.actor);
    const { seedId } = parseInput(schema, ownInput(raw));
    return changeSeed(deps, call, raw, {
      mutation: 'unregisterSeed',
      kind: 'UNREGISTER_SEED',
      seedId,
      supersedes: null,
      message: 'is being unregistered',
      underWay: async (tx, row) => (row.deleteRequestedAt === null ? undefined : findNewestOperation(tx.db, row.id, 'UNREGISTER_SEED')),
      patch: async (tx, row, now) => {
        if (row.made !== null)
          throw new Conflict(
            'CONFLICT',
            `Seedbed made seed ${row.name} itself, and its machines would stay for nobody; delete it with deleteSeed.`,
          );
        await refuseUsed(tx, row);
        return { deleteRequestedAt: now, state: 'UNREGISTERING' };
      },
    });
  };
