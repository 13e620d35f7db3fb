/** What administrators give of an addon bundle: its manifests and the schema of its options, read and held against each other. */
import { z } from 'zod';
import { checkObjects, checkPlaceholders, type Manifest } from '../domain/addonBundle.ts';
import { faultOfSchema, MAX_OPTION_TEXT, NO_OPTIONS, type OptionsSchema } from '../domain/addonBundleOption.ts';
import { Conflict, NotFound, UserError } from '../domain/errors.ts';
import { faultOfLabel } from '../domain/names.ts';
import { findAddonBundle, loadAddonBundles, loadBundleRevision } from '../store/addonBundles.ts';
import { type Db, isUniqueViolation } from '../store/open.ts';
import { sightOf } from '../store/sight.ts';
import type { AddonBundleAnswer, Call, CommandDeps } from './call.ts';
import type { Recalled } from './idempotent.ts';
import { given, nameBy, parseInput } from './parse.ts';

const MAX_BUNDLE_NAME = 63;
const MAX_SCHEMA_CHARACTERS = 32_768;

export const bundleFields = z.strictObject({
  name: nameBy(faultOfLabel, MAX_BUNDLE_NAME),
  description: given(z.string().max(1_000, 'must have at most 1000 characters')),
  manifests: z.string(),
  optionsSchema: given(z.string().max(MAX_SCHEMA_CHARACTERS, `must have at most ${MAX_SCHEMA_CHARACTERS} characters`)),
});

const value = z.union([z.string().max(MAX_OPTION_TEXT), z.number(), z.boolean()], 'must be text, a number, true or false');
const words = z.string().max(500, 'must have at most 500 characters');
const length = z.int('must be a whole number').min(0, 'must be at least 0').max(MAX_OPTION_TEXT, `must be at most ${MAX_OPTION_TEXT}`);
const property = z.strictObject({
  type: z.enum(['string', 'integer', 'number', 'boolean'], 'must be string, integer, number or boolean'),
  title: words.optional(),
  description: words.optional(),
  default: value.optional(),
  enum: z.array(value).min(1, 'must hold a value').max(100, 'must be at most 100 values').optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  pattern: z.string().max(200, 'must have at most 200 characters').optional(),
  minLength: length.optional(),
  maxLength: length.optional(),
  format: z.literal('password', 'must be "password"').optional(),
  writeOnly: z.boolean('must be true or false').optional(),
});
const schemaInput = z.strictObject({
  $schema: z.string().optional(),
  title: words.optional(),
  description: words.optional(),
  type: z.literal('object', 'must be "object"'),
  properties: z
    .record(z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,62}$/, 'must be a letter with letters, digits or "_"'), property)
    .refine((map) => Object.keys(map).length <= 50, 'must be at most 50'),
  required: z.array(z.string()).max(50).optional(),
  additionalProperties: z.literal(false, 'must be false').optional(),
});

const FIELD = ['optionsSchema'];

/** @throws UserError INVALID_INPUT naming the place in the schema. */
const readSchema = (text: string): OptionsSchema => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new UserError('INVALID_INPUT', 'optionsSchema is not JSON; give a JSON schema such as {"type":"object","properties":{}}.', {
      field: FIELD,
    });
  }
  const { properties, required = [] } = parseInput(schemaInput, json, FIELD);
  const schema: OptionsSchema = { ...NO_OPTIONS, properties: withoutUndefined(properties), required };
  const found = faultOfSchema(schema);
  if (found !== null)
    throw new UserError('INVALID_INPUT', `optionsSchema.${found.path.join('.')} ${found.fault}`, { field: [...FIELD, ...found.path] });
  return schema;
};

/** As JSON has it. */
const withoutUndefined = (properties: Record<string, z.output<typeof property>>): OptionsSchema['properties'] =>
  JSON.parse(JSON.stringify(properties)) as OptionsSchema['properties'];

export interface ReadBundle {
  manifests: string;
  objects: Manifest[];
  optionsSchema: OptionsSchema;
}

/** What was given, read; each by itself. @throws UserError INVALID_INPUT naming manifests or the place in optionsSchema. */
export const readParts = (deps: CommandDeps, manifests: string | undefined, schemaText: string | undefined): Partial<ReadBundle> => ({
  ...(manifests !== undefined && { manifests, objects: deps.parseManifests(manifests) }),
  ...(schemaText !== undefined && { optionsSchema: readSchema(schemaText) }),
});

/** Held against each other. @throws UserError INVALID_INPUT naming manifests. */
export const checkBundle = (deps: CommandDeps, read: ReadBundle): ReadBundle => {
  checkPlaceholders(read.objects, read.optionsSchema);
  checkObjects(read.objects, deps.isBuiltIn);
  return read;
};

export const bundleNameTaken = (error: unknown, name: string): unknown =>
  isUniqueViolation(error)
    ? new Conflict('NAME_TAKEN', `An addon bundle named ${name} is there already; choose another name, or update that one.`, {
        field: ['name'],
      })
    : error;

/** By id or name, for cloud admins. @throws NotFound. */
export const getAddonBundle = async (db: Db, call: Call, idOrName: string) => {
  const found = await findAddonBundle(db, sightOf(call.actor, 'readAddonBundles'), idOrName);
  if (found === undefined) throw new NotFound(`Addon bundle ${JSON.stringify(idOrName.slice(0, 80))}`, { field: ['addonBundleId'] });
  return found;
};

/** The bundle as it is now, with the revision that was answered. */
export const recallBundleAnswer = async (deps: CommandDeps, call: Call, ids: Recalled): Promise<Omit<AddonBundleAnswer, 'replayed'>> => {
  const [bundle] = await loadAddonBundles(deps.store.db, sightOf(call.actor, 'readAddonBundles'), [ids.bundleId ?? '']);
  const revision = bundle === undefined ? undefined : await loadBundleRevision(deps.store.db, bundle.id, Number(ids.revision));
  if (bundle === undefined || revision === undefined) throw new NotFound('What this call answered');
  return { bundle, revision };
};
