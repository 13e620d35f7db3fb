/** createClusterTemplate, updateClusterTemplate and deleteClusterTemplate. */
import type { TemplateAnswer } from '../commands/call.ts';
import { builder } from './builder.ts';
import { VisibilityEnum } from './enums.ts';
import { plainId } from './ids.ts';
import { LabelInput } from './label.ts';
import { callFields, defineMutation, REPLAYED, targetFields } from './mutation.ts';
import { MAGNUM_LABELS, settingsToCommand, specInputFields } from './specInput.ts';
import { ClusterTemplateRef, TemplateRevisionType } from './template.ts';

const templatePayload = (name: string, description: string) =>
  builder.objectRef<TemplateAnswer>(name).implement({
    description,
    fields: (t) => ({
      clusterTemplate: t.field({ type: ClusterTemplateRef, description: 'The template.', resolve: (answer) => answer.template }),
      revision: t.field({ type: TemplateRevisionType, description: 'Its newest revision.', resolve: (answer) => answer.revision }),
      replayed: t.exposeBoolean('replayed', { description: REPLAYED }),
    }),
  });

const CreateTemplateInput = builder.inputType('CreateClusterTemplateInput', {
  description: 'What createClusterTemplate is asked; image and flavor must be given.',
  fields: (t) => ({
    ...callFields(t),
    name: t.string({ required: true, description: 'Its name, unique in the project.' }),
    visibility: t.field({ type: VisibilityEnum, description: 'PRIVATE without it; the others are for cloud admins.' }),
    labels: t.field({ type: [LabelInput], description: MAGNUM_LABELS }),
    ...specInputFields(t),
  }),
});

defineMutation({
  name: 'createClusterTemplate',
  description: "Makes a template in the token's project; needs the role member.",
  input: CreateTemplateInput,
  payload: templatePayload('CreateClusterTemplatePayload', 'The new template.'),
  toCommand: (input) => settingsToCommand(input, 'labels'),
  command: (commands) => commands.createClusterTemplate,
});

const UpdateTemplateInput = builder.inputType('UpdateClusterTemplateInput', {
  description: 'What updateClusterTemplate is asked; what is left out stays.',
  fields: (t) => ({
    ...targetFields(t),
    clusterTemplateId: t.id({ required: true, description: 'The template, by its global or plain id.' }),
    name: t.string({ description: 'Its new name.' }),
    visibility: t.field({ type: VisibilityEnum, description: 'Who is to see it; PUBLIC and HIDDEN are for cloud admins.' }),
    labels: t.field({ type: [LabelInput], description: MAGNUM_LABELS }),
    ...specInputFields(t),
  }),
});

defineMutation({
  name: 'updateClusterTemplate',
  description: 'Makes the next, immutable revision of a template; clusters keep theirs. Needs the role member in its project.',
  input: UpdateTemplateInput,
  payload: templatePayload('UpdateClusterTemplatePayload', 'The template with its next revision.'),
  toCommand: (input) => ({
    ...settingsToCommand(input, 'labels'),
    clusterTemplateId: plainId('ClusterTemplate', input.clusterTemplateId),
  }),
  command: (commands) => commands.updateClusterTemplate,
});

const DeleteTemplateInput = builder.inputType('DeleteClusterTemplateInput', {
  description: 'What deleteClusterTemplate is asked.',
  fields: (t) => ({
    ...targetFields(t),
    clusterTemplateId: t.id({ required: true, description: 'The template, by its global or plain id.' }),
  }),
});

defineMutation({
  name: 'deleteClusterTemplate',
  description: 'Deletes a template; refused while clusters use it. Needs the role member in its project.',
  input: DeleteTemplateInput,
  payload: templatePayload('DeleteClusterTemplatePayload', 'The template that was deleted.'),
  toCommand: (input) => ({ ...input, clusterTemplateId: plainId('ClusterTemplate', input.clusterTemplateId) }),
  command: (commands) => commands.deleteClusterTemplate,
});
