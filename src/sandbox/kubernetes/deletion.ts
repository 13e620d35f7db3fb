/** Deletion: preconditions, finalizers, grace for pods, namespaces that terminate, and dependents by owner reference. */
import { type Cluster, writeBack } from './cluster.ts';
import { customKinds } from './customKinds.ts';
import { type Kind, kinds, NAMESPACE, POD } from './kinds.ts';
import { at, type Dict, dict, isDict, type KubeObject, namespaceOf, number, spec, status, text, timestamp } from './objects.ts';
import { getObject } from './resources.ts';
import { conflict } from './statusError.ts';

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';

const checkPreconditions = (kind: Kind, object: KubeObject, options: Dict): void => {
  const { uid, resourceVersion } = dict(options.preconditions);
  if (uid !== undefined && uid !== object.metadata.uid)
    throw conflict(
      kind,
      object.metadata.name,
      `Precondition failed: UID in precondition: ${text(uid)}, UID in object meta: ${object.metadata.uid}`,
    );
  if (resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion)
    throw conflict(kind, object.metadata.name, 'Precondition failed: resourceVersion does not match');
};

const marked = (cluster: Cluster, object: KubeObject, graceSeconds: number, finalizers: string[]): KubeObject => ({
  ...object,
  metadata: {
    ...object.metadata,
    deletionTimestamp: object.metadata.deletionTimestamp ?? timestamp(cluster.now() + graceSeconds * 1000),
    deletionGracePeriodSeconds: graceSeconds,
    ...(finalizers.length > 0 ? { finalizers } : {}),
  },
});

/** A pod that a node runs is only marked; the node's kubelet removes it once its containers have stopped. */
const needsKubelet = (pod: KubeObject, grace: number): boolean =>
  grace > 0 && text(spec(pod).nodeName) !== '' && status(pod).phase !== 'Succeeded' && status(pod).phase !== 'Failed';

/** Deletes an object as the API would. Returns it as it is left behind, and whether it is gone already. */
export const deleteObject = (
  cluster: Cluster,
  kind: Kind,
  namespace: string,
  name: string,
  options: Dict,
): { object: KubeObject; gone: boolean } => {
  const object = getObject(cluster, kind, namespace, name);
  checkPreconditions(kind, object, options);
  if (Array.isArray(options.dryRun)) return { object, gone: true };
  const policy = options.propagationPolicy;
  const finalizers = [
    ...(object.metadata.finalizers ?? []),
    ...(policy === 'Foreground' ? [FOREGROUND] : policy === 'Orphan' ? [ORPHAN] : []),
  ];
  const unique = [...new Set(finalizers)];
  if (kind === NAMESPACE) {
    if (object.metadata.deletionTimestamp) return { object, gone: false };
    const terminating = { ...marked(cluster, object, 0, unique), status: { ...status(object), phase: 'Terminating' } };
    return { object: cluster.store.put(kind, terminating), gone: false };
  }
  const grace = kind === POD ? number(options.gracePeriodSeconds, number(spec(object).terminationGracePeriodSeconds, 30)) : 0;
  if (unique.length > 0 || (kind === POD && needsKubelet(object, grace))) {
    if (object.metadata.deletionTimestamp && unique.length === (object.metadata.finalizers ?? []).length) return { object, gone: false };
    return { object: cluster.store.put(kind, marked(cluster, object, grace, unique)), gone: false };
  }
  return { object: cluster.store.remove(kind, namespace, name) ?? object, gone: true };
};

/** Deletion by the sandbox's own controllers: no error when it is gone. */
export const removeQuietly = (cluster: Cluster, kind: Kind, object: KubeObject, options: Dict = {}): void => {
  if (cluster.store.get(kind, namespaceOf(object), object.metadata.name)?.metadata.uid === object.metadata.uid) {
    deleteObject(cluster, kind, namespaceOf(object), object.metadata.name, options);
  }
};

const stored = kinds.filter((k) => !k.virtual && k.group !== 'events.k8s.io');

/**
 * Keeps the promise of owner references and terminating namespaces for one cluster. It reacts to deletions only:
 * an index of dependents by owner uid makes each reaction as cheap as it has dependents.
 */
export const startGarbageCollector = (cluster: Cluster): (() => void) => {
  const dependents = new Map<string, Map<string, { kind: Kind; namespace: string; name: string }>>();
  const note = (kind: Kind, object: KubeObject, add: boolean): void => {
    for (const owner of object.metadata.ownerReferences ?? []) {
      const known = dependents.get(owner.uid) ?? new Map();
      if (add) known.set(object.metadata.uid, { kind, namespace: namespaceOf(object), name: object.metadata.name });
      else known.delete(object.metadata.uid);
      if (known.size > 0) dependents.set(owner.uid, known);
      else dependents.delete(owner.uid);
    }
  };
  for (const kind of stored) for (const object of cluster.store.list(kind)) if (object.metadata.ownerReferences) note(kind, object, true);

  const dependentsOf = (uid: string): { kind: Kind; object: KubeObject }[] =>
    [...(dependents.get(uid)?.values() ?? [])].flatMap(({ kind, namespace, name }) => {
      const object = cluster.store.get(kind, namespace, name);
      return object ? [{ kind, object }] : [];
    });
  const orphan = (kind: Kind, object: KubeObject, uid: string): void => {
    const left = object.metadata.ownerReferences?.filter((o) => o.uid !== uid) ?? [];
    const { ownerReferences: _old, ...metadata } = object.metadata;
    cluster.store.put(kind, { ...object, metadata: left.length > 0 ? { ...metadata, ownerReferences: left } : metadata });
  };
  const collect = (owner: KubeObject): void => {
    for (const { kind, object } of dependentsOf(owner.metadata.uid)) {
      if ((object.metadata.ownerReferences?.length ?? 0) > 1) orphan(kind, object, owner.metadata.uid);
      else removeQuietly(cluster, kind, object);
    }
  };
  const release = (kind: Kind, object: KubeObject, finalizer: string): void => {
    const finalizers = object.metadata.finalizers?.filter((f) => f !== finalizer) ?? [];
    if (finalizers.length === 0) cluster.store.remove(kind, namespaceOf(object), object.metadata.name);
    else writeBack(cluster, kind, { ...object, metadata: { ...object.metadata, finalizers } });
  };
  const finish = (kind: Kind, object: KubeObject): void => {
    const finalizers = object.metadata.finalizers ?? [];
    if (finalizers.includes(ORPHAN)) {
      for (const d of dependentsOf(object.metadata.uid)) orphan(d.kind, d.object, object.metadata.uid);
      release(kind, object, ORPHAN);
    } else if (finalizers.includes(FOREGROUND)) {
      collect(object);
      if (dependentsOf(object.metadata.uid).length === 0) release(kind, object, FOREGROUND);
    }
  };
  return cluster.store.subscribe(({ type, kind, object, previous }) => {
    if (previous) note(kind, previous, false);
    if (type !== 'DELETED') note(kind, object, true);
    // Answering a change inside its own notification would let later listeners see the effects before the cause.
    if (type === 'DELETED') setImmediate(afterDelete, object);
    else if (object.metadata.deletionTimestamp && object.metadata.finalizers) setImmediate(() => again(kind, object));
  });

  function again(kind: Kind, object: KubeObject): void {
    const live = cluster.store.get(kind, namespaceOf(object), object.metadata.name);
    if (live?.metadata.deletionTimestamp) finish(kind, live);
  }
  function afterDelete(object: KubeObject): void {
    if (dependents.has(object.metadata.uid)) collect(object);
    for (const owner of object.metadata.ownerReferences ?? []) {
      const kind = stored.find((k) => k.kind === owner.kind);
      const live = kind && cluster.store.get(kind, kind.namespaced ? namespaceOf(object) : '', owner.name);
      if (kind && live?.metadata.deletionTimestamp) finish(kind, live);
    }
  }
};

/** Deletes what a terminating namespace holds; removes the namespace once it is empty. Call again after each change in it. */
export const sweepNamespace = (cluster: Cluster, name: string): 'gone' | 'waiting' => {
  const namespace = cluster.store.get(NAMESPACE, '', name);
  if (!namespace?.metadata.deletionTimestamp) return 'gone';
  let left = 0;
  for (const kind of [...stored, ...customKinds(cluster.store)]) {
    if (!kind.namespaced) continue;
    for (const object of cluster.store.list(kind, name)) {
      if (!object.metadata.deletionTimestamp) deleteObject(cluster, kind, name, object.metadata.name, {});
      if (cluster.store.get(kind, name, object.metadata.name)) left += 1;
    }
  }
  if (left > 0) return 'waiting';
  const finalizers = at(namespace, 'spec', 'finalizers');
  const { finalizers: _f, ...rest } = spec(namespace);
  if (Array.isArray(finalizers) && isDict(namespace.spec)) cluster.store.put(NAMESPACE, { ...namespace, spec: rest });
  if ((namespace.metadata.finalizers ?? []).length > 0) return 'waiting';
  cluster.store.remove(NAMESPACE, '', name);
  return 'gone';
};
