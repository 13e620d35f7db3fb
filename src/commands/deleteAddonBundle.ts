/** deleteAddonBundle: takes an offer back that no cluster has. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { Conflict } from '../domain/errors.ts';
import { type BundleUses, countBundleUses, patchAddonBundle } from '../store/addonBundles.ts';
import { getAddonBundle, recallBundleAnswer } from './addonBundleInput.ts';
import type { AddonBundleAnswer, Command, CommandDeps } from './call.ts';
import { runOnce } from './idempotent.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { checkGeneration } from './targets.ts';

const schema = z.strictObject({ addonBundleId: nameOrId });

export const deleteAddonBundle =
  (deps: CommandDeps): Command<AddonBundleAnswer> =>
  async (call, raw) => {
    permit(call.actor, 'deleteAddonBundle');
    const input = parseInput(schema, ownInput(raw));
    return runOnce<AddonBundleAnswer, void>(deps, call, {
      mutation: 'deleteAddonBundle',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const { bundle, revision } = await getAddonBundle(tx.db, call, input.addonBundleId);
        checkGeneration(call, bundle);
        const uses = await countBundleUses(tx.db, bundle.name);
        if (uses.clusters + uses.templates > 0) throw inUse(bundle.name, uses);
        const now = deps.clock.now();
        const gone = { ...bundle, deletedAt: now, updatedAt: now, generation: bundle.generation + 1 };
        await patchAddonBundle(tx, bundle.id, gone);
        tx.changes.push({ kind: 'ADDON_BUNDLE', id: bundle.id, clusterId: null, projectId: null, what: 'DELETED' });
        return {
          answer: { bundle: gone, revision },
          target: { kind: 'ADDON_BUNDLE', id: bundle.id, projectId: null },
          recall: { bundleId: bundle.id, revision: String(revision.revision) },
        };
      },
      recall: (ids) => recallBundleAnswer(deps, call, ids),
    });
  };

const inUse = (name: string, { clusters, templates }: BundleUses): Conflict => {
  const users = [count(clusters, 'cluster'), count(templates, 'cluster template')].filter((text) => text !== null).join(' and ');
  return new Conflict('IN_USE', `${users} ${clusters + templates === 1 ? 'has' : 'have'} the bundle ${name}; take it out of there first.`, {
    field: ['addonBundleId'],
  });
};

const count = (n: number, noun: string): string | null => (n === 0 ? null : `${n} ${noun}${n === 1 ? '' : 's'}`);
