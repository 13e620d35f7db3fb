/** Addon bundles that a template or a cluster has chosen, as output and as input. */
import type { BundleChoice } from '../domain/addonBundle.ts';
import { builder } from './builder.ts';
import { entriesOf, LabelInput, LabelType } from './label.ts';

export const BundleChoiceType = builder.objectRef<BundleChoice>('BundleChoice').implement({
  description: 'An addon bundle with its options.',
  fields: (t) => ({
    name: t.exposeString('name', { description: "The bundle's name." }),
    revision: t.exposeInt('revision', { description: 'Its revision; it stays until another is asked for.' }),
    options: t.field({
      type: [LabelType],
      description: 'Options that were given, as text, without those that are secret; all others have their defaults.',
      resolve: ({ options }) => entriesOf(Object.fromEntries(Object.entries(options).map(([key, value]) => [key, String(value)]))),
    }),
    secretOptions: t.stringList({
      description: 'Names of secret options that were given. Their values are not shown.',
      resolve: ({ sealed = {} }) => Object.keys(sealed),
    }),
  }),
});

export const BundleChoiceInput = builder.inputType('BundleChoiceInput', {
  description: 'An addon bundle with its options.',
  fields: (t) => ({
    name: t.string({ required: true, description: "The bundle's name." }),
    revision: t.int({ description: 'Its revision; without it the one that is chosen already, or else the newest.' }),
    options: t.field({
      type: [LabelInput],
      description:
        "Options by name, as text: 3 for a number, true or false. What is left out has the schema's default; a secret one stays as it is.",
    }),
  }),
});
