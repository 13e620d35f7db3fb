/** unregisterSeed: lets go of a seed that no cluster needs; asking twice answers the removal that is under way. */
import { z } from 'zod';
import { requireCloudAdmin } from '../domain/actor.ts';
import { Conflict } from '../domain/errors.ts';
import { findNewestOperation } from '../store/operations.ts';
import { countClustersBoundToSeed } from '../store/seeds.ts';
import type { Command, CommandDeps, SeedAnswer } from './call.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { changeSeed } from './seedInput.ts';

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
        const used = await countClustersBoundToSeed(tx.db, row.id);
        if (used > 0)
          throw new Conflict(
            'IN_USE',
            `${used} ${used === 1 ? 'cluster lives' : 'clusters live'} on seed ${row.name}; delete them first (cordon the seed so that no new ones come).`,
          );
        return { deleteRequestedAt: now, state: 'UNREGISTERING' };
      },
    });
  };
