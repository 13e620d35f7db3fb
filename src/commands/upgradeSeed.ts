/** upgradeSeed: another version of Kubernetes for a seed that Seedbed made; its flow takes its machines there, one after another. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { UserError } from '../domain/errors.ts';
import { getSeedTarget } from '../domain/seedUpgrade.ts';
import type { Command, CommandDeps, SeedAnswer } from './call.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { changeSeed } from './seedInput.ts';
import { versionInput } from './templateInput.ts';

const schema = z.strictObject({ seedId: nameOrId, version: versionInput });

export const upgradeSeed =
  (deps: CommandDeps): Command<SeedAnswer> =>
  async (call, raw) => {
    permit(call.actor, 'upgradeSeed');
    const { seedId, version } = parseInput(schema, ownInput(raw));
    return changeSeed(deps, call, raw, {
      mutation: 'upgradeSeed',
      kind: 'UPGRADE_SEED',
      seedId,
      supersedes: ['UPGRADE_SEED'],
      message: `is upgraded to Kubernetes ${version}`,
      patch: async (_tx, row) => {
        const { made } = row;
        if (made === null)
          throw new UserError(
            'INVALID_INPUT',
            `Seed ${row.name} was registered: its machines are not Seedbed's; upgrade it where it was made.`,
            { field: ['seedId'] },
          );
        const target = getSeedTarget({ ...row, made }, version);
        return { made: { ...made, kubernetesVersion: target.version, upgradedFrom: made.kubernetesVersion } };
      },
    });
  };
