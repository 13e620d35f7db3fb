/** `seedbed cluster move-to-template`: shows what a template's revision changes in a cluster, or asks for it and draws its progress. */
import type { Command } from 'commander';
import { MOVE_CLUSTER_TO_TEMPLATE, TEMPLATE_MOVE } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { Operation, TemplateMove } from '../client/types.ts';
import { clusterText } from './clusterText.ts';
import { getCluster } from './find.ts';
import { action, type ChangeOptions, collect, defineChange, given, readWhole } from './options.ts';
import { failAs } from './plan.ts';
import type { Io, Session } from './session.ts';
import { fields, plain, table } from './table.ts';

interface MoveOptions extends ChangeOptions {
  template?: string;
  revision?: number;
  keep?: string[];
  plan?: boolean;
}

export const addMoveToTemplate = (cluster: Command, io: Io): void => {
  defineChange(
    cluster,
    'move-to-template <cluster>',
    "give a cluster the settings of its template's newest revision, or of another template",
  )
    .option('--template <template>', 'name or id of another template')
    .option('--revision <n>', 'a revision other than the newest', readWhole)
    .option('--keep <setting>', 'a setting that stays as it is, such as image or controlPlane.etcd; may be repeated', collect)
    .option('--plan', 'show what would change, and change nothing')
    .action(action(io, move));
};

const move = async (session: Session, [nameOrId = '']: readonly string[], options: MoveOptions): Promise<void> => {
  const { template: clusterTemplate, revision, keep, idempotencyKey } = options;
  const { uuid, name } = await getCluster(session.client, nameOrId);
  const choice = given({ clusterTemplate, revision, keep });
  if (options.plan === true) {
    const { cluster } = await session.client.request<{ cluster: { templateMove: TemplateMove | null } }>(TEMPLATE_MOVE, {
      id: uuid,
      ...choice,
    });
    const plan = cluster.templateMove;
    if (plan === null) throw new ClientError('NOT_FOUND', 'The template was not found.');
    session.print(plan, () => planText(name, plan));
    return failAs(plan.problem);
  }
  const { cluster, operation } = await session.client.mutate<{ cluster: { lastEventNumber: number }; operation: Operation }>(
    MOVE_CLUSTER_TO_TEMPLATE,
    { input: given({ clusterId: uuid, ...choice, idempotencyKey }) },
  );
  const progress = { id: uuid, after: Math.max(0, cluster.lastEventNumber - 1) };
  await session.finish(options, { operation, title: `Move cluster ${name} to its template`, cluster: progress });
  const after = await getCluster(session.client, uuid);
  session.print(after, () => clusterText(after, session.now()));
};

const planText = (name: string, { template, revision, changes, nodeGroups, upgrade, problem }: TemplateMove): string =>
  [
    fields([
      ['cluster', name],
      ['template', `${template.name}, revision ${revision.revision}`],
    ]),
    table(
      ['SETTING', 'FROM', 'TO', ''],
      changes.map(({ field, from, to, possible }) => [field, from, to, possible ? '' : 'not on a living cluster']),
      'No setting changes.',
    ),
    table(
      ['NODE GROUP', 'TAKES OVER', ''],
      nodeGroups.map(({ nodeGroup, settings, nodes }) => [nodeGroup.name, settings.join(', '), `${nodes} nodes are replaced`]),
      'No node group follows.',
    ),
    ...(upgrade === null
      ? []
      : upgrade.nodeGroups.map((group) => `Node group ${group.nodeGroup.name}: ${group.nodes} nodes are brought to ${upgrade.version}.\n`)),
    ...(upgrade?.warnings ?? []).map((text) => `Warning: ${plain(text)}\n`),
    ...(problem === null ? [] : [`Not now: ${plain(problem.message)}\n`]),
  ].join('');
