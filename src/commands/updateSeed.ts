/** updateSeed: changes what is known of a seed; what is left out stays as it is. */
import { permit } from '../domain/actor.ts';
import { Conflict, UserError } from '../domain/errors.ts';
import type { Tx } from '../store/open.ts';
import { countClustersBoundToSeed } from '../store/seeds.ts';
import type { Command, CommandDeps, SeedAnswer } from './call.ts';
import { definedOf, nameOrId, ownInput, parseInput, requireChange } from './parse.ts';
import { changeSeed, KUBECONFIG, seedFields } from './seedInput.ts';

const schema = seedFields.partial().extend({ seedId: nameOrId });

export const updateSeed =
  (deps: CommandDeps): Command<SeedAnswer> =>
  async (call, raw) => {
    permit(call.actor, 'updateSeed');
    const { seedId, kubeconfig, ...fields } = parseInput(schema, ownInput(raw));
    requireChange({ kubeconfig, ...fields });
    const server = kubeconfig === undefined ? undefined : deps.parseKubeconfig(kubeconfig).server;
    return changeSeed(deps, call, raw, {
      mutation: 'updateSeed',
      kind: 'UPDATE_SEED',
      seedId,
      supersedes: ['UPDATE_SEED'],
      message: 'is being changed',
      patch: async (tx, row, now) => {
        const patch = definedOf(fields);
        if (row.made !== null) refuseOfMade({ kubeconfig, ...patch });
        if (patch.exposure !== undefined && patch.exposure !== row.exposure) await refuseWhileUsed(tx.db, row.id);
        if (kubeconfig !== undefined) await deps.secrets.put(tx, row.id, KUBECONFIG, kubeconfig, now);
        return { ...patch, ...(server !== undefined && { apiServerUrl: server, ...(await recognised(tx, row.id)) }) };
      },
    });
  };

/** What Seedbed itself has settled when it made the seed. */
const refuseOfMade = (fields: Record<string, unknown>): void => {
  const field = ['kubeconfig', 'exposure', 'podCidr', 'serviceCidr'].find((name) => fields[name] !== undefined);
  if (field !== undefined)
    throw new UserError('INVALID_INPUT', `Seedbed made this seed, and keeps its ${field} itself; leave it out.`, { field: [field] });
};

/** An empty seed may be another cluster from now on; one that clusters are on must be the same, which is looked at before anything is done in it. */
const recognised = async (tx: Tx, seedId: string): Promise<{ clusterUid?: null }> =>
  (await countClustersBoundToSeed(tx.db, seedId)) === 0 ? { clusterUid: null } : {};

/** Clusters' addresses hang on how the seed exposes them. */
const refuseWhileUsed = async (db: Parameters<typeof countClustersBoundToSeed>[0], seedId: string): Promise<void> => {
  const used = await countClustersBoundToSeed(db, seedId);
  if (used > 0)
    throw new Conflict('IN_USE', `${used} clusters have their addresses by the present exposure; it can be changed once they are gone.`, {
      field: ['exposure'],
    });
};
