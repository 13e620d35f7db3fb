/** Plans: what a mutation would do, told with the mutation's own input and checks before it is sent. */
import type { InputRef } from '@pothos/core';
import type { Commands } from '../commands/commands.ts';
import type { ExpectedDuration, Plan, PlannedObject, PlannedQuota } from '../domain/plan.ts';
import { builder } from './builder.ts';
import {
  CreateClusterInput,
  createToCommand,
  DeleteClusterInput,
  deleteToCommand,
  UpdateClusterInput,
  UpgradeClusterInput,
  updateToCommand,
  upgradeToCommand,
} from './clusterMutations.ts';
import { callOf } from './context.ts';
import { DurationBasisEnum, InventoryServiceEnum, MadeByEnum, OperationKindEnum, QuotaSourceEnum } from './enums.ts';
import { ResizeNodeGroupInput, resizeToCommand, UpdateNodeGroupInput, updateGroupToCommand } from './nodeGroupMutations.ts';
import { FaultType } from './problem.ts';
import { SettingChangeType } from './templateMove.ts';

const PlannedObjectType = builder.objectRef<PlannedObject>('PlannedObject').implement({
  description: 'Things of one kind that a mutation would make, restart or take away, counted.',
  fields: (t) => ({
    service: t.expose('service', {
      type: InventoryServiceEnum,
      nullable: true,
      description: 'Where they are; null: with Seedbed itself, as backups are.',
    }),
    kind: t.exposeString('kind', {
      description:
        'What they are, as in `resources`, such as server or port. Of what runs in the seed or the cluster, the kind of its workload, such as Deployment.',
    }),
    of: t.exposeString('of', {
      nullable: true,
      description: 'The node group or the component that they belong to, such as kube-apiserver; null: the cluster as a whole.',
    }),
    count: t.exposeInt('count', { description: 'How many; of a Deployment, a StatefulSet or a DaemonSet, its pods.' }),
    names: t.exposeStringList('names', {
      description: 'Names of those that are there and are chosen, at most 100; none of what is yet to be made.',
    }),
    madeBy: t.expose('madeBy', { type: MadeByEnum, description: 'Who makes them, or made them.' }),
  }),
});

const PlannedQuotaType = builder.objectRef<PlannedQuota>('PlannedQuota').implement({
  description: 'What a mutation would take of a quota of the project.',
  fields: (t) => ({
    resource: t.exposeString('resource', { description: 'As the quota is named, such as cores, ram (MiB), port or nodes.' }),
    source: t.expose('source', { type: QuotaSourceEnum, description: 'Whose quota it is.' }),
    needed: t.exposeInt('needed', { description: 'How much more is needed.' }),
    inUse: t.exposeInt('inUse', {
      nullable: true,
      description:
        "In use, with what is promised; OpenStack's as it was asked within the last minute. null: not known at this moment, or not yours to see.",
    }),
    limit: t.exposeInt('limit', { nullable: true, description: 'The most; null: there is no limit, or inUse is null.' }),
    temporary: t.exposeBoolean('temporary', { description: 'Needed only while nodes are replaced.' }),
  }),
});

const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);

const ExpectedDurationType = builder.objectRef<ExpectedDuration>('ExpectedDuration').implement({
  description:
    'How long operations of this kind took here, from the call to their end: of those that succeeded, the newest 50 at the most. Neither the size of this one nor a window or a pause that it waits for is in it.',
  fields: (t) => ({
    kind: t.expose('kind', { type: OperationKindEnum, description: 'The kind of operation.' }),
    basis: t.expose('basis', { type: DurationBasisEnum, description: 'Whose operations were looked at.' }),
    samples: t.exposeInt('samples', { description: 'How many those were.' }),
    medianSeconds: t.float({
      nullable: true,
      description: 'Half of them took no longer; null: see reason.',
      resolve: ({ medianMs }) => seconds(medianMs),
    }),
    p90Seconds: t.float({
      nullable: true,
      description: 'Nine of ten took no longer; null: see reason.',
      resolve: ({ p90Ms }) => seconds(p90Ms),
    }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why there are no figures; null: there are.' }),
  }),
});

const PlanType = builder.objectRef<Plan>('Plan').implement({
  description:
    'What a mutation would do with the same input, by its own checks and what is known without asking the cloud. Nothing is written, and nothing is reserved.',
  fields: (t) => ({
    problems: t.field({
      type: [FaultType],
      description:
        'What the mutation would be refused for now; empty: it would be accepted. With some of these there is little else in the plan, for it is not clear then what is wanted.',
      resolve: ({ problems }) => problems,
    }),
    creates: t.field({ type: [PlannedObjectType], description: 'What is made.', resolve: ({ creates }) => creates }),
    changes: t.field({
      type: [SettingChangeType],
      description: 'Settings of what is there that become others; none of a new cluster.',
      resolve: ({ changes }) => changes,
    }),
    restarts: t.field({
      type: [PlannedObjectType],
      description:
        'Pods of the control plane and of addons in whose place others start. Nodes that are replaced are in creates and deletes.',
      resolve: ({ restarts }) => restarts,
    }),
    deletes: t.field({ type: [PlannedObjectType], description: 'What is taken away.', resolve: ({ deletes }) => deletes }),
    quota: t.field({
      type: [PlannedQuotaType],
      description: "What is needed of the project's quotas, where it is more than there is now.",
      resolve: ({ quota }) => quota,
    }),
    expectedDuration: t.expose('expectedDuration', {
      type: ExpectedDurationType,
      description: 'How long it will take, by what it took before.',
    }),
    warnings: t.exposeStringList('warnings', { description: 'What should be known before; sentences.' }),
  }),
});

interface PlanOptions<Input> {
  mutation: keyof Commands['plans'];
  input: InputRef<Input>;
  toCommand(input: Input): object;
}

const definePlan = <Input extends { idempotencyKey?: string | null | undefined }>({
  mutation,
  input,
  toCommand,
}: PlanOptions<Input>): void => {
  const type: InputRef<object> = input;
  builder.queryField(`plan${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}`, (t) =>
    t.field({
      type: PlanType,
      description: `What ${mutation} would do with this input; idempotencyKey says nothing here.`,
      args: { input: t.arg({ type, required: true, description: `What ${mutation} would be asked.` }) },
      resolve: (_root, args, context) => {
        // The argument has the input's shape by its type in the schema.
        const given = args.input as Input;
        return context.commands.plans[mutation](callOf(context, given), () => toCommand(given));
      },
    }),
  );
};

definePlan({ mutation: 'createCluster', input: CreateClusterInput, toCommand: createToCommand });
definePlan({ mutation: 'updateCluster', input: UpdateClusterInput, toCommand: updateToCommand });
definePlan({ mutation: 'upgradeCluster', input: UpgradeClusterInput, toCommand: upgradeToCommand });
definePlan({ mutation: 'resizeNodeGroup', input: ResizeNodeGroupInput, toCommand: resizeToCommand });
definePlan({ mutation: 'updateNodeGroup', input: UpdateNodeGroupInput, toCommand: updateGroupToCommand });
definePlan({ mutation: 'deleteCluster', input: DeleteClusterInput, toCommand: deleteToCommand });
