/** Server-side apply and the bookkeeping of field owners (https://kubernetes.io/docs/reference/using-api/server-side-apply/). */
import { changedFields, conflictsOf, differenceOf, type FieldSet, fieldsOf, prunedTo, removeFields, unionOf, unowned } from './fieldSet.ts';
import { isAtomicMap, isSetList, listKeys, sameKey } from './listKeys.ts';
import { array, type Dict, dict, isDict, type KubeObject, type ManagedFieldsEntry } from './objects.ts';
import { StatusError } from './statusError.ts';

export interface Writer {
  manager: string;
  subresource: string | undefined;
  /** RFC 3339, whole seconds. */
  now: string;
}

const mergeLists = (kind: string, field: string, live: unknown[], applied: unknown[]): unknown[] => {
  if (isSetList(field)) return [...live, ...applied.filter((v) => !live.includes(v))];
  const keys = listKeys(kind, field, applied);
  if (!keys) return applied;
  const known = live.map((item) => {
    const next = applied.find((a) => sameKey(keys, a, item));
    return next === undefined ? item : mergeValue(kind, '', item, next);
  });
  return [...known, ...applied.filter((a) => !live.some((l) => sameKey(keys, l, a)))];
};

const mergeValue = (kind: string, field: string, live: unknown, applied: unknown): unknown => {
  if (Array.isArray(applied)) return mergeLists(kind, field, array(live), applied);
  if (!isDict(applied) || !isDict(live) || isAtomicMap(field)) return applied;
  const result: Dict = { ...live };
  for (const [key, value] of Object.entries(applied)) {
    if (value === null) delete result[key];
    else result[key] = mergeValue(kind, key, live[key], value);
  }
  return result;
};

const isSame = (entry: ManagedFieldsEntry, writer: Writer, operation: 'Apply' | 'Update'): boolean =>
  entry.manager === writer.manager && entry.operation === operation && entry.subresource === writer.subresource;

const entryOf = (writer: Writer, operation: 'Apply' | 'Update', apiVersion: string, fieldsV1: FieldSet): ManagedFieldsEntry => ({
  manager: writer.manager,
  operation,
  apiVersion,
  time: writer.now,
  fieldsType: 'FieldsV1',
  fieldsV1,
  ...(writer.subresource ? { subresource: writer.subresource } : {}),
});

const withoutEmpty = (entries: ManagedFieldsEntry[]): ManagedFieldsEntry[] => entries.filter((e) => Object.keys(e.fieldsV1).length > 0);

const refuse = (kind: string, conflicts: { entry: ManagedFieldsEntry; paths: string[] }[]): StatusError => {
  const causes = conflicts.flatMap(({ entry, paths }) => {
    const using = entry.operation === 'Apply' ? '' : ` using ${entry.apiVersion}`;
    return paths.map((field) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with "${entry.manager}"${entry.subresource ? ` with subresource "${entry.subresource}"` : ''}${using}`,
      field,
    }));
  });
  const many =
    causes.length === 1
      ? `conflict with ${causes[0]?.message.slice('conflict with '.length)}: ${causes[0]?.field}`
      : `conflicts: ${causes.map((c) => `${c.message}: ${c.field}`).join('\n')}`;
  const count = causes.length === 1 ? '1 conflict' : `${causes.length} conflicts`;
  return new StatusError(409, 'Conflict', `Apply failed with ${count}: ${many}`, { kind, causes });
};

/**
 * The live object merged with an applied configuration: fields that this manager applied before and no longer names go away
 * unless somebody else owns them. Throws Conflict (409) when it would change another manager's field without `force`.
 */
export const applyConfiguration = (live: KubeObject, applied: Dict, writer: Writer, force: boolean): KubeObject => {
  const kind = live.kind;
  const ours = fieldsOf(kind, applied);
  const entries = live.metadata.managedFields ?? [];
  const mine = entries.find((e) => isSame(e, writer, 'Apply'));
  const others = entries.filter((e) => e !== mine);
  const conflicts = others.flatMap((entry) => {
    const { set, paths } = conflictsOf(kind, ours, entry.fieldsV1, live, applied);
    return paths.length > 0 ? [{ entry, set, paths }] : [];
  });
  if (conflicts.length > 0 && !force) throw refuse(kind, conflicts);
  const taken = others.map((entry) => {
    const lost = conflicts.find((c) => c.entry === entry);
    return lost ? { ...entry, fieldsV1: differenceOf(entry.fieldsV1, lost.set) } : entry;
  });
  const merged = mergeValue(kind, '', live, applied);
  const dropped = unowned(
    differenceOf(mine?.fieldsV1 ?? {}, ours),
    taken.reduce<FieldSet>((all, e) => unionOf(all, e.fieldsV1), ours),
  );
  const result = dict(removeFields(kind, dropped, '', merged));
  const unchanged =
    mine !== undefined && JSON.stringify(mine.fieldsV1) === JSON.stringify(ours)
      ? mine
      : entryOf(writer, 'Apply', String(applied.apiVersion), ours);
  return finished(live, result, withoutEmpty([unchanged, ...taken]));
};

const finished = (live: KubeObject, result: Dict, managedFields: ManagedFieldsEntry[]): KubeObject => ({
  ...result,
  apiVersion: live.apiVersion,
  kind: live.kind,
  metadata: { ...live.metadata, ...dict(result.metadata), managedFields },
});

/** Notes who changed what by a create, replace or patch: changed fields move to the writer, removed ones belong to nobody. */
export const recordUpdate = (before: KubeObject | undefined, after: KubeObject, writer: Writer): KubeObject => {
  const changed = changedFields(after.kind, before ?? {}, after);
  const entries = before?.metadata.managedFields ?? [];
  if (before && Object.keys(changed).length === 0) {
    return {
      ...after,
      metadata: {
        ...after.metadata,
        managedFields: withoutEmpty(entries.map((e) => ({ ...e, fieldsV1: prunedTo(after.kind, e.fieldsV1, '', after) }))),
      },
    };
  }
  const mine = entries.find((e) => isSame(e, writer, 'Update'));
  const others = entries
    .filter((e) => e !== mine)
    .map((e) => ({ ...e, fieldsV1: prunedTo(after.kind, differenceOf(e.fieldsV1, changed), '', after) }));
  const own = prunedTo(after.kind, unionOf(mine?.fieldsV1 ?? {}, changed), '', after);
  return {
    ...after,
    metadata: { ...after.metadata, managedFields: withoutEmpty([...others, entryOf(writer, 'Update', after.apiVersion, own)]) },
  };
};
