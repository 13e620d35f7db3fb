/** createClusterTemplate: offers a cluster's shape under a name, as revision 1. */
import { z } from 'zod';
import { permit, permittedProject } from '../domain/actor.ts';
import { Conflict } from '../domain/errors.ts';
import { faultOfTitle, MAX_TEMPLATE_NAME } from '../domain/names.ts';
import { DEFAULT_SPEC, type TemplateSpec } from '../domain/template.ts';
import { isUniqueViolation } from '../store/open.ts';
import { insertTemplate, insertTemplateRevision, loadRevisions } from '../store/templates.ts';
import { checkBundlesThere, chooseBundles } from './bundleChoice.ts';
import type { Call, Command, CommandDeps, TemplateAnswer } from './call.ts';
import { checkEgress, checkSpec, checkTunnel, type PathOf } from './checks.ts';
import { type Recalled, runOnce } from './idempotent.ts';
import { definedOf, given, nameBy, ownInput, parseInput } from './parse.ts';
import { recallTemplate } from './targets.ts';
import { completeSpec, labelsInput, readSpec, specFields } from './templateInput.ts';

export const templateHead = z.strictObject({
  name: nameBy(faultOfTitle, MAX_TEMPLATE_NAME),
  visibility: given(z.enum(['PUBLIC', 'PRIVATE', 'HIDDEN'], 'must be PUBLIC, PRIVATE or HIDDEN')),
  labels: labelsInput,
});
const schema = specFields.extend(templateHead.shape);

export const createClusterTemplate =
  (deps: CommandDeps): Command<TemplateAnswer> =>
  async (call, raw) => {
    const { name, visibility = 'PRIVATE', labels, ...typed } = parseInput(schema, ownInput(raw));
    const projectId = permittedProject(call.actor, 'createClusterTemplate');
    if (visibility !== 'PRIVATE') permit(call.actor, 'publishClusterTemplate', undefined, { field: ['visibility'] });
    return runOnce<TemplateAnswer, TemplateSpec>(deps, call, {
      mutation: 'createClusterTemplate',
      input: raw,
      prepare: async () => {
        const wished = readSpec(definedOf(typed), labels, undefined, []);
        const pathOf: PathOf = (field) => wished.pathOf(field) ?? field.split('.');
        const read = await chooseBundles(deps, deps.store.db, wished, DEFAULT_SPEC, pathOf);
        const spec = checkSpec(completeSpec(read), pathOf);
        checkTunnel(call, spec, null, pathOf);
        checkEgress(deps, spec, null, pathOf);
        return spec;
      },
      apply: async (tx, spec) => {
        await checkBundlesThere(tx.db, spec, ['bundles']);
        const now = deps.clock.now();
        const template = {
          id: deps.newId(),
          projectId,
          name,
          visibility,
          revision: 1,
          generation: 1,
          deletedAt: null,
          createdAt: now,
          updatedAt: now,
        };
        const revision = { templateId: template.id, revision: 1, spec, createdBy: call.actor.userName, createdAt: now };
        try {
          await insertTemplate(tx, template);
        } catch (error) {
          throw templateNameTaken(error, name);
        }
        await insertTemplateRevision(tx, revision);
        tx.changes.push({ kind: 'TEMPLATE', id: template.id, clusterId: null, projectId, what: 'CREATED' });
        return {
          answer: { template, revision },
          target: { kind: 'TEMPLATE', id: template.id, projectId },
          recall: { templateId: template.id, revision: '1' },
        };
      },
      recall: (ids) => recallTemplateAnswer(deps, call, ids),
    });
  };

export const templateNameTaken = (error: unknown, name: string): unknown =>
  isUniqueViolation(error)
    ? new Conflict('NAME_TAKEN', `A cluster template named ${JSON.stringify(name)} is there already in the project; choose another name.`, {
        field: ['name'],
      })
    : error;

/** The template as it is now, with the revision that was answered. */
export const recallTemplateAnswer = async (deps: CommandDeps, call: Call, ids: Recalled): Promise<Omit<TemplateAnswer, 'replayed'>> => {
  const template = await recallTemplate(deps.store.db, call, ids.templateId);
  const [revision] = await loadRevisions(deps.store.db, [{ templateId: template.id, revision: Number(ids.revision) }]);
  if (revision === undefined) throw new Error(`Template ${template.id} has lost revision ${ids.revision}.`);
  return { template, revision };
};
