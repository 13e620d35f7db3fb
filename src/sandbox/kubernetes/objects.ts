/** Kubernetes objects as plain values, and the few helpers that read fields of unknown shape without trusting them. */

export type Dict = Record<string, unknown>;

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time: string;
  fieldsType: 'FieldsV1';
  fieldsV1: Dict;
  subresource?: string;
}

export interface Metadata {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
  generation?: number;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  generateName?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFieldsEntry[];
}

/** Objects in a store are never changed in place: a write makes a new object that shares what stayed the same. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  [key: string]: unknown;
}

export const isDict = (value: unknown): value is Dict => value !== null && typeof value === 'object' && !Array.isArray(value);
export const dict = (value: unknown): Dict => (isDict(value) ? value : {});
export const array = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
export const dicts = (value: unknown): Dict[] => array(value).filter(isDict);
export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
export const texts = (value: unknown): string[] => array(value).filter((v): v is string => typeof v === 'string');
export const number = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise);

/** The value at a path of field names; undefined as soon as one is missing. */
export const at = (value: unknown, ...path: string[]): unknown => {
  let here = value;
  for (const step of path) here = isDict(here) ? here[step] : undefined;
  return here;
};

export const spec = (object: KubeObject): Dict => dict(object.spec);
export const status = (object: KubeObject): Dict => dict(object.status);
export const labelsOf = (object: KubeObject): Record<string, string> => object.metadata.labels ?? {};
export const namespaceOf = (object: KubeObject): string => object.metadata.namespace ?? '';

/** RFC 3339 in whole seconds, as Kubernetes writes times. */
export const timestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** Equality of JSON values; the order of keys does not count. */
export const sameJson = (a: unknown, b: unknown): boolean => {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((v, i) => sameJson(v, b[i]));
  if (!isDict(a) || !isDict(b)) return false;
  const keys = Object.keys(a).filter((k) => a[k] !== undefined);
  const others = Object.keys(b).filter((k) => b[k] !== undefined);
  return keys.length === others.length && keys.every((k) => sameJson(a[k], b[k]));
};

export const ownerReference = (owner: KubeObject): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
});

export const controllerOf = (object: KubeObject): OwnerReference | undefined => object.metadata.ownerReferences?.find((o) => o.controller);

const jsonTexts = new WeakMap<object, string>();

/** The object's JSON, made once: one change goes to many watchers, and objects never change in place. */
export const jsonOf = (object: KubeObject): string => {
  const known = jsonTexts.get(object);
  if (known !== undefined) return known;
  const made = JSON.stringify(object);
  jsonTexts.set(object, made);
  return made;
};

/** A condition with its transition time kept when the status stays the same. */
export const withCondition = (
  conditions: unknown,
  next: { type: string; status: 'True' | 'False' | 'Unknown'; reason?: string; message?: string },
  now: string,
): Dict[] => {
  const old = dicts(conditions);
  const found = old.find((c) => c.type === next.type);
  const made = { ...next, lastTransitionTime: found?.status === next.status ? (found.lastTransitionTime ?? now) : now };
  return found ? old.map((c) => (c === found ? { ...found, ...made } : c)) : [...old, made];
};

export const conditionStatus = (object: KubeObject, type: string): string =>
  text(dicts(status(object).conditions).find((c) => c.type === type)?.status);
