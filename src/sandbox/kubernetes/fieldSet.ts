/** Sets of field paths in the FieldsV1 form of `metadata.managedFields`: a tree whose keys are `f:name`, `k:{…}`, `v:…` and `.`. */
import { isAtomicMap, isSetList, itemKey, listKeys } from './listKeys.ts';
import { type Dict, dict, isDict, sameJson } from './objects.ts';

export type FieldSet = Dict;

const keyOf = (kind: string, field: string, items: unknown[], item: unknown): string | undefined => {
  if (isSetList(field)) return `v:${JSON.stringify(item)}`;
  const keys = listKeys(kind, field, items);
  return keys ? `k:${JSON.stringify(itemKey(keys, item))}` : undefined;
};

/** The children of a value by path element; undefined for a value that is owned as a whole. */
const childrenOf = (kind: string, field: string, value: unknown): Map<string, { field: string; value: unknown }> | undefined => {
  if (isDict(value) && !isAtomicMap(field)) return new Map(Object.entries(value).map(([k, v]) => [`f:${k}`, { field: k, value: v }]));
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const children = new Map<string, { field: string; value: unknown }>();
  for (const item of value) {
    const key = keyOf(kind, field, value, item);
    if (key === undefined) return undefined;
    children.set(key, { field: '', value: item });
  }
  return children;
};

const isItem = (element: string): boolean => element.startsWith('k:');

/** The leaves of a value. `dots`: also own the maps themselves, as updates do (applies own only list items so). */
const setOfValue = (kind: string, field: string, value: unknown, item: boolean): FieldSet => {
  const children = childrenOf(kind, field, value);
  if (!children || children.size === 0) return {};
  const set: FieldSet = item ? { '.': {} } : {};
  for (const [element, child] of children) set[element] = setOfValue(kind, child.field, child.value, isItem(element));
  return set;
};

const UNOWNED = new Set([
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'generation',
  'managedFields',
  'selfLink',
  'generateName',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
]);

const withoutIdentity = (object: Dict): Dict => {
  const { apiVersion: _a, kind: _k, metadata, ...rest } = object;
  const kept = Object.fromEntries(Object.entries(dict(metadata)).filter(([k]) => !UNOWNED.has(k)));
  return Object.keys(kept).length > 0 ? { metadata: kept, ...rest } : rest;
};

/** All fields that an applied configuration names; identity and server-made metadata belong to nobody. */
export const fieldsOf = (kind: string, object: Dict): FieldSet => setOfValue(kind, '', withoutIdentity(object), false);

const compareInto = (kind: string, field: string, before: unknown, after: unknown, changed: FieldSet, item: boolean): void => {
  const [old, now] = [childrenOf(kind, field, before), childrenOf(kind, field, after)];
  if (!now) return;
  if (item && !old) changed['.'] = {};
  for (const [element, child] of now) {
    const previous = old?.get(element);
    if (previous && sameJson(previous.value, child.value)) continue;
    const inner: FieldSet = {};
    if (!previous && isItem(element)) inner['.'] = {};
    compareInto(kind, child.field, previous?.value, child.value, inner, false);
    const gone = previous !== undefined && Object.keys(inner).length === 0 && childrenOf(kind, child.field, child.value) !== undefined;
    if (!gone) changed[element] = inner;
  }
};

/** The fields that a write added or changed. */
export const changedFields = (kind: string, before: Dict, after: Dict): FieldSet => {
  const changed: FieldSet = {};
  compareInto(kind, '', withoutIdentity(before), withoutIdentity(after), changed, false);
  return changed;
};

export const unionOf = (a: FieldSet, b: FieldSet): FieldSet => {
  const result: FieldSet = { ...a };
  for (const [key, inner] of Object.entries(b)) result[key] = unionOf(dict(result[key]), dict(inner));
  return result;
};

const isLeaf = (set: FieldSet): boolean => Object.keys(set).length === 0;

/** What is in `a` and not in `b`, leaf by leaf. */
export const differenceOf = (a: FieldSet, b: FieldSet): FieldSet => {
  const result: FieldSet = {};
  for (const [key, inner] of Object.entries(a)) {
    const other = b[key];
    if (!isDict(other)) result[key] = inner;
    else {
      const rest = differenceOf(dict(inner), other);
      if (!isLeaf(rest)) result[key] = rest;
    }
  }
  return result;
};

/** Keeps of a set what the object still has. */
export const prunedTo = (kind: string, set: FieldSet, field: string, value: unknown): FieldSet => {
  const children = childrenOf(kind, field, value);
  const result: FieldSet = {};
  for (const [key, inner] of Object.entries(set)) {
    if (key === '.') result[key] = inner;
    const child = children?.get(key);
    if (!child) continue;
    const kept = prunedTo(kind, dict(inner), child.field, child.value);
    if (isLeaf(dict(inner)) || !isLeaf(kept)) result[key] = kept;
  }
  return result;
};

/** Paths of leaves that both sets own and whose values differ between the two objects, for conflict messages. */
export const conflictsOf = (
  kind: string,
  ours: FieldSet,
  theirs: FieldSet,
  live: unknown,
  applied: unknown,
): { set: FieldSet; paths: string[] } => {
  const found: { set: FieldSet; paths: string[] } = { set: {}, paths: [] };
  const walk = (a: FieldSet, b: FieldSet, field: string, was: unknown, will: unknown, path: string, set: FieldSet): void => {
    const [old, next] = [childrenOf(kind, field, was), childrenOf(kind, field, will)];
    for (const [key, inner] of Object.entries(a)) {
      if (key === '.' || !isDict(b[key])) continue;
      const [before, after] = [old?.get(key), next?.get(key)];
      const here = `${path}${pathText(key)}`;
      const [end, otherEnd] = [isLeaf(dict(inner)), isLeaf(dict(b[key]))];
      // A map that one names without content and the other fills is nobody's conflict.
      if (end !== otherEnd) continue;
      if (end) {
        if (!sameJson(before?.value, after?.value)) {
          set[key] = {};
          found.paths.push(here);
        }
        continue;
      }
      const deeper: FieldSet = {};
      walk(dict(inner), dict(b[key]), after?.field ?? '', before?.value, after?.value, here, deeper);
      if (!isLeaf(deeper)) set[key] = deeper;
    }
  };
  walk(ours, theirs, '', live, applied, '', found.set);
  return found;
};

const pathText = (element: string): string => {
  if (element.startsWith('f:')) return `.${element.slice(2)}`;
  if (!element.startsWith('k:')) return `[=${element.slice(2)}]`;
  const keys = Object.entries(dict(JSON.parse(element.slice(2))));
  return `[${keys.map(([k, v]) => `${k}=${JSON.stringify(v)}`).join(',')}]`;
};

/** Takes the leaves of a set out of an object: what its last owner no longer wants. */
export const removeFields = (kind: string, set: FieldSet, field: string, value: unknown): unknown => {
  if (Array.isArray(value)) {
    const kept = value.flatMap((item) => {
      const inner = set[keyOf(kind, field, value, item) ?? ''];
      if (!isDict(inner)) return [item];
      return isLeaf(inner) || '.' in inner ? [] : [removeFields(kind, inner, '', item)];
    });
    return kept.length === 0 && value.length > 0 ? undefined : kept;
  }
  if (!isDict(value)) return value;
  const result: Dict = { ...value };
  for (const [key, inner] of Object.entries(set)) {
    const name = key.slice(2);
    if (!key.startsWith('f:') || result[name] === undefined) continue;
    const left = isLeaf(dict(inner)) ? undefined : removeFields(kind, dict(inner), name, result[name]);
    if (left === undefined || (isDict(left) && Object.keys(left).length === 0)) delete result[name];
    else result[name] = left;
  }
  return result;
};

/** Leaves of `set` that no other set owns. A list item goes only when nobody else owns any part of it. */
export const unowned = (set: FieldSet, others: FieldSet): FieldSet => {
  const result: FieldSet = {};
  for (const [key, inner] of Object.entries(set)) {
    const other = others[key];
    if (!isDict(other)) result[key] = inner;
    else if (isLeaf(dict(inner)) || isLeaf(other)) continue;
    else {
      const { '.': _item, ...left } = unowned(dict(inner), other);
      if (!isLeaf(left)) result[key] = left;
    }
  }
  return result;
};
