/** registerAddonBundle, updateAddonBundle and deleteAddonBundle. */
import type { AddonBundleAnswer } from '../commands/call.ts';
import { MAX_MANIFEST_KIB, MAX_OBJECTS } from '../domain/addonBundle.ts';
import { AddonBundleRef, AddonBundleRevisionType, newestRevisionOf } from './addonBundle.ts';
import { builder, type InputBuilder } from './builder.ts';
import { plainId } from './ids.ts';
import { callFields, defineMutation, REPLAYED, targetFields } from './mutation.ts';

const DESCRIPTION = 'What it is for, in at most 1000 characters.';
const MANIFESTS = `YAML of one or many documents, at most ${MAX_MANIFEST_KIB} KiB and ${MAX_OBJECTS} objects. \${options.NAME} and \${cluster.name}, id, podCidr, serviceCidr and dnsDomain are replaced: where they are a whole value, by the value with its type; in other text, as text. \${options.NAME|text} is always text, and $\${ leaves it as it is.`;
const SCHEMA =
  'JSON schema of the options: an object with properties of type string, integer, number or boolean that have a default or are required, and enum, minimum, maximum, pattern, minLength, maxLength, title and description.';

const bundlePayload = (name: string, description: string) =>
  builder.objectRef<AddonBundleAnswer>(name).implement({
    description,
    fields: (t) => ({
      addonBundle: t.field({ type: AddonBundleRef, description: 'The bundle.', resolve: (answer) => answer.bundle }),
      revision: t.field({
        type: AddonBundleRevisionType,
        description: 'Its newest revision.',
        resolve: (answer, args, context) => newestRevisionOf(answer.bundle, args, context),
      }),
      replayed: t.exposeBoolean('replayed', { description: REPLAYED }),
    }),
  });

const bundleId = (t: InputBuilder) => t.id({ required: true, description: 'The bundle, by its global or plain id or its name.' });

const RegisterInput = builder.inputType('RegisterAddonBundleInput', {
  description: 'What registerAddonBundle is asked.',
  fields: (t) => ({
    ...callFields(t),
    name: t.string({ required: true, description: 'DNS label of at most 63 characters, unique; it stays.' }),
    description: t.string({ description: DESCRIPTION }),
    manifests: t.string({ required: true, description: MANIFESTS }),
    optionsSchema: t.string({ description: `${SCHEMA} Without it there are no options.` }),
  }),
});

defineMutation({
  name: 'registerAddonBundle',
  description: 'Offers manifests to all projects as an addon bundle, in revision 1. Cloud admins only.',
  input: RegisterInput,
  payload: bundlePayload('RegisterAddonBundlePayload', 'The new bundle.'),
  toCommand: (input) => input,
  command: (commands) => commands.registerAddonBundle,
});

const UpdateInput = builder.inputType('UpdateAddonBundleInput', {
  description: 'What updateAddonBundle is asked; what is left out stays.',
  fields: (t) => ({
    ...targetFields(t),
    addonBundleId: bundleId(t),
    description: t.string({ description: DESCRIPTION }),
    manifests: t.string({ description: MANIFESTS }),
    optionsSchema: t.string({ description: SCHEMA }),
  }),
});

defineMutation({
  name: 'updateAddonBundle',
  description: 'Makes the next, immutable revision of a bundle; clusters keep theirs until they choose it. Cloud admins only.',
  input: UpdateInput,
  payload: bundlePayload('UpdateAddonBundlePayload', 'The bundle with its next revision.'),
  toCommand: (input) => ({ ...input, addonBundleId: plainId('AddonBundle', input.addonBundleId) }),
  command: (commands) => commands.updateAddonBundle,
});

const DeleteInput = builder.inputType('DeleteAddonBundleInput', {
  description: 'What deleteAddonBundle is asked.',
  fields: (t) => ({ ...targetFields(t), addonBundleId: bundleId(t) }),
});

defineMutation({
  name: 'deleteAddonBundle',
  description: 'Deletes a bundle; refused while a cluster or a template has it. Cloud admins only.',
  input: DeleteInput,
  payload: bundlePayload('DeleteAddonBundlePayload', 'The bundle that was deleted.'),
  toCommand: (input) => ({ ...input, addonBundleId: plainId('AddonBundle', input.addonBundleId) }),
  command: (commands) => commands.deleteAddonBundle,
});
