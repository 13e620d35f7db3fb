/** drainSeed: a seed takes no new clusters, and those that are in it go to others. uncordonSeed ends that. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { UserError } from '../domain/errors.ts';
import type { Command, CommandDeps, SeedAnswer } from './call.ts';
import { checkStore } from './createBackup.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { changeSeed } from './seedInput.ts';

const schema = z.strictObject({ seedId: nameOrId });

export const drainSeed =
  (deps: CommandDeps): Command<SeedAnswer> =>
  async (call, raw) => {
    permit(call.actor, 'drainSeed');
    const { seedId } = parseInput(schema, ownInput(raw));
    return changeSeed(deps, call, raw, {
      mutation: 'drainSeed',
      kind: 'DRAIN_SEED',
      seedId,
      supersedes: ['CORDON_SEED', 'UNCORDON_SEED', 'DRAIN_SEED'],
      message: 'is drained: its control planes go to other seeds',
      patch: async (_tx, row, now) => {
        checkStore(deps);
        if (row.exposure !== 'LOAD_BALANCER')
          throw new UserError(
            'INVALID_INPUT',
            `Seed ${row.name} shows APIs on ports of its nodes, so that no control plane can leave it with its address; cordon it, and clone its clusters from backups (cloneCluster with seed).`,
            { field: ['seedId'] },
          );
        return { cordoned: true, drain: { since: now, requestedBy: call.actor.userName } };
      },
    });
  };
