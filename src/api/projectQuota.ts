/** Seedbed's own quotas of projects: what there is room for, and setQuota. */
import type { QuotaAnswer } from '../commands/call.ts';
import { may } from '../domain/actor.ts';
import {
  limitsOf,
  NO_LIMIT,
  PROJECT_RESOURCES,
  type ProjectLimits,
  type ProjectResource,
  type ProjectShares,
  type Share,
} from '../domain/projectQuota.ts';
import { findProjectQuota, loadShares, type ProjectQuotaRow } from '../store/projectQuotas.ts';
import { builder } from './builder.ts';
import type { Context } from './context.ts';
import { defineMutation, REPLAYED, targetFields } from './mutation.ts';

interface ProjectQuota {
  projectId: string;
  /** Undefined: nothing was ever set. */
  row: ProjectQuotaRow | undefined;
  usual: ProjectLimits;
  shares: ProjectShares;
}

interface ResourceUse extends Share {
  limit: number;
  usual: number;
  isOwn: boolean;
}

const shownLimit = (limit: number): number | null => (limit === NO_LIMIT ? null : limit);

const ResourceUseType = builder.objectRef<ResourceUse>('ProjectQuotaUse').implement({
  description: 'How much a project may have of something, and has. What would bring used and reserved over the limit is refused.',
  fields: (t) => ({
    limit: t.int({ nullable: true, description: 'The most; null: there is no limit.', resolve: ({ limit }) => shownLimit(limit) }),
    default: t.int({
      nullable: true,
      description: 'The limit of projects for which nobody set another one; null: they have none.',
      resolve: ({ usual }) => shownLimit(usual),
    }),
    isDefault: t.boolean({ description: 'Nobody set another one for this project.', resolve: ({ isOwn }) => !isOwn }),
    used: t.exposeInt('used', { description: 'What is there, and counts until it is gone.' }),
    reserved: t.exposeInt('reserved', {
      description: 'What was asked for and is not there: not yet, or not while a cluster hibernates.',
    }),
  }),
});

const RESOURCES: Readonly<Record<ProjectResource, string>> = {
  clusters: 'Clusters, those that are being deleted included. Reserved: they have no seed yet.',
  nodes:
    'Workers of all clusters. Reserved: they have no server. Those that a roll makes beyond the wanted ones (maxSurge) count while they are there, and are never refused.',
  workerVcpus: 'vCPUs of the flavors of workers. Of a group whose flavor nobody has looked up yet there are none.',
  controlPlaneReplicas: 'Replicas of all control planes: members of etcd or API servers, whichever a cluster has more of.',
};

const useOf = ({ row, usual, shares }: ProjectQuota, resource: ProjectResource): ResourceUse => ({
  ...shares[resource],
  limit: limitsOf(usual, row?.limits ?? {})[resource],
  usual: usual[resource],
  isOwn: row?.limits[resource] !== undefined,
});

const ProjectQuotaType = builder.objectRef<ProjectQuota>('ProjectQuota').implement({
  description: "What a project may have of what Seedbed makes. OpenStack's own quotas are in `cloud`, and count beside it.",
  fields: (t) => ({
    projectId: t.exposeString('projectId', { description: "Keystone's id of the project." }),
    generation: t.int({ description: 'Raised by each setQuota; 0: nothing was ever set.', resolve: ({ row }) => row?.generation ?? 0 }),
    ...Object.fromEntries(
      PROJECT_RESOURCES.map((resource) => [
        resource,
        t.field({ type: ResourceUseType, description: RESOURCES[resource], resolve: (quota) => useOf(quota, resource) }),
      ]),
    ),
  }),
});

const loadProjectQuota = async ({ store, projectLimits }: Context, projectId: string): Promise<ProjectQuota> => ({
  projectId,
  row: await findProjectQuota(store.db, projectId),
  usual: projectLimits,
  shares: await loadShares(store.db, projectId),
});

builder.queryField('quota', (t) =>
  t.field({
    type: ProjectQuotaType,
    nullable: true,
    description:
      "What the token's project may have of clusters and their parts, and has; for cloud admins and cloud readers any project's. Null when the project is not yours to see, or the token has none.",
    args: { projectId: t.arg.string({ description: "Another project than the token's: for cloud admins and cloud readers." }) },
    resolve: async (_root, args, context) => {
      const projectId = args.projectId ?? context.actor.projectId;
      if (projectId === null || !may(context.actor, 'readQuota', { projectId })) return null;
      return loadProjectQuota(context, projectId);
    },
  }),
);

const LIMIT = 'null: the default again; -1: no limit; left out: as it is.';

const SetQuotaInput = builder.inputType('SetQuotaInput', {
  description: 'What setQuota is asked; what is left out stays.',
  fields: (t) => ({
    ...targetFields(t),
    projectId: t.string({ required: true, description: "Keystone's id of the project." }),
    clusters: t.int({ description: `Clusters; ${LIMIT}` }),
    nodes: t.int({ description: `Workers of all clusters; ${LIMIT}` }),
    workerVcpus: t.int({ description: `vCPUs of all workers; ${LIMIT}` }),
    controlPlaneReplicas: t.int({ description: `Replicas of all control planes; ${LIMIT}` }),
  }),
});

const SetQuotaPayload = builder.objectRef<QuotaAnswer>('SetQuotaPayload').implement({
  description: 'The quota that was set.',
  fields: (t) => ({
    // QuotaError has a field `quota` of another type, and whoever asks for both in one selection would have a conflict.
    projectQuota: t.field({
      type: ProjectQuotaType,
      description: 'As it is now.',
      resolve: ({ projectId }, _args, context) => loadProjectQuota(context, projectId),
    }),
    replayed: t.exposeBoolean('replayed', { description: REPLAYED }),
  }),
});

defineMutation({
  name: 'setQuota',
  description:
    'Sets what a project may have. What it has already stays, though it be more: only what would be added is refused. Cloud admins only.',
  input: SetQuotaInput,
  payload: SetQuotaPayload,
  toCommand: (input) => input,
  command: (commands) => commands.setQuota,
});
