/** Maps of text to text, as lists: GraphQL has no maps, and a list keeps the schema typed. */
import { UserError } from '../domain/errors.ts';
import { builder } from './builder.ts';

interface Entry {
  key: string;
  value: string;
}

export const LabelType = builder.objectRef<Entry>('Label').implement({
  description: 'A key with its value.',
  fields: (t) => ({
    key: t.exposeString('key', { description: 'The key.' }),
    value: t.exposeString('value', { description: 'The value; may be empty.' }),
  }),
});

export const LabelInput = builder.inputType('LabelInput', {
  description: 'A key with its value.',
  fields: (t) => ({
    key: t.string({ required: true, description: 'The key.' }),
    value: t.string({ required: true, description: 'The value; may be empty.' }),
  }),
});

export const entriesOf = (map: Readonly<Record<string, string>>): Entry[] => Object.entries(map).map(([key, value]) => ({ key, value }));

/** The list as a map; undefined and null stay what they are. Throws INVALID_INPUT for a key that is there twice, or would get lost. */
export const mapOf = (entries: readonly Entry[] | null | undefined, field: string): Record<string, string> | null | undefined => {
  if (entries === null || entries === undefined) return entries;
  const map = new Map<string, string>();
  for (const [i, { key, value }] of entries.entries()) {
    if (map.has(key))
      throw new UserError('INVALID_INPUT', `The key ${JSON.stringify(key.slice(0, 80))} is there twice.`, { field: [field, String(i)] });
    // Nothing that is set on an object by assignment keeps it, so it would go without a word.
    if (key === '__proto__') throw new UserError('INVALID_INPUT', 'The key "__proto__" is not allowed.', { field: [field, String(i)] });
    map.set(key, value);
  }
  return Object.fromEntries(map);
};
