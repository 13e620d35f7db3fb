/** The addon bundles that a cluster or a template is to have: checked against what is registered, and fixed in their revision. */
import { z } from 'zod';
import { type BundleChoice, type BundleFacts, checkObjects, MAX_BUNDLES, placeOfOption, renderBundle } from '../domain/addonBundle.ts';
import { isSecretOption, type OptionsSchema, readOptions } from '../domain/addonBundleOption.ts';
import { UserError } from '../domain/errors.ts';
import type { SpecChange, TemplateSpec } from '../domain/template.ts';
import { findAddonBundle, findBundleRevision } from '../store/addonBundles.ts';
import type { Db } from '../store/open.ts';
import type { CommandDeps } from './call.ts';
import type { PathOf } from './checks.ts';
import { given, nameOrId, smallMap, wholeNumber } from './parse.ts';
import type { ReadSpec } from './templateInput.ts';

export const bundlesInput = z
  .array(
    z
      .strictObject({ name: nameOrId, revision: given(wholeNumber(1, 1_000_000)), options: given(smallMap(50)) })
      .transform(({ name, revision = 0, options = {} }): BundleChoice => ({ name, revision, options })),
  )
  .max(MAX_BUNDLES, `must be at most ${MAX_BUNDLES}`);

/** Whoever administers the bundles: they are everybody's. */
const EVERYTHING = { all: true, projectId: null };
/** Of no cluster, for a look at names that hang on options. */
const NOBODY: Pick<BundleFacts, 'name' | 'id'> = { name: 'name', id: '00000000-0000-0000-0000-000000000000' };

/**
 * What was read, with its bundles as they will be stored. A bundle that `before` has keeps its revision unless another is named, and
 * its secret options unless others are given: nobody can read them to give them again.
 * @throws UserError INVALID_INPUT naming the bundle's field.
 */
export const chooseBundles = async (
  deps: CommandDeps,
  db: Db,
  read: ReadSpec,
  before: Pick<TemplateSpec, 'bundles' | 'podCidr' | 'serviceCidr' | 'dnsDomain'>,
  pathOf: PathOf,
): Promise<ReadSpec> => {
  const wishes = read.fields.bundles;
  if (wishes === undefined) return read;
  const base = pathOf('bundles');
  const bundles: BundleChoice[] = [];
  for (const [i, wish] of wishes.entries()) {
    const path = [...base, String(i)];
    if (bundles.some(({ name }) => name === wish.name))
      throw new UserError('INVALID_INPUT', `The bundle ${shown(wish.name)} is there twice; leave one of them out.`, {
        field: [...path, 'name'],
      });
    bundles.push(await choose(deps, db, wish, { ...before, ...definedRanges(read.fields) }, path));
  }
  return { ...read, fields: { ...read.fields, bundles } };
};

const choose = async (
  deps: CommandDeps,
  db: Db,
  { name, revision, options }: BundleChoice,
  spec: Pick<TemplateSpec, 'bundles' | 'podCidr' | 'serviceCidr' | 'dnsDomain'>,
  path: readonly string[],
): Promise<BundleChoice> => {
  const found = await findAddonBundle(db, EVERYTHING, name);
  if (found === undefined || found.bundle.name !== name)
    throw new UserError('INVALID_INPUT', `There is no addon bundle ${shown(name)}; addonBundles lists those that there are.`, {
      field: [...path, 'name'],
    });
  const before = spec.bundles.find((one) => one.name === name);
  const number = revision || (before?.revision ?? found.bundle.revision);
  const chosen = number === found.revision.revision ? found.revision : await findBundleRevision(db, name, number);
  if (chosen === undefined)
    throw new UserError('INVALID_INPUT', `The bundle ${name} has no revision ${number}; its newest is ${found.bundle.revision}.`, {
      field: [...path, 'revision'],
    });
  const kept = keptSecrets(deps, before, chosen.optionsSchema);
  const values = readOptions(chosen.optionsSchema, { ...kept, ...options }, [...path, 'options']);
  const { podCidr, serviceCidr, dnsDomain } = spec;
  try {
    checkObjects(
      renderBundle(chosen.objects, chosen.optionsSchema, values, { ...NOBODY, podCidr, serviceCidr, dnsDomain }),
      deps.isBuiltIn,
    );
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError('INVALID_INPUT', `With these options the bundle ${name} cannot be installed: ${error.message}`, {
      field: [...path, 'options'],
    });
  }
  const isSecret = (option: string) => isSecretOption(chosen.optionsSchema.properties[option] ?? { type: 'string' });
  const entries = Object.entries(values);
  const sealed = entries
    .filter(([option]) => isSecret(option))
    .map(([option, value]): [string, string] => {
      const old = kept[option] === value ? before?.sealed?.[option] : undefined;
      return [option, old ?? deps.secrets.seal(String(value), placeOfOption(name, option))];
    });
  return {
    name,
    revision: number,
    options: Object.fromEntries(entries.filter(([option]) => !isSecret(option))),
    ...(sealed.length > 0 && { sealed: Object.fromEntries(sealed) }),
  };
};

/** Opened. What is secret no more in another revision is not taken there. */
const keptSecrets = (deps: CommandDeps, before: BundleChoice | undefined, { properties }: OptionsSchema): Record<string, string> =>
  Object.fromEntries(
    Object.entries(before?.sealed ?? {})
      .filter(([option]) => properties[option] !== undefined && isSecretOption(properties[option]))
      .map(([option, text]) => [option, deps.secrets.open(text, placeOfOption(before?.name ?? '', option))]),
  );

const definedRanges = ({ podCidr, serviceCidr, dnsDomain }: SpecChange): Partial<TemplateSpec> => ({
  ...(podCidr !== undefined && { podCidr }),
  ...(serviceCidr !== undefined && { serviceCidr }),
  ...(dnsDomain !== undefined && { dnsDomain }),
});

/** Between a plan and its transaction a bundle may have been deleted. @throws UserError INVALID_INPUT. */
export const checkBundlesThere = async (db: Db, { bundles }: TemplateSpec, field: string[]): Promise<void> => {
  for (const { name, revision } of bundles)
    if ((await findBundleRevision(db, name, revision)) === undefined)
      throw new UserError('INVALID_INPUT', `The addon bundle ${name} is there no more; leave it out.`, { field });
};

const shown = (text: string): string => JSON.stringify(text.slice(0, 80));
