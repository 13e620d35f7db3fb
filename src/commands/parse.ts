/** Turns a caller's input into what a schema describes, or into one error that names the field and the remedy. */
import { z } from 'zod';
import { UserError } from '../domain/errors.ts';

/** Both belong to the call; the API may leave them in the input that it hands on. */
const OF_THE_CALL = new Set(['idempotencyKey', 'expectedGeneration']);

/** The input's own fields. Inputs from GraphQL have no prototype. */
export const ownInput = (input: unknown): Record<string, unknown> => {
  if (input === null || typeof input !== 'object' || Array.isArray(input))
    throw new UserError('INVALID_INPUT', 'The input must be an object.', { field: [] });
  return Object.fromEntries(Object.entries(input).filter(([key]) => !OF_THE_CALL.has(key)));
};

/** @throws UserError INVALID_INPUT for the first fault. Values are never repeated: they may be secret. */
export const parseInput = <S extends z.ZodType>(schema: S, input: unknown, base: readonly string[] = []): z.output<S> => {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = [...base, ...(issue?.path ?? []).map(String)];
  if (issue?.code === 'unrecognized_keys') {
    const key = String(issue.keys[0]).slice(0, 60);
    throw new UserError('INVALID_INPUT', `The field ${JSON.stringify(key)} does not exist here; leave it out.`, { field: [...path, key] });
  }
  throw new UserError('INVALID_INPUT', `${path.join('.') || 'The input'}: ${sentence(issue?.message ?? 'is not valid')}`, { field: path });
};

const sentence = (text: string): string => (text.endsWith('.') ? text : `${text}.`);

/** `fields`: the input without what it is about. Throws UserError INVALID_INPUT for a change of nothing: it would make a generation for no reason. */
export const requireChange = (fields: object): void => {
  if (Object.keys(definedOf(fields)).length === 0)
    throw new UserError('INVALID_INPUT', 'Nothing is to change; give at least one field beside the id.', { field: [] });
};

/** Optional; a null says the same as nothing. */
export const given = <S extends z.ZodType>(schema: S) => schema.nullish().transform((value) => value ?? undefined);

/** Settings in a setting: only those that were given are there. */
export const tree = <Shape extends z.ZodRawShape>(shape: Shape) => z.strictObject(shape).transform((value) => definedOf(value));

/** Optional; a null takes away what the template says. */
export const clearable = <S extends z.ZodType>(schema: S) => schema.nullable().optional();

export const nameOrId = z.string().trim().min(1, 'must not be empty').max(255, 'must have at most 255 characters');

/** A name that `faultOf` finds nothing wrong with. */
export const nameBy = (faultOf: (name: string, max: number) => string | null, max: number) =>
  z.string().superRefine((name, context) => {
    const fault = faultOf(name, max);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
  });

export const wholeNumber = (min: number, max: number) =>
  z
    .number(`must be a whole number from ${min} to ${max}`)
    .int(`must be a whole number`)
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`);

export const smallMap = (maxEntries: number) =>
  z
    .record(z.string().min(1).max(253), z.string().max(255, 'must have at most 255 characters'))
    .refine((map) => Object.keys(map).length <= maxEntries, `must have at most ${maxEntries} entries`);

/** Fields that were given, without those that are undefined. */
export const definedOf = <T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
