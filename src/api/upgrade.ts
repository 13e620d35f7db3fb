/** Upgrades of a cluster: where its control plane is, where it can go, and what that changes. */
import type { GroupReplacement, UpgradeTarget, VersionChange } from '../commands/upgradePlan.ts';
import { planUpgrades } from '../commands/upgradePlan.ts';
import type { DeprecatedApi } from '../domain/deprecatedApi.ts';
import { expirationOf, runningVersionOf, upgradeSentence } from '../domain/upgrade.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { NodeGroupRef } from './nodeGroup.ts';
import { FaultType } from './problem.ts';
import { ClusterTemplateRef, newestRevisionOf } from './template.ts';

const VersionChangeType = builder.objectRef<VersionChange>('VersionChange').implement({
  description: 'What an upgrade does to a component of the control plane or to an addon.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name, for programs.' }),
    title: t.exposeString('title', { description: 'For people.' }),
    from: t.exposeString('from', {
      nullable: true,
      description: 'The version that goes with the control plane as it is; null: there is none.',
    }),
    to: t.exposeString('to', { nullable: true, description: 'The version afterwards, which may be the same; null: there is none.' }),
  }),
});

const NodeGroupReplacementType = builder.objectRef<GroupReplacement>('NodeGroupReplacement').implement({
  description: 'A node group whose nodes an upgrade replaces, unless it is one of the control plane only.',
  fields: (t) => ({
    nodeGroup: t.field({ type: NodeGroupRef, description: 'The group.', resolve: ({ nodeGroup }) => nodeGroup }),
    from: t.exposeString('from', { description: 'The version that its nodes follow or stay at now.' }),
    nodes: t.exposeInt('nodes', { description: 'Nodes that are replaced by others.' }),
  }),
});

const DeprecatedApiType = builder.objectRef<DeprecatedApi>('DeprecatedApi').implement({
  description: 'An API that Kubernetes does not serve for ever, and that somebody asks a cluster for.',
  fields: (t) => ({
    group: t.exposeString('group', { description: 'Its group; "" is the core group.' }),
    version: t.exposeString('version', { description: 'Its version, such as v1beta1.' }),
    resource: t.exposeString('resource', { description: 'What is asked for, such as volumeattributesclasses.' }),
    removedIn: t.exposeString('removedIn', {
      nullable: true,
      description: 'The minor release from which on it is not served, such as 1.37; null: none has been named.',
    }),
    seenAt: t.expose('seenAt', {
      type: 'DateTime',
      description: 'When the API server last told of it, which it does until it is started anew, however long ago it was asked.',
    }),
  }),
});

export const UpgradeTargetType = builder.objectRef<UpgradeTarget>('UpgradeTarget').implement({
  description: 'A version that a cluster can be upgraded to.',
  fields: (t) => ({
    version: t.exposeString('version', { description: 'As upgradeCluster takes it.' }),
    endOfLifeAt: t.expose('endOfLifeAt', { type: 'DateTime', description: 'The day after which upstream mends nothing in it any more.' }),
    components: t.field({
      type: [VersionChangeType],
      description: 'The parts of the control plane, in the order in which they change.',
      resolve: (target) => target.components,
    }),
    addons: t.field({ type: [VersionChangeType], description: 'The addons that the cluster has.', resolve: (target) => target.addons }),
    nodeGroups: t.field({
      type: [NodeGroupReplacementType],
      description: 'The node groups that follow, with how many of their nodes are replaced.',
      resolve: (target) => target.nodeGroups,
    }),
    warnings: t.exposeStringList('warnings', { description: 'What is no obstacle and should be known before; sentences.' }),
    removedApis: t.field({
      type: [DeprecatedApiType],
      description: 'APIs that are asked for in the cluster and that this version does not serve any more; the warnings say so, too.',
      resolve: (target) => target.removedApis,
    }),
    problem: t.expose('problem', {
      type: FaultType,
      nullable: true,
      description: 'What upgradeCluster would be refused for now, as far as is known without asking the cloud; null: nothing.',
    }),
    controlPlaneOnlyProblem: t.expose('controlPlaneOnlyProblem', {
      type: FaultType,
      nullable: true,
      description: 'The same with controlPlaneOnly.',
    }),
  }),
});

const VERSION_WARNING =
  'What should be known of the end of its version: told from 90 days before upstream mends nothing any more; null: nothing.';

builder.objectFields(ClusterRef, (t) => ({
  runningVersion: t.string({
    nullable: true,
    description: 'The Kubernetes version that all of the control plane has run last; null before it first ran.',
    resolve: runningVersionOf,
  }),
  upgradeStatus: t.string({
    nullable: true,
    description:
      'A sentence while the control plane is on its way to another version: where it is, where it goes, and what it waits for; null at rest.',
    resolve: async (row, _args, { loaders }) => upgradeSentence(row, await loaders.conditions.load(row.id)),
  }),
  upgradeTargets: t.field({
    type: [UpgradeTargetType],
    description:
      'Versions that it can be upgraded to, newest first, with what each changes; while an upgrade runs, the way back is among them as long as there is one, and so is the running version where node groups have stayed behind.',
    resolve: async (row, _args, { loaders, clock, actor, peekCatalogue }) =>
      planUpgrades({
        cluster: row,
        ...(await loaders.workers.load(row.id)),
        catalogue: peekCatalogue(row.projectId, actor.userId),
        now: clock.now(),
      }),
  }),
  deprecatedApis: t.field({
    type: [DeprecatedApiType],
    description:
      'Deprecated APIs that its API servers were asked for, as their metrics said at the last look; one that was not seen for five weeks is forgotten. It is looked every six hours.',
    resolve: ({ deprecatedApis }) => deprecatedApis?.apis ?? [],
  }),
  versionWarning: t.string({
    nullable: true,
    description: VERSION_WARNING,
    resolve: (row, _args, { clock }) => expirationOf(runningVersionOf(row) ?? row.spec.kubernetesVersion, clock.now()),
  }),
}));

builder.objectField(ClusterTemplateRef, 'versionWarning', (t) =>
  t.string({
    nullable: true,
    description: VERSION_WARNING,
    resolve: async (row, _args, context) =>
      expirationOf((await newestRevisionOf(context, row)).spec.kubernetesVersion, context.clock.now()),
  }),
);
