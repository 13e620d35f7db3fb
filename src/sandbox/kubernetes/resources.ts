/** Create, replace, patch and apply on a cluster's objects, with everything that holds for all kinds. */
import { hasGeneration, podSecurityWarning, prepareCreate, prepareUpdate, requireNamespace } from './admission.ts';
import type { Cluster, User } from './cluster.ts';
import { groupVersion, type Kind } from './kinds.ts';
import { type Dict, dict, isDict, type KubeObject, namespaceOf, sameJson, text, timestamp } from './objects.ts';
import { jsonPatch, mergePatch, strategicMergePatch } from './patches.ts';
import { applyConfiguration, recordUpdate, type Writer } from './serverSideApply.ts';
import { alreadyExists, badRequest, conflict, notFound, StatusError } from './statusError.ts';
import { validate, validateChange } from './validation.ts';

export interface WriteContext {
  user: User;
  /** The field manager; undefined for the sandbox's own controllers, whose writes own no fields. */
  manager: string | undefined;
  subresource: string | undefined;
  dryRun: boolean;
  /** Sentences for the Warning header. */
  warnings: string[];
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

const writerOf = (cluster: Cluster, context: WriteContext, manager: string): Writer => ({
  manager,
  subresource: context.subresource,
  now: timestamp(cluster.now()),
});

const checkBody = (kind: Kind, namespace: string, body: unknown): KubeObject => {
  if (!isDict(body)) throw badRequest('the object provided is unrecognized (must be of type object)');
  const [apiVersion, given] = [text(body.apiVersion) || groupVersion(kind), text(body.kind) || kind.kind];
  if (apiVersion !== groupVersion(kind) || given !== kind.kind) {
    throw badRequest(
      `the API version in the data (${apiVersion}/${given}) does not match the expected API version (${groupVersion(kind)}/${kind.kind})`,
    );
  }
  const metadata = dict(body.metadata);
  const said = text(metadata.namespace);
  if (said && said !== namespace) throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  const { namespace: _namespace, ...rest } = metadata;
  return { ...body, apiVersion, kind: kind.kind, metadata: { ...rest, ...(kind.namespaced ? { namespace } : {}) } } as KubeObject;
};

const store = (cluster: Cluster, kind: Kind, object: KubeObject, dryRun: boolean): KubeObject =>
  dryRun ? object : cluster.store.put(kind, object);

const insert = (
  cluster: Cluster,
  kind: Kind,
  given: KubeObject,
  context: WriteContext,
  owned: (made: KubeObject) => KubeObject,
): KubeObject => {
  const name = text(given.metadata.name);
  if (kind.namespaced) requireNamespace(cluster, kind, namespaceOf(given), name);
  if (!name && !given.metadata.generateName)
    throw new StatusError(422, 'Invalid', `${kind.kind} "" is invalid: metadata.name: Required value: name or generateName is required`);
  if (name && cluster.store.get(kind, namespaceOf(given), name)) throw alreadyExists(kind, name);
  const made = prepareCreate(cluster, kind, given, context.user);
  validate(kind, made);
  const warning = podSecurityWarning(cluster, made);
  if (warning) context.warnings.push(warning);
  return store(cluster, kind, owned(made), context.dryRun);
};

export const createObject = (cluster: Cluster, kind: Kind, namespace: string, body: unknown, context: WriteContext): KubeObject => {
  const given = checkBody(kind, namespace, body);
  const { manager } = context;
  return insert(cluster, kind, given, context, (made) =>
    manager === undefined ? made : recordUpdate(undefined, made, writerOf(cluster, context, manager)),
  );
};

const SERVER_FIELDS = [
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'generation',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'name',
  'namespace',
] as const;

/** The new object with what only the server may change taken from the old one, and status or spec by subresource. */
const merged = (kind: Kind, before: KubeObject, given: KubeObject, subresource: string | undefined): KubeObject => {
  const fixed = Object.fromEntries(SERVER_FIELDS.map((f) => [f, before.metadata[f]]).filter(([, v]) => v !== undefined));
  const { selfLink: _selfLink, ...rest } = Object.fromEntries(
    Object.entries(given.metadata).filter(([k]) => !SERVER_FIELDS.some((f) => f === k)),
  ) as Dict;
  const metadata = { ...rest, ...fixed } as unknown as KubeObject['metadata'];
  if (subresource === 'status' || subresource === 'approval')
    return {
      ...before,
      ...(given.status === undefined ? {} : { status: given.status }),
      ...(kind.kind === 'Node' ? { metadata } : {}),
    };
  if (subresource === 'finalize') return { ...before, spec: given.spec };
  if (!kind.subresources.includes('status')) return { ...given, metadata };
  const { status: _status, ...body } = given;
  return { ...body, metadata, ...(before.status === undefined ? {} : { status: before.status }) } as KubeObject;
};

const checkVersion = (kind: Kind, before: KubeObject, given: KubeObject): void => {
  const { resourceVersion, uid } = given.metadata;
  if (resourceVersion && resourceVersion !== before.metadata.resourceVersion) {
    throw conflict(
      kind,
      before.metadata.name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }
  if (uid && uid !== before.metadata.uid)
    throw conflict(
      kind,
      before.metadata.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${before.metadata.uid}`,
    );
};

const withoutTimes = (object: KubeObject): Dict => ({
  ...object,
  metadata: { ...object.metadata, managedFields: object.metadata.managedFields?.map((e) => ({ ...e, time: '' })) ?? [] },
});

/** Stores a changed object; the same object again keeps its resourceVersion. */
const save = (cluster: Cluster, kind: Kind, before: KubeObject, after: KubeObject, context: WriteContext): KubeObject => {
  if (sameJson(withoutTimes(before), withoutTimes(after)) && !cluster.sealing.isStale(kind, before.metadata.uid)) return before;
  validate(kind, after);
  if (context.subresource === undefined) validateChange(kind, before, after);
  const changed = hasGeneration(kind) && !sameJson(before.spec, after.spec);
  const next = changed ? { ...after, metadata: { ...after.metadata, generation: (before.metadata.generation ?? 0) + 1 } } : after;
  if (
    next.metadata.deletionTimestamp &&
    (next.metadata.finalizers ?? []).length === 0 &&
    kind.kind !== 'Namespace' &&
    kind.kind !== 'Pod'
  ) {
    return context.dryRun ? next : (cluster.store.remove(kind, namespaceOf(next), next.metadata.name) ?? next);
  }
  const warning = changed ? podSecurityWarning(cluster, next) : undefined;
  if (warning) context.warnings.push(warning);
  return store(cluster, kind, next, context.dryRun);
};

const update = (cluster: Cluster, kind: Kind, before: KubeObject, given: KubeObject, context: WriteContext): KubeObject => {
  checkVersion(kind, before, given);
  const after = prepareUpdate(cluster, kind, before, merged(kind, before, given, context.subresource), context.user);
  const { manager } = context;
  return save(
    cluster,
    kind,
    before,
    manager === undefined ? after : recordUpdate(before, after, writerOf(cluster, context, manager)),
    context,
  );
};

export const getObject = (cluster: Cluster, kind: Kind, namespace: string, name: string): KubeObject => {
  const found = cluster.store.get(kind, namespace, name);
  if (!found) throw notFound(kind, name);
  return found;
};

export const replaceObject = (
  cluster: Cluster,
  kind: Kind,
  namespace: string,
  name: string,
  body: unknown,
  context: WriteContext,
): KubeObject => {
  const given = checkBody(kind, namespace, body);
  if (given.metadata.name !== name)
    throw badRequest(`the name of the object (${text(given.metadata.name)}) does not match the name on the URL (${name})`);
  return update(cluster, kind, getObject(cluster, kind, namespace, name), given, context);
};

const patched = (kind: Kind, type: PatchType, before: KubeObject, body: unknown): unknown => {
  if (type === 'json') return jsonPatch(before, body);
  return type === 'merge' ? mergePatch(before, body) : strategicMergePatch(kind.kind, before, body);
};

/** `force` matters for server-side apply alone, which is also the only patch that creates. */
export const patchObject = (
  cluster: Cluster,
  target: { kind: Kind; namespace: string; name: string },
  patch: { type: PatchType; body: unknown; force: boolean },
  context: WriteContext,
): { object: KubeObject; created: boolean } => {
  const { kind, namespace, name } = target;
  if (patch.type === 'apply') return applyObject(cluster, target, patch, context);
  const before = getObject(cluster, kind, namespace, name);
  const given = checkBody(kind, namespace, patched(kind, patch.type, before, patch.body));
  return { object: update(cluster, kind, before, given, context), created: false };
};

const applyObject = (
  cluster: Cluster,
  { kind, namespace, name }: { kind: Kind; namespace: string; name: string },
  patch: { body: unknown; force: boolean },
  context: WriteContext,
): { object: KubeObject; created: boolean } => {
  const { manager } = context;
  if (manager === undefined)
    throw new StatusError(
      422,
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  const given = checkBody(kind, namespace, patch.body);
  if (text(given.metadata.name) && given.metadata.name !== name)
    throw badRequest(`the name of the object (${given.metadata.name}) does not match the name on the URL (${name})`);
  if (given.metadata.managedFields) throw badRequest('metadata.managedFields must be nil');
  const writer = writerOf(cluster, context, manager);
  const named: KubeObject = { ...given, metadata: { ...given.metadata, name } };
  const before = cluster.store.get(kind, namespace, name);
  if (!before) {
    if (context.subresource) throw notFound(kind, name);
    // The empty start makes the first apply own exactly what it names, not what defaults add.
    const empty = (made: KubeObject): KubeObject => {
      const owned = applyConfiguration({ ...made, metadata: { ...made.metadata, managedFields: [] } }, named, writer, true);
      return { ...made, metadata: { ...made.metadata, managedFields: owned.metadata.managedFields ?? [] } };
    };
    return { object: insert(cluster, kind, named, context, empty), created: true };
  }
  checkVersion(kind, before, named);
  const applied = applyConfiguration(before, named, writer, patch.force);
  const body = merged(kind, before, applied, context.subresource);
  const after = prepareUpdate(
    cluster,
    kind,
    before,
    { ...body, metadata: { ...body.metadata, managedFields: applied.metadata.managedFields ?? [] } },
    context.user,
  );
  return { object: save(cluster, kind, before, after, context), created: false };
};
