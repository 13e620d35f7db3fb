/** Options of addon bundles: a small part of JSON Schema, and the values that customers give for it. */
import { Script } from 'node:vm';
import { UserError } from './errors.ts';

export type OptionValue = string | number | boolean;
export type OptionType = 'string' | 'integer' | 'number' | 'boolean';

export interface OptionSchema {
  type: OptionType;
  title?: string;
  description?: string;
  default?: OptionValue;
  enum?: OptionValue[];
  minimum?: number;
  maximum?: number;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  format?: 'password';
  writeOnly?: boolean;
}

/** Its values are sealed where they lie, and shown nowhere. */
export const isSecretOption = ({ format, writeOnly }: OptionSchema): boolean => format === 'password' || writeOnly === true;

/** A JSON schema of an object that has these properties and no others. */
export interface OptionsSchema {
  type: 'object';
  properties: Record<string, OptionSchema>;
  required: string[];
  additionalProperties: false;
}

export const NO_OPTIONS: OptionsSchema = { type: 'object', properties: {}, required: [], additionalProperties: false };

/** Longest text that an option may have. */
export const MAX_OPTION_TEXT = 4_096;
/** A pattern of an administrator's meets a text of a customer's: one that runs away must not hold all others up. */
const PATTERN_MS = 250;

/** What is wrong with a schema as such, as a sentence; null: nothing. */
export const faultOfSchema = ({ properties, required }: OptionsSchema): { path: string[]; fault: string } | null => {
  for (const name of required)
    if (!Object.hasOwn(properties, name))
      return { path: ['required'], fault: `requires ${JSON.stringify(name)}, which is no property; describe it under properties.` };
  for (const [name, schema] of Object.entries(properties)) {
    const fault = faultOfProperty(schema, required.includes(name));
    if (fault !== null) return { path: ['properties', name], fault };
  }
  return null;
};

const faultOfProperty = (schema: OptionSchema, required: boolean): string | null => {
  const { type, pattern, minimum, maximum, minLength, maxLength } = schema;
  const isText = type === 'string';
  const isNumber = type === 'integer' || type === 'number';
  if (!isText && (schema.format ?? schema.writeOnly) !== undefined) return `is of type ${type}; format and writeOnly are for strings.`;
  if (!isText && (pattern ?? minLength ?? maxLength) !== undefined)
    return `is of type ${type}; pattern, minLength and maxLength are for strings.`;
  if (!isNumber && (minimum ?? maximum) !== undefined) return `is of type ${type}; minimum and maximum are for numbers.`;
  if (pattern !== undefined && !isPattern(pattern)) return 'has a pattern that is no regular expression.';
  if (schema.enum !== undefined && !schema.enum.every((value) => isOfType(type, value)))
    return `has values in enum that are not of type ${type}.`;
  if (isSecretOption(schema) && schema.default !== undefined) return 'is secret and has a default, which all would see; make it required.';
  // So that what manifests use always has a value.
  if (schema.default === undefined) return required ? null : 'must have a default or be required.';
  const fault = faultOfValue(schema, schema.default);
  return fault === null ? null : `has a default that ${fault}`;
};

const isPattern = (pattern: string): boolean => {
  try {
    return new RegExp(pattern, 'u') instanceof RegExp;
  } catch {
    return false;
  }
};

const isOfType = (type: OptionType, value: OptionValue): boolean =>
  type === 'integer' ? Number.isSafeInteger(value) : typeof value === type && (typeof value !== 'number' || Number.isFinite(value));

/** What is wrong with a value, as the rest of a sentence; null: nothing. */
const faultOfValue = (schema: OptionSchema, value: OptionValue): string | null => {
  const { type, minimum, maximum, minLength, maxLength = MAX_OPTION_TEXT, pattern } = schema;
  if (!isOfType(type, value)) return `must be ${WORDS[type]}.`;
  if (schema.enum !== undefined && !schema.enum.includes(value)) return `must be one of ${schema.enum.join(', ')}.`;
  if (typeof value === 'number') {
    if (minimum !== undefined && value < minimum) return `must be at least ${minimum}.`;
    if (maximum !== undefined && value > maximum) return `must be at most ${maximum}.`;
  }
  if (typeof value === 'string') {
    const length = [...value].length;
    if (minLength !== undefined && length < minLength) return `must have at least ${minLength} characters.`;
    if (length > maxLength) return `must have at most ${maxLength} characters.`;
    if (pattern !== undefined && !matches(pattern, value)) return `must match ${pattern}.`;
  }
  return null;
};

const WORDS: Record<OptionType, string> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

/** False also for a pattern that does not come to an end in time. */
const matches = (pattern: string, value: string): boolean => {
  try {
    // Both as literals: nothing of them is run but the search.
    const search = new Script(`new RegExp(${JSON.stringify(pattern)}, 'u').test(${JSON.stringify(value)})`);
    return search.runInThisContext({ timeout: PATTERN_MS }) === true;
  } catch {
    return false;
  }
};

/** What text means for an option of this type; undefined: nothing. */
const valueOfText = (type: OptionType, text: string): OptionValue | undefined => {
  if (type === 'string') return text;
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  return /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : undefined;
};

/**
 * Values as text (or of their type) as values of their type: those that were given, defaults left out.
 * @throws UserError INVALID_INPUT naming the option below `field`.
 */
export const readOptions = (
  { properties, required }: OptionsSchema,
  given: Readonly<Record<string, OptionValue>>,
  field: readonly string[],
): Record<string, OptionValue> => {
  const refuse = (name: string, message: string) => new UserError('INVALID_INPUT', message, { field: [...field, name] });
  const entries = Object.entries(given).map(([name, value]): [string, OptionValue] => {
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (schema === undefined) throw refuse(name, `There is no option ${JSON.stringify(name.slice(0, 80))}; ${offer(properties)}.`);
    const typed = typeof value === 'string' ? valueOfText(schema.type, value) : value;
    const fault = typed === undefined ? `must be ${WORDS[schema.type]}.` : faultOfValue(schema, typed);
    if (typed === undefined || fault !== null) throw refuse(name, `The option ${name} ${fault}`);
    return [name, typed];
  });
  const missing = required.find((name) => !Object.hasOwn(given, name) && properties[name]?.default === undefined);
  if (missing !== undefined)
    throw refuse(missing, `The option ${missing} must be given: ${properties[missing]?.description ?? 'it has no default'}.`);
  return Object.fromEntries(entries);
};

const offer = (properties: Record<string, OptionSchema>): string => {
  const names = Object.keys(properties);
  return names.length === 0 ? 'this bundle has none' : `there are ${names.join(', ')}`;
};

/** With defaults for what was not given. */
export const completeOptions = (
  { properties }: OptionsSchema,
  given: Readonly<Record<string, OptionValue>>,
): Record<string, OptionValue> => ({
  ...Object.fromEntries(
    Object.entries(properties).flatMap(([name, schema]) => (schema.default === undefined ? [] : [[name, schema.default]])),
  ),
  ...given,
});
