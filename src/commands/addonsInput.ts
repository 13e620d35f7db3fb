/** Addons' settings, as input: derived from their descriptions, all optional. */
import { z } from 'zod';
import type { Option } from '../domain/addonOption.ts';
import { ADDON_NAMES, type AddonsSpec, addonInfo } from '../domain/addons.ts';
import type { DeepPartial } from '../lib/tree.ts';
import { given, tree, wholeNumber } from './parse.ts';

const schemaOfOption = (option: Option): z.ZodType => {
  if (option.kind === 'yesNo') return z.boolean();
  if (option.kind === 'whole') return wholeNumber(option.least, option.most);
  const values = Object.keys(option.values);
  return z.enum(values, `must be ${values.join(' or ')}`);
};

const shapeOf = <In, Out>(entries: [string, In][], schemaOf: (value: In) => z.ZodType<Out>) =>
  Object.fromEntries(entries.map(([name, value]) => [name, given(schemaOf(value))]));

export const addonsInput: z.ZodType<DeepPartial<AddonsSpec>> = tree(
  shapeOf(
    ADDON_NAMES.map((name) => [name, addonInfo(name).options]),
    (options) => tree(shapeOf(Object.entries(options), schemaOfOption)),
  ),
);
