/** deleteSeed: takes a seed that Seedbed made out, with all that was made for it in the cloud. */
import { z } from 'zod';
import { requireCloudAdmin } from '../domain/actor.ts';
import { Conflict } from '../domain/errors.ts';
import { findNewestOperation } from '../store/operations.ts';
import type { Command, CommandDeps, SeedAnswer } from './call.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { changeSeed, refuseUsed } from './seedInput.ts';

const schema = z.strictObject({ seedId: nameOrId });

export const deleteSeed =
  (deps: CommandDeps): Command<SeedAnswer> =>
  async (call, raw) => {
    requireCloudAdmin(call.actor);
    const { seedId } = parseInput(schema, ownInput(raw));
    return changeSeed(deps, call, raw, {
      mutation: 'deleteSeed',
      kind: 'DELETE_SEED',
      seedId,
      supersedes: null,
      message: 'is being deleted',
      underWay: async (tx, row) => (row.deleteRequestedAt === null ? undefined : findNewestOperation(tx.db, row.id, 'DELETE_SEED')),
      patch: async (tx, row, now) => {
        if (row.made === null)
          throw new Conflict(
            'CONFLICT',
            `Seed ${row.name} was registered, and is not Seedbed's to delete; take it out with unregisterSeed.`,
          );
        await refuseUsed(tx, row);
        return { deleteRequestedAt: now, state: 'UNREGISTERING' };
      },
    });
  };
