/** registerAddonBundle: offers manifests to all projects under a name, as revision 1. */
import { permit } from '../domain/actor.ts';
import { NO_OPTIONS } from '../domain/addonBundleOption.ts';
import { insertAddonBundle, insertAddonBundleRevision } from '../store/addonBundles.ts';
import { bundleFields, bundleNameTaken, checkBundle, type ReadBundle, readParts, recallBundleAnswer } from './addonBundleInput.ts';
import type { AddonBundleAnswer, Command, CommandDeps } from './call.ts';
import { runOnce } from './idempotent.ts';
import { ownInput, parseInput } from './parse.ts';

export const registerAddonBundle =
  (deps: CommandDeps): Command<AddonBundleAnswer> =>
  async (call, raw) => {
    permit(call.actor, 'registerAddonBundle');
    const { name, description = '', manifests, optionsSchema } = parseInput(bundleFields, ownInput(raw));
    return runOnce<AddonBundleAnswer, ReadBundle>(deps, call, {
      mutation: 'registerAddonBundle',
      input: raw,
      prepare: async () => {
        const parts = readParts(deps, manifests, optionsSchema);
        return checkBundle(deps, { manifests, objects: [], optionsSchema: NO_OPTIONS, ...parts });
      },
      apply: async (tx, read) => {
        const now = deps.clock.now();
        const id = deps.newId();
        const bundle = { id, name, description, revision: 1, generation: 1, deletedAt: null, createdAt: now, updatedAt: now };
        const revision = { bundleId: id, revision: 1, ...read, createdBy: call.actor.userName, createdAt: now };
        try {
          await insertAddonBundle(tx, bundle);
        } catch (error) {
          throw bundleNameTaken(error, name);
        }
        await insertAddonBundleRevision(tx, revision);
        tx.changes.push({ kind: 'ADDON_BUNDLE', id, clusterId: null, projectId: null, what: 'CREATED' });
        return {
          answer: { bundle, revision },
          target: { kind: 'ADDON_BUNDLE', id, projectId: null },
          recall: { bundleId: id, revision: '1' },
        };
      },
      recall: (ids) => recallBundleAnswer(deps, call, ids),
    });
  };
