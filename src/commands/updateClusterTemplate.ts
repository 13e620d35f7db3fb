/** updateClusterTemplate: makes the next immutable revision; clusters keep theirs. */

import type { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { mergeSpec } from '../domain/template.ts';
import { stableJson } from '../lib/json.ts';
import type { Tx } from '../store/open.ts';
import { insertTemplateRevision, patchTemplate } from '../store/templates.ts';
import { chooseBundles } from './bundleChoice.ts';
import type { Call, Command, CommandDeps, TemplateAnswer } from './call.ts';
import { checkEgress, checkSpec, checkTunnel, type PathOf } from './checks.ts';
import { recallTemplateAnswer, templateHead, templateNameTaken } from './createClusterTemplate.ts';
import { runOnce } from './idempotent.ts';
import { definedOf, nameOrId, ownInput, parseInput, requireChange } from './parse.ts';
import { checkGeneration, getOwnTemplate } from './targets.ts';
import { readSpec, specFields } from './templateInput.ts';

const schema = specFields.extend(templateHead.partial().shape).extend({ clusterTemplateId: nameOrId });
type Input = z.output<typeof schema>;

export const updateClusterTemplate =
  (deps: CommandDeps): Command<TemplateAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    const { clusterTemplateId: _about, ...fields } = input;
    requireChange(fields);
    if (input.visibility !== undefined && input.visibility !== 'PRIVATE')
      permit(call.actor, 'publishClusterTemplate', undefined, { field: ['visibility'] });
    return runOnce<TemplateAnswer, void>(deps, call, {
      mutation: 'updateClusterTemplate',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const answer = await write(deps, call, tx, input);
        const { template, revision } = answer;
        return {
          answer,
          target: { kind: 'TEMPLATE', id: template.id, projectId: template.projectId },
          recall: { templateId: template.id, revision: String(revision.revision) },
        };
      },
      recall: (ids) => recallTemplateAnswer(deps, call, ids),
    });
  };

const write = async (deps: CommandDeps, call: Call, tx: Tx, input: Input) => {
  const { clusterTemplateId, name, visibility, labels, ...typed } = input;
  const { template, revision: current } = await getOwnTemplate(tx.db, call, 'updateClusterTemplate', clusterTemplateId);
  checkGeneration(call, template);
  const now = deps.clock.now();
  const wished = readSpec(definedOf(typed), labels, current.spec.networkDriver, []);
  const pathOf: PathOf = (field) => wished.pathOf(field) ?? field.split('.');
  const read = await chooseBundles(deps, tx.db, wished, current.spec, pathOf);
  const wanted = { ...mergeSpec(current.spec, read.fields), ignoredLabels: read.ignoredLabels ?? current.spec.ignoredLabels };
  let revision = current;
  // A template whose version has expired meanwhile can still be renamed or hidden.
  if (stableJson(wanted) !== stableJson(current.spec)) {
    const spec = checkSpec(wanted, pathOf, (field) => read.pathOf(field) !== undefined);
    checkTunnel(call, spec, current.spec, pathOf);
    checkEgress(deps, spec, current.spec, pathOf);
    revision = { templateId: template.id, revision: template.revision + 1, spec, createdBy: call.actor.userName, createdAt: now };
    await insertTemplateRevision(tx, revision);
  }
  const changed = {
    ...template,
    name: name ?? template.name,
    visibility: visibility ?? template.visibility,
    revision: revision.revision,
    generation: template.generation + 1,
    updatedAt: now,
  };
  try {
    await patchTemplate(tx, template.id, changed);
  } catch (error) {
    throw templateNameTaken(error, changed.name);
  }
  tx.changes.push({ kind: 'TEMPLATE', id: template.id, clusterId: null, projectId: template.projectId, what: 'CHANGED' });
  return { template: changed, revision };
};
