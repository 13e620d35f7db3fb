/** Operations: one for each acknowledged mutation, with the steps that carry it out. */
import type { OperationStep } from '../domain/operation.ts';
import type { OperationRow } from '../store/progress.ts';
import { builder, nodeType } from './builder.ts';
import { WaitingForType } from './condition.ts';
import { ObjectKindEnum, OperationKindEnum, OperationStateEnum, StepStateEnum } from './enums.ts';
import { idOf, plainId } from './ids.ts';
import { FaultType } from './problem.ts';

const OperationStepType = builder.objectRef<OperationStep>('OperationStep').implement({
  description: 'One step of an operation.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'CamelCase; the condition of the same name says more.' }),
    title: t.exposeString('title', { description: 'For people.' }),
    state: t.expose('state', { type: StepStateEnum, description: 'How far it is.' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true, description: 'When it was first looked at.' }),
    finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true, description: 'When it was done.' }),
    message: t.exposeString('message', { description: 'A sentence.' }),
    waitingFor: t.expose('waitingFor', { type: WaitingForType, nullable: true, description: 'What it waits for, if anything.' }),
  }),
});

export const OperationRef = builder.objectRef<OperationRow>(nodeType('Operation'));

builder.node(OperationRef, {
  description: 'What became of a mutation: its steps, how far they are, and what they wait for.',
  id: { resolve: (row) => row.id, description: 'Id for `node`, unique in the whole API, opaque.' },
  loadMany: (ids, { loaders }) => Promise.all(ids.map((id) => loaders.operation.load(id))),
  fields: (t) => ({
    uuid: t.exposeString('id', { description: 'The plain id.' }),
    kind: t.expose('kind', { type: OperationKindEnum, description: 'What was asked for.' }),
    targetKind: t.expose('targetKind', { type: ObjectKindEnum, description: 'What kind of object it was asked of.' }),
    targetId: t.id({
      description: 'The object it was asked of; for `node`.',
      resolve: (row) => idOf(row.targetKind, row.targetId),
    }),
    generation: t.exposeInt('generation', { description: "The target's generation that it carries out." }),
    state: t.expose('state', { type: OperationStateEnum, description: 'How far it is.' }),
    percent: t.exposeInt('percent', { description: 'Finished ÷ wanted steps; 100 only when all are finished.' }),
    steps: t.field({ type: [OperationStepType], description: 'The steps, in the order of the flow.', resolve: (row) => row.steps }),
    problem: t.expose('problem', { type: FaultType, nullable: true, description: 'What stops it, if anything.' }),
    requestedBy: t.exposeString('requestedBy', { description: 'Who asked.' }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why, where Seedbed itself asked; null: somebody did.' }),
    requestId: t.exposeString('requestId', {
      nullable: true,
      description:
        "OpenStack's id of the request that asked for it, `req-…`, as the answer's X-Openstack-Request-Id told it unless the request brought one: all that is done for it names it to OpenStack's services, whose logs have it. What Seedbed begins by itself has one of its own. Null: of an earlier release, which kept none.",
    }),
    requestedAt: t.expose('requestedAt', { type: 'DateTime', description: 'When it was acknowledged.' }),
    finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true, description: 'When it ended.' }),
  }),
});

builder.queryField('operation', (t) =>
  t.field({
    type: OperationRef,
    nullable: true,
    description: 'An operation; null when it is not there, or not yours to see.',
    args: { id: t.arg.id({ required: true, description: 'Its id, global or plain.' }) },
    resolve: (_root, { id }, { loaders }) => loaders.operation.load(plainId('Operation', id)),
  }),
);
