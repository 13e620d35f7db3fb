/** Events: the numbered history of a seed or of a cluster with its node groups and nodes. */
import type { ProgressEvent } from '../domain/event.ts';
import { builder } from './builder.ts';
import { ObjectKindEnum } from './enums.ts';
import { encodeId, idOf } from './ids.ts';
import { FaultType } from './problem.ts';

export const EventType = builder.objectRef<ProgressEvent>('Event').implement({
  description:
    'Something that happened to a seed or cluster. Numbers have no gaps, so a client knows what it has; they jump only where the database was put back to a copy of before, and the event after the jump says so.',
  fields: (t) => ({
    number: t.exposeInt('number', { description: 'From 1 on, in the order of commits; the cursor to go on from.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
    subjectKind: t.expose('subjectKind', { type: ObjectKindEnum, description: 'What kind of object it happened to.' }),
    subjectId: t.id({
      description: 'The object it happened to; for `node`.',
      resolve: (event) => idOf(event.subjectKind, event.subjectId),
    }),
    subjectName: t.exposeString('subjectName', { description: "That object's name." }),
    step: t.exposeString('step', { nullable: true, description: "The step's name; null for a change of the whole object." }),
    title: t.exposeString('title', { nullable: true, description: 'The step, for people.' }),
    state: t.exposeString('state', { description: "The step's or the object's state from now on." }),
    percent: t.exposeInt('percent', { nullable: true, description: 'How far the operation is.' }),
    message: t.exposeString('message', { description: 'A sentence.' }),
    problem: t.expose('problem', { type: FaultType, nullable: true, description: 'What went wrong, if anything.' }),
    operationId: t.id({
      nullable: true,
      description: 'The operation it belongs to.',
      resolve: (event) => (event.operationId === null ? null : encodeId('Operation', event.operationId)),
    }),
    requestId: t.string({
      nullable: true,
      description:
        "The id under which OpenStack's services were asked for it, to look for in their logs: that of the request that it was done for (see `Operation.requestId`), or one of Seedbed's own for what it does by itself. Null: they were not asked, or an earlier release wrote this.",
      resolve: async ({ requestId, operationId }, _args, { loaders }) =>
        requestId ?? (operationId === null ? null : ((await loaders.operation.load(operationId))?.requestId ?? null)),
    }),
    settled: t.exposeBoolean('settled', {
      description: "The seed or cluster has come to rest: ready, in need of somebody's act, or deleted.",
    }),
  }),
});
