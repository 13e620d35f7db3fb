/** updateAddonBundle: makes the next immutable revision; clusters keep theirs until they are told to take another. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { stableJson } from '../lib/json.ts';
import { type AddonBundleRevisionRow, insertAddonBundleRevision, patchAddonBundle } from '../store/addonBundles.ts';
import { bundleFields, checkBundle, getAddonBundle, type ReadBundle, readParts, recallBundleAnswer } from './addonBundleInput.ts';
import type { AddonBundleAnswer, Command, CommandDeps } from './call.ts';
import { runOnce } from './idempotent.ts';
import { given, nameOrId, ownInput, parseInput } from './parse.ts';
import { checkGeneration } from './targets.ts';

const schema = bundleFields.omit({ name: true, manifests: true }).extend({ addonBundleId: nameOrId, manifests: given(z.string()) });

export const updateAddonBundle =
  (deps: CommandDeps): Command<AddonBundleAnswer> =>
  async (call, raw) => {
    permit(call.actor, 'updateAddonBundle');
    const input = parseInput(schema, ownInput(raw));
    return runOnce<AddonBundleAnswer, Partial<ReadBundle>>(deps, call, {
      mutation: 'updateAddonBundle',
      input: raw,
      prepare: async () => readParts(deps, input.manifests, input.optionsSchema),
      apply: async (tx, parts) => {
        const { bundle, revision: current } = await getAddonBundle(tx.db, call, input.addonBundleId);
        checkGeneration(call, bundle);
        const now = deps.clock.now();
        const { manifests, objects, optionsSchema } = current;
        const read = checkBundle(deps, { manifests, objects, optionsSchema, ...parts });
        let revision: AddonBundleRevisionRow = current;
        if (read.manifests !== current.manifests || stableJson(read.optionsSchema) !== stableJson(current.optionsSchema)) {
          revision = { bundleId: bundle.id, revision: bundle.revision + 1, ...read, createdBy: call.actor.userName, createdAt: now };
          await insertAddonBundleRevision(tx, revision);
        }
        const changed = {
          ...bundle,
          description: input.description ?? bundle.description,
          revision: revision.revision,
          generation: bundle.generation + 1,
          updatedAt: now,
        };
        await patchAddonBundle(tx, bundle.id, changed);
        tx.changes.push({ kind: 'ADDON_BUNDLE', id: bundle.id, clusterId: null, projectId: null, what: 'CHANGED' });
        return {
          answer: { bundle: changed, revision },
          target: { kind: 'ADDON_BUNDLE', id: bundle.id, projectId: null },
          recall: { bundleId: bundle.id, revision: String(revision.revision) },
        };
      },
      recall: (ids) => recallBundleAnswer(deps, call, ids),
    });
  };
