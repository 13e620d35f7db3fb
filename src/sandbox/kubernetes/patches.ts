/** JSON patch (RFC 6902), JSON merge patch (RFC 7386) and Kubernetes' strategic merge patch, without changing what they are given. */
import { strategicKey } from './listKeys.ts';
import { array, type Dict, dict, dicts, isDict, sameJson, text } from './objects.ts';
import { badRequest, StatusError } from './statusError.ts';

export const mergePatch = (target: unknown, patch: unknown): unknown => {
  if (!isDict(patch)) return patch;
  const result: Dict = { ...dict(target) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
};

const unescaped = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~');
const pathOf = (pointer: unknown): string[] => text(pointer).split('/').slice(1).map(unescaped);
const missing = (pointer: unknown): StatusError =>
  new StatusError(422, 'Invalid', `the server rejected our request due to an error in our request: path ${text(pointer)} not found`);

const readPath = (value: unknown, path: string[], pointer: unknown): unknown =>
  path.reduce<unknown>((here, step) => {
    const next = Array.isArray(here) ? here[Number(step)] : isDict(here) ? here[step] : undefined;
    if (next === undefined) throw missing(pointer);
    return next;
  }, value);

type Change = { op: 'add' | 'replace'; value: unknown } | { op: 'remove' };

const changeList = (list: unknown[], step: string, change: Change, pointer: unknown): unknown[] => {
  const index = step === '-' ? list.length : Number(step);
  if (!Number.isInteger(index) || index < 0 || index > list.length || (change.op !== 'add' && index >= list.length)) throw missing(pointer);
  if (change.op === 'remove') return list.toSpliced(index, 1);
  return list.toSpliced(index, change.op === 'add' ? 0 : 1, change.value);
};

const changeAt = (value: unknown, path: string[], change: Change, pointer: unknown): unknown => {
  const [step, ...rest] = path;
  if (step === undefined) return change.op === 'remove' ? null : change.value;
  if (rest.length > 0) {
    const inner = changeAt(readPath(value, [step], pointer), rest, change, pointer);
    return Array.isArray(value) ? value.with(Number(step), inner) : { ...dict(value), [step]: inner };
  }
  if (Array.isArray(value)) return changeList(value, step, change, pointer);
  if (!isDict(value) || (change.op !== 'add' && value[step] === undefined)) throw missing(pointer);
  if (change.op !== 'remove') return { ...value, [step]: change.value };
  const { [step]: _removed, ...kept } = value;
  return kept;
};

export const jsonPatch = (target: unknown, patch: unknown): unknown => {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch is a list of operations');
  return dicts(patch).reduce<unknown>((value, step) => {
    const path = pathOf(step.path);
    const from = pathOf(step.from);
    switch (step.op) {
      case 'add':
      case 'replace':
        return changeAt(value, path, { op: step.op, value: step.value }, step.path);
      case 'remove':
        return changeAt(value, path, { op: 'remove' }, step.path);
      case 'copy':
        return changeAt(value, path, { op: 'add', value: readPath(value, from, step.from) }, step.path);
      case 'move': {
        const moved = readPath(value, from, step.from);
        return changeAt(changeAt(value, from, { op: 'remove' }, step.from), path, { op: 'add', value: moved }, step.path);
      }
      case 'test':
        if (!sameJson(readPath(value, path, step.path), step.value))
          throw new StatusError(422, 'Invalid', `testing value ${text(step.path)} failed`);
        return value;
      default:
        throw badRequest(`unknown JSON patch operation ${text(step.op)}`);
    }
  }, target);
};

const SET_ORDER = '$setElementOrder/';
const DELETE_FROM = '$deleteFromPrimitiveList/';

/** The list in the order that the patch asks for; what it does not name stays at the end. */
const ordered = (list: unknown[], order: unknown, key: string | undefined): unknown[] => {
  if (!Array.isArray(order)) return list;
  const idOf = (item: unknown): unknown => (key && isDict(item) ? item[key] : item);
  const ranks = new Map(order.map((item, i) => [idOf(item), i]));
  return list
    .map((item, i) => ({ item, rank: ranks.get(idOf(item)) ?? order.length + i }))
    .sort((a, b) => a.rank - b.rank)
    .map((r) => r.item);
};

const mergeKeyedList = (kind: string, key: string, target: unknown[], patch: Dict[]): unknown[] => {
  if (patch.some((p) => p.$patch === 'replace')) return patch.filter((p) => p.$patch === undefined);
  let result = [...target];
  for (const item of patch) {
    const index = result.findIndex((r) => isDict(r) && r[key] === item[key]);
    if (item.$patch === 'delete') result = index < 0 ? result : result.toSpliced(index, 1);
    else if (index < 0) result.push(strategicMap(kind, {}, item));
    else result[index] = strategicMap(kind, dict(result[index]), item);
  }
  return result;
};

const mergeList = (kind: string, field: string, target: unknown[], patch: unknown[]): unknown[] => {
  const key = strategicKey(kind, field);
  if (key && patch.every(isDict)) return mergeKeyedList(kind, key, target, dicts(patch));
  if (field === 'finalizers') return [...target, ...patch.filter((v) => !target.includes(v))];
  return patch;
};

const strategicMap = (kind: string, target: Dict, patch: Dict): Dict => {
  if (patch.$patch === 'delete') return {};
  const retained = patch.$retainKeys;
  const start =
    patch.$patch === 'replace'
      ? {}
      : Array.isArray(retained)
        ? Object.fromEntries(Object.entries(target).filter(([k]) => retained.includes(k)))
        : target;
  const result: Dict = { ...start };
  for (const [field, value] of Object.entries(patch)) {
    if (field.startsWith(DELETE_FROM)) {
      const name = field.slice(DELETE_FROM.length);
      result[name] = array(result[name]).filter((v) => !array(value).includes(v));
    } else if (field.startsWith('$')) continue;
    else if (value === null) delete result[field];
    else if (Array.isArray(value)) result[field] = mergeList(kind, field, array(result[field]), value);
    else if (isDict(value)) result[field] = strategicMap(kind, dict(result[field]), value);
    else result[field] = value;
  }
  for (const [field, order] of Object.entries(patch)) {
    if (!field.startsWith(SET_ORDER)) continue;
    const name = field.slice(SET_ORDER.length);
    if (Array.isArray(result[name])) result[name] = ordered(result[name], order, strategicKey(kind, name));
  }
  return result;
};

export const strategicMergePatch = (kind: string, target: unknown, patch: unknown): unknown => {
  if (!isDict(patch)) throw badRequest('a strategic merge patch is an object');
  return strategicMap(kind, dict(target), patch);
};
