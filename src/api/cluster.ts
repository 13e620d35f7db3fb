/** Clusters: the type and what it shows of itself. */

import { type Actor, may } from '../domain/actor.ts';
import type { BundleChoice } from '../domain/addonBundle.ts';
import { addonsOf, bundlesOf } from '../domain/addonState.ts';
import type { Condition } from '../domain/condition.ts';
import { loudest } from '../domain/healing.ts';
import { notServedConditions } from '../domain/notServed.ts';
import type { PlacementReason } from '../domain/seed.ts';
import { type SpecPath, settingAt, settingsOf } from '../domain/template.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import { sightOf } from '../store/sight.ts';
import { AddonType, ClusterBundleType } from './addon.ts';
import { builder, nodeType } from './builder.ts';
import { CloudCredentialType, cloudCredentialOf } from './cloudCredential.ts';
import { ConditionType } from './condition.ts';
import type { Context } from './context.ts';
import { ClusterStateEnum } from './enums.ts';
import { EtcdType } from './etcd.ts';
import { LeakReportType, leakReportOf } from './leakReport.ts';
import { revisionKey } from './loaders.ts';
import { SeedRef } from './seed.ts';
import { ClusterSpecType } from './spec.ts';
import { ClusterTemplateRef, TemplateRevisionType } from './template.ts';

interface Override {
  field: string;
  value: unknown;
  templateValue: unknown;
}

const OverrideType = builder.objectRef<Override>('Override').implement({
  description: "A setting in which a cluster differs from its template's revision.",
  fields: (t) => ({
    field: t.exposeString('field', {
      description: 'The setting by its name in ClusterSpec, or by its path, such as controlPlane.etcd.volumeSizeGiB.',
    }),
    value: t.string({ description: 'What the cluster has, as JSON.', resolve: ({ value }) => JSON.stringify(value ?? null) }),
    templateValue: t.string({
      description: 'What the template says, as JSON; null for who may see no templates.',
      resolve: ({ templateValue }) => JSON.stringify(templateValue ?? null),
    }),
  }),
});

const PlacementReasonType = builder.objectRef<PlacementReason>('PlacementReason').implement({
  description: 'Why a seed was or was not chosen.',
  fields: (t) => ({
    seed: t.field({
      type: SeedRef,
      nullable: true,
      description: 'The seed; null when it is gone.',
      resolve: (reason, _args, { loaders }) => loaders.seed.load(reason.seedId),
    }),
    seedName: t.exposeString('seedName', { description: "The seed's name then." }),
    fits: t.exposeBoolean('fits', { description: 'It could have been chosen.' }),
    reason: t.exposeString('reason', { description: 'A sentence.' }),
  }),
});

const ControlPlaneType = builder.objectRef<ClusterRow>('ControlPlane').implement({
  description: "A cluster's hosted control plane.",
  fields: (t) => ({
    replicas: t.int({ description: 'Replicas that are wanted.', resolve: (row) => row.spec.controlPlane.replicas }),
    version: t.string({ description: 'Kubernetes version that is wanted.', resolve: (row) => row.spec.kubernetesVersion }),
    etcdVolumeSizeGiB: t.int({
      description: "Size of each etcd member's volume, in GiB.",
      resolve: (row) => row.spec.controlPlane.etcd.volumeSizeGiB,
    }),
    etcd: t.field({ type: EtcdType, description: 'Its own etcd, as it was at the last look.', resolve: (row) => row }),
    components: t.field({
      type: [ConditionType],
      description: 'The conditions of its components.',
      resolve: async (row, _args, { loaders }) => (await loaders.conditions.load(row.id)).filter((c) => COMPONENTS.has(c.name)),
    }),
  }),
});

/** Behind all steps of its flow. */
const HEALING_ORDINAL = 9_999;

const healingOf = ({ generation }: ClusterRow, groups: readonly { group: string; condition: Condition }[]): Condition[] => {
  const worst = loudest(groups);
  if (worst === undefined) return [];
  const { group, condition } = worst;
  const message = condition.message === '' ? '' : `Node group ${group}: ${condition.message}`;
  return [{ ...condition, message, observedGeneration: generation, ordinal: HEALING_ORDINAL }];
};

/** Steps of the cluster's flow that are components of the control plane. */
const COMPONENTS = new Set([
  'EtcdReady',
  'EtcdLookedAfter',
  'EtcdDiskSeen',
  'ApiServerReady',
  'ControllerManagerReady',
  'SchedulerReady',
  'KonnectivityReady',
  'CloudControllerReady',
]);

export const ClusterRef = builder.objectRef<ClusterRow>(nodeType('Cluster'));

builder.node(ClusterRef, {
  description: "A Kubernetes cluster: its control plane runs in a seed, its workers are servers in the customer's project.",
  id: { resolve: (row) => row.id, description: 'Id for `node`, unique in the whole API, opaque.' },
  loadMany: (ids, { loaders }) => Promise.all(ids.map((id) => loaders.cluster.load(id))),
  fields: (t) => ({
    uuid: t.exposeString('id', { description: 'The plain id.' }),
    name: t.exposeString('name', { description: 'Its name, unique in its project.' }),
    shortId: t.exposeString('shortId', { description: "What its servers' names begin with." }),
    projectId: t.exposeString('projectId', { description: 'The project that it belongs to.' }),
    createdBy: t.exposeString('createdBy', { description: 'Who asked for it.' }),
    state: t.expose('state', { type: ClusterStateEnum, description: 'Where it is in its life.' }),
    unknownSince: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Since when its seed has not been heard: all that is shown of the cluster is as old, or older. Null while it is heard.',
      resolve: (row, _args, { loaders }) => (row.seedId === null || row.deletedAt !== null ? null : loaders.lostSince.load(row.seedId)),
    }),
    conditions: t.field({
      type: [ConditionType],
      description:
        'What is known of its aspects, in the order of its steps; how its groups heal (AutoHealing: what the group says that is worst off); then what is kept and not served yet (reason NotServedYet).',
      resolve: async (row, _args, { loaders, serves }) => [
        // What is not wanted has none.
        ...(await loaders.conditions.load(row.id)).filter((c) => c.state !== 'REMOVED' || row.deleteRequestedAt !== null),
        ...healingOf(row, row.spec.autoHealingEnabled ? await loaders.healing.load(row.id) : []),
        ...notServedConditions(row, row.generation, row.createdAt, serves),
      ],
    }),
    addons: t.field({
      type: [AddonType],
      description: 'All addons that there are, with what is known of each in this cluster.',
      resolve: async (row, _args, { loaders }) => addonsOf(row.spec, await loaders.conditions.load(row.id)),
    }),
    bundles: t.field({
      type: [ClusterBundleType],
      description: 'The addon bundles that it has chosen, and those that are on their way out.',
      resolve: (row) => bundlesOf(row.spec, row.bundleStates ?? []),
    }),
    spec: t.field({
      type: ClusterSpecType,
      description: "Its settings: the template's with its own overrides.",
      resolve: (row) => row.spec,
    }),
    overrides: t.field({ type: [OverrideType], description: "Where it differs from its template's revision.", resolve: overridesOf }),
    template: t.field({
      type: ClusterTemplateRef,
      nullable: true,
      description: 'Its template; null when it is not yours to see any more.',
      resolve: (row, _args, { loaders }) => loaders.template.load(row.templateId),
    }),
    templateRevision: t.field({
      type: TemplateRevisionType,
      description:
        'The revision of the template that it was made from. Its `spec` is FORBIDDEN to who may see no templates (rule cluster_template:get).',
      resolve: async (row, args, context) => ({ ...(await revisionOf(row, args, context)), isHidden: !seesTemplates(context.actor) }),
    }),
    version: t.string({ description: 'Kubernetes version that is wanted.', resolve: (row) => row.spec.kubernetesVersion }),
    endpoint: t.string({ nullable: true, description: 'URL of its API server; null until it has one.', resolve: endpointOf }),
    caCertificate: t.exposeString('caCertificate', {
      nullable: true,
      description: "PEM of the authority that signs its API server's certificate.",
    }),
    controlPlane: t.field({ type: ControlPlaneType, description: 'Its control plane.', resolve: (row) => row }),
    seed: t.field({
      type: SeedRef,
      nullable: true,
      description: 'Where its control plane runs; for cloud admins and cloud readers only.',
      resolve: (row, _args, { loaders }) => (row.seedId === null ? null : loaders.seed.load(row.seedId)),
    }),
    placement: t.field({
      type: [PlacementReasonType],
      nullable: true,
      description: 'Why that seed; for cloud admins and cloud readers only, null before it was placed.',
      resolve: (row, _args, { actor }) => (may(actor, 'readSeeds') ? row.placement : null),
    }),
    cloudCredential: t.field({
      type: CloudCredentialType,
      nullable: true,
      description: 'What Seedbed acts by in the project; null until one is in use.',
      resolve: cloudCredentialOf,
    }),
    deletionProtection: t.exposeBoolean('deletionProtection', { description: 'deleteCluster is refused.' }),
    generation: t.exposeInt('generation', { description: 'Raised by each change that is asked for.' }),
    observedGeneration: t.exposeInt('observedGeneration', { description: 'The generation that has been carried out.' }),
    lastEventNumber: t.exposeInt('eventNumber', { description: 'Number of its newest event: the cursor to subscribe from.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    deleteRequestedAt: t.expose('deleteRequestedAt', { type: 'DateTime', nullable: true, description: 'When its deletion was asked for.' }),
    deletedAt: t.expose('deletedAt', { type: 'DateTime', nullable: true, description: 'When its deletion had ended.' }),
    leakReport: t.field({
      type: LeakReportType,
      nullable: true,
      description: 'What it left in its project, if anything; null until it is DELETED.',
      resolve: leakReportOf,
    }),
  }),
});

function endpointOf(row: ClusterRow): string | null {
  if (row.endpointHost === null || row.endpointPort === null) return null;
  const host = row.endpointHost.includes(':') ? `[${row.endpointHost}]` : row.endpointHost;
  return `https://${host}:${row.endpointPort}`;
}

/** Any at all: one that is not its project's any more goes on being shown as it was. */
function seesTemplates(actor: Actor): boolean {
  const { all, projectId } = sightOf(actor, 'readClusterTemplates');
  return all || projectId !== null;
}

async function revisionOf(row: ClusterRow, _args: object, { loaders }: Context) {
  const revision = await loaders.revision.load(revisionKey(row.templateId, row.templateRevision));
  if (revision === null) throw new Error(`Cluster ${row.id} has a template revision that is not there.`);
  return revision;
}

async function overridesOf(row: ClusterRow, args: object, context: Context): Promise<Override[]> {
  const overrides = settingsOf(row.overrides);
  if (overrides.length === 0) return [];
  const { spec } = await revisionOf(row, args, context);
  const shown = (field: SpecPath, value: unknown) => (field === 'bundles' ? shownBundles(value as BundleChoice[] | undefined) : value);
  return overrides.map(([field, value]) => ({
    field,
    value: shown(field, value),
    templateValue: seesTemplates(context.actor) ? shown(field, settingAt(spec, field)) : null,
  }));
}

export const shownBundles = (bundles: readonly BundleChoice[] = []) =>
  bundles.map(({ sealed, ...rest }) => ({ ...rest, ...(sealed && { secretOptions: Object.keys(sealed) }) }));
