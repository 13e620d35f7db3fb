/** Brings a set of objects into a cluster and keeps them so: writes only what changed or drifted, deletes what is no longer wanted. */
import { fingerprint } from '../lib/json.ts';
import type { Kubernetes } from './connection.ts';
import { identityOf, isCustom, type KindRef, type KubernetesObject, keyOf, type ObjectRef, refOf, refOfKey } from './kinds.ts';
import { projectOnto } from './projection.ts';
import type { Versions } from './versions.ts';

/** Kept by the caller between passes. Hashes only: no value of a Secret can be read from it. */
export interface AppliedRecord {
  /** Of what we asked for. */
  fingerprint: string;
  /** Of the server's answer, as far as it concerns what we asked for: its defaults and its way of writing quantities included. */
  observed: string;
}

/** By keyOf(ref). */
export type Ledger = Record<string, AppliedRecord>;

export interface EnsureOptions {
  /** Knows what has not changed since it was last found to be as wanted, so that it need not be read again. */
  versions?: Pick<Versions, 'unchanged' | 'changed' | 'confirm'>;
  /** 'trust': what was written is taken to be there still, unless `versions` knows better. 'full': every object is looked at, unless `versions` knows it to be unchanged. */
  look: 'trust' | 'full';
  /** What to throw in place of an error of the API on this object. */
  blame?: (object: KubernetesObject, error: unknown) => unknown;
  /** Called right after each write, so that a caller may keep it even when a later write fails. */
  onWritten?: (key: string, record: AppliedRecord) => void;
}

export interface Ensured {
  ledger: Ledger;
  /** Keys of the objects that were applied or deleted, in no order. */
  written: string[];
  /** By key, what was seen on the way: of what was not looked at, nothing. Secrets are without their data. */
  live: Map<string, KubernetesObject>;
}

interface Desired {
  object: KubernetesObject;
  /** Its fingerprint. */
  wanted: string;
}

/** Kinds of which the API server lets nothing that matters be changed. */
const REPLACED: ReadonlySet<string> = new Set(['storage.k8s.io/v1/StorageClass', 'batch/v1/Job']);
const PARALLEL = 6;
/** From this many objects of a kind in a namespace, one LIST is cheaper than a GET for each. */
const LIST_FROM = 3;
/** Applied first to last, deleted last to first: a pod that finds its secret missing waits for the kubelet's next try. */
const TIERS: readonly (readonly string[])[] = [
  ['Namespace', 'CustomResourceDefinition', 'PriorityClass', 'StorageClass'],
  [],
  ['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'Pod'],
  // What other requests depend on, once it is there.
  ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration', 'APIService'],
];
/** Of what no kind stands in TIERS for. */
const USUAL_TIER = 1;
/** Of kinds that the cluster's own definitions bring: whoever sees to their objects comes before them, and goes after them. */
const CUSTOM_TIER = 3;

/** `objects` must not be changed afterwards. Throws the first failure of the API, when the calls under way have ended; what was written by then is repeated harmlessly next time. */
export const ensureObjects = async (
  k: Kubernetes,
  objects: readonly KubernetesObject[],
  ledger: Ledger,
  options: EnsureOptions,
): Promise<Ensured> => {
  const desired = new Map(objects.map((object) => [keyOf(refOf(object)), desiredOf(object)]));
  const live = await lookAt(k, desired, ledger, options);
  const next: Ledger = {};
  const written: string[] = [];
  const ensureOne = async ([key, { object, wanted }]: [string, Desired]): Promise<void> => {
    const record = ledger[key];
    const seen = live.get(key);
    if (record?.fingerprint === wanted && (believed(object, options) || observedOf(object, seen) === record.observed)) {
      next[key] = record;
      if (seen !== undefined) options.versions?.confirm(seen);
      return;
    }
    // What cannot be changed is made anew; what was made with it stays as it is.
    if (record !== undefined && record.fingerprint !== wanted && REPLACED.has(`${object.apiVersion}/${object.kind}`))
      await k.remove(refOf(object));
    const answer = await k.apply(object).catch((error: unknown) => {
      throw options.blame?.(object, error) ?? error;
    });
    options.versions?.confirm(answer);
    const fresh = { fingerprint: wanted, observed: observedOf(object, answer) };
    next[key] = fresh;
    live.set(key, answer);
    written.push(key);
    options.onWritten?.(key, fresh);
  };
  const tiers = TIERS.map((_, tier) => [...desired].filter(([, { object }]) => tierOf(object) === tier));
  for (const tier of tiers) await inParallel(tier, ensureOne);
  const pruned = await pruneObjects(k, ledger, new Set(desired.keys()));
  return {
    ledger: next,
    written: [...written, ...pruned.removed],
    live: new Map([...live].map(([key, object]) => [key, withoutSecrets(object)])),
  };
};

/**
 * Deletes what the ledger has and `keep` (keys) has not. An object that is wanted under another version of its group stays.
 * Returns the ledger that is left and the keys that went.
 */
export const pruneObjects = async (
  k: Kubernetes,
  ledger: Ledger,
  keep: ReadonlySet<string>,
): Promise<{ ledger: Ledger; removed: string[] }> => {
  const kept = new Set([...keep].map((key) => identityOf(refOfKey(key))));
  const gone = Object.keys(ledger).filter((key) => !keep.has(key));
  const doomed = gone.map(refOfKey).filter((ref) => !kept.has(identityOf(ref)));
  for (const tier of TIERS.map((_, index) => TIERS.length - 1 - index)) {
    await inParallel(
      doomed.filter((ref) => tierOf(ref) === tier),
      (ref) => k.remove(ref),
    );
  }
  return { ledger: Object.fromEntries(Object.entries(ledger).filter(([key]) => keep.has(key))), removed: doomed.map(keyOf) };
};

/** Runs `work` on each item, a few at a time; after a failure no further one starts, and the first failure is thrown at the end. */
const inParallel = async <T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> => {
  const queue = [...items];
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined && failures.length === 0; item = queue.shift()) {
      await work(item).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, queue.length) }, lane));
  if (failures.length > 0) throw failures[0];
};

const believed = (object: KubernetesObject, { look, versions }: EnsureOptions): boolean =>
  look === 'trust' ? versions?.changed(refOf(object)) !== true : versions?.unchanged(refOf(object)) === true;

/** The live objects a pass needs to see, by few requests. */
const lookAt = async (
  k: Kubernetes,
  desired: ReadonlyMap<string, Desired>,
  ledger: Ledger,
  options: EnsureOptions,
): Promise<Map<string, KubernetesObject>> => {
  const seen = new Map<string, KubernetesObject>();
  const unseen = new Map<string, ObjectRef[]>();
  for (const [key, { object, wanted }] of desired) {
    const ref = refOf(object);
    // An object we never wrote, or would write otherwise now, is applied whatever is there.
    if (ledger[key]?.fingerprint === wanted && !believed(object, options)) {
      const group = `${ref.apiVersion}/${ref.kind}/${ref.namespace ?? ''}`;
      unseen.set(group, [...(unseen.get(group) ?? []), ref]);
    }
  }
  await inParallel([...unseen.values()], async (refs) => {
    for (const object of await readTogether(k, refs)) {
      const key = keyOf(refOf(object));
      if (desired.has(key)) seen.set(key, object);
    }
  });
  return seen;
};

const readTogether = async (k: Kubernetes, refs: readonly ObjectRef[]): Promise<KubernetesObject[]> => {
  const [first] = refs;
  // All namespaces, or all cluster roles of a tenant, are never listed for the sake of a few.
  if (first?.namespace !== undefined && refs.length >= LIST_FROM) {
    return (await k.list({ apiVersion: first.apiVersion, kind: first.kind, namespace: first.namespace })).items;
  }
  const found: KubernetesObject[] = [];
  await inParallel(refs, async (ref) => {
    const object = await k.get(ref);
    if (object) found.push(object);
  });
  return found;
};

const observedOf = (desired: KubernetesObject, live: KubernetesObject | undefined): string =>
  live ? fingerprint(projectOnto(desired, live)) : '';

/** Of objects that are wanted again and again as the same value. */
const asked = new WeakMap<KubernetesObject, Desired>();

const desiredOf = (wish: KubernetesObject): Desired => {
  const known = asked.get(wish);
  if (known !== undefined) return known;
  const object = normalised(wish);
  const desired = { object, wanted: fingerprint(object) };
  asked.set(wish, desired);
  return desired;
};

/** The API turns stringData into data and forgets it: asked for as data, it can be compared. */
const normalised = (object: KubernetesObject): KubernetesObject => {
  const { stringData, ...rest } = object;
  if (object.kind !== 'Secret' || stringData === undefined) return object;
  const encoded = Object.entries(stringData as Record<string, string>).map(([key, text]) => [
    key,
    Buffer.from(text, 'utf8').toString('base64'),
  ]);
  return { ...rest, data: { ...(rest.data as object | undefined), ...Object.fromEntries(encoded) } };
};

const withoutSecrets = (object: KubernetesObject): KubernetesObject => {
  if (object.kind !== 'Secret') return object;
  const { data: _data, stringData: _stringData, ...rest } = object;
  return rest;
};

const tierOf = (ref: KindRef): number => {
  const found = TIERS.findIndex((kinds) => kinds.includes(ref.kind));
  if (isCustom(ref)) return CUSTOM_TIER;
  return found === -1 ? USUAL_TIER : found;
};
