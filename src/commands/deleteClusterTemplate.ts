/** deleteClusterTemplate: takes an offer back that no living cluster was made from. */
import { z } from 'zod';
import { Conflict } from '../domain/errors.ts';
import { countClustersOfTemplate, patchTemplate } from '../store/templates.ts';
import type { Command, CommandDeps, TemplateAnswer } from './call.ts';
import { recallTemplateAnswer } from './createClusterTemplate.ts';
import { runOnce } from './idempotent.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { checkGeneration, getOwnTemplate } from './targets.ts';

const schema = z.strictObject({ clusterTemplateId: nameOrId });

export const deleteClusterTemplate =
  (deps: CommandDeps): Command<TemplateAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return runOnce<TemplateAnswer, void>(deps, call, {
      mutation: 'deleteClusterTemplate',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const { template, revision } = await getOwnTemplate(tx.db, call, 'deleteClusterTemplate', input.clusterTemplateId);
        checkGeneration(call, template);
        const used = await countClustersOfTemplate(tx.db, template.id);
        if (used > 0)
          throw new Conflict(
            'IN_USE',
            `${used} ${used === 1 ? 'cluster was' : 'clusters were'} made from this template; delete them first, or hide the template.`,
            {
              field: ['clusterTemplateId'],
            },
          );
        const now = deps.clock.now();
        const gone = { ...template, deletedAt: now, updatedAt: now, generation: template.generation + 1 };
        await patchTemplate(tx, template.id, gone);
        tx.changes.push({ kind: 'TEMPLATE', id: template.id, clusterId: null, projectId: template.projectId, what: 'DELETED' });
        return {
          answer: { template: gone, revision },
          target: { kind: 'TEMPLATE', id: template.id, projectId: template.projectId },
          recall: { templateId: template.id, revision: String(revision.revision) },
        };
      },
      recall: (ids) => recallTemplateAnswer(deps, call, ids),
    });
  };
