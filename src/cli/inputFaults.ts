/** What is wrong with an input by the API's types, said with what would be right. */
import { ClientError } from '../client/errors.ts';
import { nearest } from '../lib/nearest.ts';
import { type InputTypes, readInputTypes } from './inputTypes.ts';

/** The error with the field to blame and a remedy, where the document's input does not fit its type; else as it is. */
export const explained = (error: unknown, document: string, variables: Record<string, unknown>): unknown => {
  if (!(error instanceof ClientError) || error.code !== 'BAD_USER_INPUT') return error;
  const [, type = ''] = /\$input: (\w+)!/.exec(document) ?? [];
  const fault = faultOf(readInputTypes(), variables['input'], type, []);
  if (fault === null) return error;
  const detail = { requestId: error.requestId, field: [...fault.path], cause: error };
  return new ClientError(error.code, `${fault.path.join('.')}: ${fault.what}`, detail);
};

interface Fault {
  path: readonly string[];
  what: string;
}

/** The first fault; what the types do not tell is left to the API. */
const faultOf = (types: InputTypes, value: unknown, type: string, path: readonly string[]): Fault | null => {
  const fields = types.inputs.get(type);
  if (fields === undefined) return faultOfValue(types, value, type, path);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return { path, what: 'must hold settings by name.' };
  for (const [key, inner] of Object.entries(value)) {
    const at = [...path, key];
    const field = fields.get(key);
    if (field === undefined) return { path: at, what: unknownText(key, [...fields.keys()]) };
    // An empty setting is a null, which the API may take to mean "none".
    if (inner === null && !field.needed) continue;
    const items = field.list && Array.isArray(inner) ? inner.map((item, i) => [item, [...at, String(i)]] as const) : [[inner, at] as const];
    for (const [item, where] of items) {
      const fault = faultOf(types, item, field.type, where);
      if (fault !== null) return fault;
    }
  }
  for (const [key, { needed }] of fields)
    if (needed && !Object.hasOwn(value, key)) return { path: [...path, key], what: 'is needed, and missing.' };
  return null;
};

const unknownText = (key: string, known: readonly string[]): string => {
  const near = nearest(key, known);
  const there = known.filter((name) => name !== 'idempotencyKey' && name !== 'expectedGeneration').join(', ');
  return `there is no such setting; ${near === undefined ? `there are ${there}.` : `did you mean ${near}?`}`;
};

const SCALARS: Readonly<Record<string, { fits: (value: unknown) => boolean; what: string }>> = {
  Int: { fits: Number.isInteger, what: 'must be a whole number.' },
  Float: { fits: (value) => typeof value === 'number', what: 'must be a number.' },
  Boolean: { fits: (value) => typeof value === 'boolean', what: 'must be true or false.' },
  String: { fits: (value) => typeof value === 'string', what: 'must be text; numbers and dates in a file need quotes.' },
  ID: { fits: (value) => typeof value === 'string' || Number.isInteger(value), what: 'must be an id.' },
};

const faultOfValue = (types: InputTypes, value: unknown, type: string, path: readonly string[]): Fault | null => {
  const choices = types.enums.get(type);
  if (choices !== undefined) return choices.some((choice) => choice === value) ? null : { path, what: `must be ${choices.join(' or ')}.` };
  const scalar = SCALARS[type];
  return scalar === undefined || scalar.fits(value) ? null : { path, what: scalar.what };
};
