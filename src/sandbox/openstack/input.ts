/** Reading loosely typed request bodies: each reader gives the value or refuses with 400, as the services' schemas do. */
import { ApiError } from './http.ts';

export type Fields = Record<string, unknown>;

const wrong = (field: string, value: unknown, want: string): ApiError =>
  new ApiError(400, `Invalid input for field/attribute ${field}. Value: ${JSON.stringify(value) ?? 'None'}. ${want}`);

/** The object under the request's one top-level word, such as `server`. */
export const envelope = (body: Fields, word: string): Fields => {
  const value = body[word];
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new ApiError(400, `Invalid input for field/attribute ${word}: it is a required property`);
  return value as Fields;
};

export const optionalString = (fields: Fields, name: string): string | undefined => {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw wrong(name, value, 'It is not of type string');
  return value;
};

export const requiredString = (fields: Fields, name: string): string => {
  const value = optionalString(fields, name);
  if (value === undefined) throw new ApiError(400, `Invalid input for field/attribute body. '${name}' is a required property`);
  return value;
};

export const optionalBoolean = (fields: Fields, name: string): boolean | undefined => {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string' && /^(true|false|1|0)$/i.test(value)) return /^(true|1)$/i.test(value);
  throw wrong(name, value, 'It is not of type boolean');
};

export const optionalInteger = (fields: Fields, name: string): number | undefined => {
  const value = fields[name];
  if (value === undefined || value === null || value === '') return undefined;
  const number = typeof value === 'number' ? value : typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isInteger(number)) throw wrong(name, value, 'It is not of type integer');
  return number;
};

export const optionalObject = (fields: Fields, name: string): Fields | undefined => {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) throw wrong(name, value, 'It is not of type object');
  return value as Fields;
};

export const objectList = (fields: Fields, name: string): Fields[] => {
  const value = fields[name] ?? [];
  if (!Array.isArray(value) || value.some((v) => v === null || typeof v !== 'object')) throw wrong(name, value, 'It is not of type array');
  return value as Fields[];
};

export const stringList = (fields: Fields, name: string): string[] | undefined => {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || value.some((v) => typeof v !== 'string')) throw wrong(name, value, 'It is not a list of strings');
  return value as string[];
};

/** A map of strings to strings, as Nova's metadata is. */
export const stringMap = (fields: Fields, name: string): Record<string, string> => {
  const value = optionalObject(fields, name) ?? {};
  for (const [key, v] of Object.entries(value)) if (typeof v !== 'string') throw wrong(`${name}.${key}`, v, 'It is not of type string');
  return value as Record<string, string>;
};

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
export const isUuid = (value: string): boolean => UUID.test(value);
