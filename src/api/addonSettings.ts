/** Addons' settings, as output and as input: both derived from their descriptions. */
import type { Option } from '../domain/addonOption.ts';
import { ADDON_NAMES, type AddonName, type AddonsSpec, addonInfo } from '../domain/addons.ts';
import { builder } from './builder.ts';
import { enumOf } from './enums.ts';

const pascal = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
type Values = Record<string, never>;

const enums = new Map(
  ADDON_NAMES.flatMap((addon) =>
    Object.entries(addonInfo(addon).options).flatMap(([name, option]) =>
      option.kind === 'choice'
        ? [[option, enumOf(`${pascal(addon)}${pascal(name)}`, `${addonInfo(addon).title}: ${option.description}`, option.values)] as const]
        : [],
    ),
  ),
);

const typeOf = (option: Option) => {
  if (option.kind === 'yesNo') return 'Boolean' as const;
  if (option.kind === 'whole') return 'Int' as const;
  const found = enums.get(option);
  if (found === undefined) throw new Error('An option has no enum.');
  return found;
};

const optionsOf = (addon: AddonName): [string, Option][] => Object.entries(addonInfo(addon).options);

const outputOf = (addon: AddonName) =>
  builder.objectRef<Values>(`${pascal(addon)}Spec`).implement({
    description: `Settings of: ${addonInfo(addon).title}.`,
    fields: (t) =>
      Object.fromEntries(
        optionsOf(addon).map(([name, option]) => [
          name,
          t.field({ type: typeOf(option), description: option.description, resolve: (values) => values[name] as never }),
        ]),
      ),
  });

const inputOf = (addon: AddonName) =>
  builder.inputType(`${pascal(addon)}Input`, {
    description: `Settings of: ${addonInfo(addon).title}; what is left out stays.`,
    fields: (t) =>
      Object.fromEntries(
        optionsOf(addon).map(([name, option]) => [name, t.field({ type: typeOf(option), description: option.description })]),
      ),
  });

const outputs = new Map(ADDON_NAMES.map((addon) => [addon, outputOf(addon)]));
const inputs = new Map(ADDON_NAMES.map((addon) => [addon, inputOf(addon)]));
const of = <T>(types: Map<AddonName, T>, addon: AddonName): T => types.get(addon) as T;

export const AddonsSpecType = builder.objectRef<AddonsSpec>('AddonsSpec').implement({
  description: 'The settings of what runs inside a cluster beside its workloads.',
  fields: (t) =>
    Object.fromEntries(
      ADDON_NAMES.map((addon) => [
        addon,
        t.field({ type: of(outputs, addon), description: addonInfo(addon).title, resolve: (spec) => spec[addon] as unknown as Values }),
      ]),
    ),
});

export const AddonsInput = builder.inputType('AddonsInput', {
  description: 'The settings of what runs inside a cluster beside its workloads; what is left out stays.',
  fields: (t) =>
    Object.fromEntries(ADDON_NAMES.map((addon) => [addon, t.field({ type: of(inputs, addon), description: addonInfo(addon).title })])),
});
