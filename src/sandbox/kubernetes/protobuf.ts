/** Reads the few protobuf bodies that kubectl's typed clients insist on sending (reviews, token requests, evictions, delete options, `kubectl create` of simple kinds). Answers are JSON. */
import type { Dict } from './objects.ts';

/** A message's fields by number: text, a whole number, an inner message, a list of texts, or a map of texts (or of bytes, shown as base64). */
type Shape = { [field: number]: [name: string, type: 'text' | 'number' | 'texts' | 'map' | 'bytes' | Shape] };

const RESOURCE: Shape = {
  1: ['namespace', 'text'],
  2: ['verb', 'text'],
  3: ['group', 'text'],
  4: ['version', 'text'],
  5: ['resource', 'text'],
  6: ['subresource', 'text'],
  7: ['name', 'text'],
};
const PATH: Shape = { 1: ['path', 'text'], 2: ['verb', 'text'] };
const OBJECT_META: Shape = {
  1: ['name', 'text'],
  2: ['generateName', 'text'],
  3: ['namespace', 'text'],
  11: ['labels', 'map'],
  12: ['annotations', 'map'],
};
const DELETE_OPTIONS: Shape = {
  1: ['gracePeriodSeconds', 'number'],
  2: ['preconditions', { 1: ['uid', 'text'], 2: ['resourceVersion', 'text'] }],
  4: ['propagationPolicy', 'text'],
  5: ['dryRun', 'texts'],
};
const access = (own: Shape): Shape => ({
  2: ['spec', { 1: ['resourceAttributes', RESOURCE], 2: ['nonResourceAttributes', PATH], ...own }],
});

/** Field numbers are those of the generated.proto files in k8s.io/api. */
const SHAPES: Record<string, Shape> = {
  SelfSubjectAccessReview: access({}),
  SubjectAccessReview: access({ 3: ['user', 'text'], 4: ['groups', 'texts'] }),
  LocalSubjectAccessReview: access({ 3: ['user', 'text'], 4: ['groups', 'texts'] }),
  SelfSubjectRulesReview: { 2: ['spec', { 1: ['namespace', 'text'] }] },
  SelfSubjectReview: {},
  TokenReview: { 2: ['spec', { 1: ['token', 'text'], 2: ['audiences', 'texts'] }] },
  TokenRequest: { 2: ['spec', { 1: ['audiences', 'texts'], 4: ['expirationSeconds', 'number'] }] },
  Eviction: { 1: ['metadata', OBJECT_META], 2: ['deleteOptions', DELETE_OPTIONS] },
  DeleteOptions: DELETE_OPTIONS,
  Namespace: { 1: ['metadata', OBJECT_META] },
  ServiceAccount: { 1: ['metadata', OBJECT_META] },
  ConfigMap: { 1: ['metadata', OBJECT_META], 2: ['data', 'map'], 3: ['binaryData', 'bytes'] },
  Secret: { 1: ['metadata', OBJECT_META], 2: ['data', 'bytes'], 3: ['type', 'text'], 4: ['stringData', 'map'] },
};

const MAGIC = 'k8s\u0000';
const ENVELOPE: Shape = { 1: ['type', { 1: ['apiVersion', 'text'], 2: ['kind', 'text'] }], 2: ['raw', 'text'] };

const varint = (bytes: Buffer, from: number): { value: number; next: number } => {
  let value = 0;
  for (let i = from, factor = 1; i < bytes.length; i += 1, factor *= 128) {
    const byte = bytes[i] ?? 0;
    value += (byte & 127) * factor;
    if (byte < 128) return { value, next: i + 1 };
  }
  throw new Error('truncated protobuf');
};

/** Walks the fields of a message; unknown ones are passed over. */
const fieldsOf = (bytes: Buffer): { field: number; value: number | Buffer }[] => {
  const found: { field: number; value: number | Buffer }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = varint(bytes, at);
    const wire = tag.value & 7;
    if (wire === 0) {
      const number = varint(bytes, tag.next);
      found.push({ field: tag.value >>> 3, value: number.value });
      at = number.next;
    } else if (wire === 2) {
      const length = varint(bytes, tag.next);
      at = length.next + length.value;
      found.push({ field: tag.value >>> 3, value: bytes.subarray(length.next, at) });
    } else at = tag.next + (wire === 1 ? 8 : 4);
  }
  return found;
};

const entryOf = (bytes: Buffer, type: 'map' | 'bytes'): Dict => {
  const parts = new Map(fieldsOf(bytes).map((f) => [f.field, f.value instanceof Buffer ? f.value : Buffer.alloc(0)]));
  return { [parts.get(1)?.toString() ?? '']: (parts.get(2) ?? Buffer.alloc(0)).toString(type === 'map' ? 'utf8' : 'base64') };
};

const decode = (bytes: Buffer, shape: Shape): Dict => {
  const result: Dict = {};
  for (const { field, value } of fieldsOf(bytes)) {
    const [name, type] = shape[field] ?? [];
    if (name === undefined || type === undefined) continue;
    if (typeof value === 'number') result[name] = value;
    else if (type === 'texts') result[name] = [...((result[name] as string[] | undefined) ?? []), value.toString()];
    else if (type === 'map' || type === 'bytes') result[name] = { ...(result[name] as Dict | undefined), ...entryOf(value, type) };
    else result[name] = typeof type === 'string' ? value.toString() : decode(value, type);
  }
  return result;
};

/** The object in a `application/vnd.kubernetes.protobuf` body; undefined for kinds that are not read here. */
export const readProtobuf = (body: Buffer): Dict | undefined => {
  if (body.subarray(0, 4).toString() !== MAGIC) return undefined;
  const envelope = body.subarray(4);
  const { apiVersion, kind } = decode(envelope, ENVELOPE).type as Dict;
  const shape = SHAPES[String(kind)];
  const raw = fieldsOf(envelope).find((f) => f.field === 2)?.value;
  if (!shape) return undefined;
  return { apiVersion, kind, ...(raw instanceof Buffer ? decode(raw, shape) : {}) };
};
