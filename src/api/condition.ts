/** Conditions: what is known of one aspect of an object. */
import type { Condition, WaitingFor } from '../domain/condition.ts';
import { builder } from './builder.ts';
import { ConditionStatusEnum, StepStateEnum, WhoMustActEnum } from './enums.ts';
import { FaultType } from './problem.ts';

export const WaitingForType = builder.objectRef<WaitingFor>('WaitingFor').implement({
  description: 'What a step waits for, and when that stops being usual.',
  fields: (t) => ({
    what: t.exposeString('what', { description: 'A phrase such as "the load balancer to become ACTIVE".' }),
    since: t.expose('since', { type: 'DateTime', description: 'When the waiting began.' }),
    usuallySeconds: t.float({
      nullable: true,
      description: 'How long this usually takes; null when it depends on somebody.',
      resolve: (waiting) => (waiting.usuallyMs === null ? null : waiting.usuallyMs / 1000),
    }),
    whoMustAct: t.expose('whoMustAct', { type: WhoMustActEnum, description: 'Whose move it is.' }),
  }),
});

export const ConditionType = builder.objectRef<Condition>('Condition').implement({
  description: 'What is known of one aspect of an object; names are positive, so TRUE is always good.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'CamelCase, such as ApiServerReady.' }),
    title: t.exposeString('title', { description: 'For people, such as "Start the API server".' }),
    status: t.expose('status', { type: ConditionStatusEnum, description: 'Whether it is so.' }),
    state: t.expose('state', { type: StepStateEnum, description: "The step's state, which says more." }),
    reason: t.exposeString('reason', { description: 'CamelCase, for programs.' }),
    message: t.exposeString('message', { description: 'A sentence, for people.' }),
    problem: t.expose('problem', { type: FaultType, nullable: true, description: 'What went wrong, if anything.' }),
    waitingFor: t.expose('waitingFor', { type: WaitingForType, nullable: true, description: 'What is waited for, if anything.' }),
    observedGeneration: t.exposeInt('observedGeneration', { description: 'The generation of the object that this was found for.' }),
    lastTransitionAt: t.expose('lastTransitionAt', { type: 'DateTime', description: 'When the status last changed.' }),
    attempts: t.exposeInt('attempts', { description: 'Attempts since it last succeeded.' }),
  }),
});
