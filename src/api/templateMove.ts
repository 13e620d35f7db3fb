/** What moveClusterToTemplate would change, told before. */

import { fieldOfChoice, getRevision } from '../commands/moveClusterToTemplate.ts';
import { type GroupMove, type MoveOutlook, outlookOf } from '../commands/templateMove.ts';
import type { BundleChoice } from '../domain/addonBundle.ts';
import { NotFound, UserError } from '../domain/errors.ts';
import type { PlannedChange } from '../domain/plan.ts';
import { badInput, builder } from './builder.ts';
import { ClusterRef, shownBundles } from './cluster.ts';
import { callOf } from './context.ts';
import { plainId } from './ids.ts';
import { NodeGroupRef } from './nodeGroup.ts';
import { FaultType } from './problem.ts';
import { ClusterTemplateRef, TemplateRevisionType } from './template.ts';
import { UpgradeTargetType } from './upgrade.ts';

/** Secret options are told by name alone. */
const textOf = (path: string, value: unknown): string =>
  JSON.stringify((path === 'bundles' ? shownBundles(value as BundleChoice[]) : value) ?? null);

export const SettingChangeType = builder.objectRef<PlannedChange>('SettingChange').implement({
  description: 'A setting that would be another one.',
  fields: (t) => ({
    field: t.exposeString('path', {
      description:
        'The setting by its name in ClusterSpec, or by its path, such as controlPlane.etcd.quotaGiB; else by its name in the input, such as count.',
    }),
    from: t.string({ description: 'What there is, as JSON.', resolve: ({ path, from }) => textOf(path, from) }),
    to: t.string({ description: 'What there would be, as JSON.', resolve: ({ path, to }) => textOf(path, to) }),
    possible: t.exposeBoolean('possible', {
      description: 'False: a living cluster cannot change it, so all of it is refused; a move is not if keep names it.',
    }),
  }),
});

const NodeGroupMoveType = builder.objectRef<GroupMove & { nodes: number }>('NodeGroupMove').implement({
  description: 'A node group that has followed the template so far, and whose nodes would be replaced.',
  fields: (t) => ({
    nodeGroup: t.field({ type: NodeGroupRef, description: 'The group.', resolve: ({ nodeGroup }) => nodeGroup }),
    settings: t.exposeStringList('settings', { description: 'What it would take over: some of image, flavor and keypair.' }),
    nodes: t.exposeInt('nodes', { description: 'Nodes that would be replaced by others.' }),
  }),
});

const TemplateMoveType = builder.objectRef<MoveOutlook>('TemplateMove').implement({
  description: "What would become of a cluster with the settings of a template's revision.",
  fields: (t) => ({
    template: t.field({ type: ClusterTemplateRef, description: 'The template.', resolve: ({ template }) => template }),
    revision: t.field({ type: TemplateRevisionType, description: 'Its revision.', resolve: ({ revision }) => revision }),
    changes: t.field({
      type: [SettingChangeType],
      description: "Settings that would change; the cluster's own are not among them.",
      resolve: ({ changes }) => changes,
    }),
    nodeGroups: t.field({
      type: [NodeGroupMoveType],
      description: 'Node groups that follow the template. Another version replaces the nodes of others, too: see upgrade.',
      resolve: ({ nodeGroups }) => nodeGroups,
    }),
    upgrade: t.expose('upgrade', {
      type: UpgradeTargetType,
      nullable: true,
      description: 'What the other version of Kubernetes changes; null: the version stays.',
    }),
    problem: t.expose('problem', {
      type: FaultType,
      nullable: true,
      description: 'What moveClusterToTemplate would be refused for now, as far as is known without asking the cloud; null: nothing.',
    }),
  }),
});

builder.objectField(ClusterRef, 'templateMove', (t) =>
  t.field({
    type: TemplateMoveType,
    nullable: true,
    description:
      'What moveClusterToTemplate would change with the same arguments; null when the template is not there, or not yours to see.',
    args: {
      clusterTemplate: t.arg.string({ description: 'Id or name of a template; without it, its own.' }),
      revision: t.arg.int({ description: 'A revision of it; without it, the newest.' }),
      keep: t.arg.stringList({
        description: 'Settings that stay as they are, by their names in ClusterSpec or beginnings of their paths.',
      }),
    },
    resolve: async (row, { clusterTemplate, revision, keep }, context) => {
      const { store, loaders, clock, actor, peekCatalogue } = context;
      const choice = {
        ...(clusterTemplate != null && { clusterTemplate: plainId('ClusterTemplate', clusterTemplate) }),
        ...(revision != null && { revision }),
      };
      try {
        return outlookOf({
          cluster: row,
          ...(await loaders.workers.load(row.id)),
          catalogue: peekCatalogue(row.projectId, actor.userId),
          now: clock.now(),
          ...(await getRevision(store.db, callOf(context, {}), row, choice)),
          keep: keep ?? [],
          field: fieldOfChoice(choice),
        });
      } catch (error) {
        if (error instanceof NotFound) return null;
        if (error instanceof UserError) throw badInput(error.message);
        throw error;
      }
    },
  }),
);
