/** findOrphans and removeOrphans: for cloud admins. */
import type { OperationAnswer } from '../commands/call.ts';
import { builder } from './builder.ts';
import { callFields, defineMutation, REPLAYED } from './mutation.ts';
import { OperationRef } from './operation.ts';
import './orphan.ts';

const orphansPayload = (name: string, description: string) =>
  builder.objectRef<OperationAnswer>(name).implement({
    description,
    fields: (t) => ({
      operation: t.field({ type: OperationRef, description: 'What carries it out.', resolve: (answer) => answer.operation }),
      replayed: t.exposeBoolean('replayed', { description: REPLAYED }),
    }),
  });

const FindOrphansInput = builder.inputType('FindOrphansInput', {
  description: 'What findOrphans is asked.',
  fields: (t) => callFields(t),
});

defineMutation({
  name: 'findOrphans',
  description:
    "Looks for orphans in the project of the caller's token and in every project in which living clusters let Seedbed act, in every registered seed for namespaces of clusters, and in the domain of clusters' own users, if there is one; `orphans` lists what is found. Cloud admins only.",
  input: FindOrphansInput,
  payload: orphansPayload('FindOrphansPayload', 'The search that has begun.'),
  toCommand: (input) => input,
  command: (commands) => commands.findOrphans,
});

const RemoveOrphansInput = builder.inputType('RemoveOrphansInput', {
  description: 'What removeOrphans is asked.',
  fields: (t) => ({
    ...callFields(t),
    orphanIds: t.stringList({ required: true, description: 'Which ones, by their uuid; at most 100.' }),
  }),
});

defineMutation({
  name: 'removeOrphans',
  description:
    'Removes the orphans that are named, for good. Each is looked at right before: what has lost its marks, or belongs to a living cluster by then, stays. Cloud admins only.',
  input: RemoveOrphansInput,
  payload: orphansPayload('RemoveOrphansPayload', 'The removal that has begun.'),
  toCommand: (input) => input,
  command: (commands) => commands.removeOrphans,
});
