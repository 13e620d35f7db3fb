/** What all workload controllers share: finding, counting and making the pods of an owner. */
import { createHash } from 'node:crypto';
import type { Cluster, User } from '../cluster.ts';
import { removeQuietly } from '../deletion.ts';
import { type Kind, POD } from '../kinds.ts';
import {
  conditionStatus,
  controllerOf,
  type Dict,
  dict,
  type KubeObject,
  namespaceOf,
  ownerReference,
  sameJson,
  spec,
  status,
  text,
} from '../objects.ts';
import { createObject } from '../resources.ts';
import { StatusError } from '../statusError.ts';
import { recordEvent } from './events.ts';

const SYSTEM: User = { name: 'system:kube-controller-manager', groups: ['system:masters'] };
export const systemContext = () => ({ user: SYSTEM, manager: undefined, subresource: undefined, dryRun: false, warnings: [] as string[] });

export const isReady = (pod: KubeObject): boolean => conditionStatus(pod, 'Ready') === 'True' && !pod.metadata.deletionTimestamp;
export const isActive = (pod: KubeObject): boolean =>
  !pod.metadata.deletionTimestamp && status(pod).phase !== 'Succeeded' && status(pod).phase !== 'Failed';

export const ownedBy = (cluster: Cluster, kind: Kind, owner: KubeObject): KubeObject[] =>
  cluster.store.list(kind, namespaceOf(owner)).filter((o) => controllerOf(o)?.uid === owner.metadata.uid);

export const ownedPods = (cluster: Cluster, owner: KubeObject): KubeObject[] => ownedBy(cluster, POD, owner);

/** A short name for a pod template, equal for equal templates. */
export const templateHash = (template: unknown): string => createHash('sha1').update(JSON.stringify(template)).digest('hex').slice(0, 10);

/** A pod from an owner's template. A refusal becomes an event on the owner, as it does in life, and undefined here. */
export const createPod = (
  cluster: Cluster,
  owner: KubeObject,
  extra: { name?: string; labels?: Record<string, string>; spec?: Dict; component: string },
): KubeObject | undefined => {
  const template = dict(spec(owner).template);
  const metadata = dict(template.metadata);
  const pod = {
    metadata: {
      ...(extra.name ? { name: extra.name } : { generateName: `${owner.metadata.name}-` }),
      labels: { ...dict(metadata.labels), ...extra.labels },
      ...(metadata.annotations ? { annotations: metadata.annotations } : {}),
      ownerReferences: [ownerReference(owner)],
    },
    spec: { ...dict(template.spec), ...extra.spec },
  };
  try {
    const made = createObject(cluster, POD, namespaceOf(owner), pod, systemContext());
    recordEvent(cluster, owner, {
      type: 'Normal',
      reason: 'SuccessfulCreate',
      message: `Created pod: ${made.metadata.name}`,
      component: extra.component,
    });
    return made;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    recordEvent(cluster, owner, {
      type: 'Warning',
      reason: 'FailedCreate',
      message: `Error creating: ${error.message}`,
      component: extra.component,
    });
    return undefined;
  }
};

export const deletePod = (cluster: Cluster, pod: KubeObject): void => {
  if (!pod.metadata.deletionTimestamp) removeQuietly(cluster, POD, pod);
};

/** Writes a status only where it says something new. */
export const putStatus = (cluster: Cluster, kind: Kind, object: KubeObject, next: Dict): void => {
  const live = cluster.store.get(kind, namespaceOf(object), object.metadata.name);
  if (live?.metadata.uid !== object.metadata.uid || sameJson(live.status, next)) return;
  cluster.store.put(kind, { ...live, status: next });
};

/** An absolute number out of 3 or "25%" of `total`. */
export const portion = (value: unknown, total: number, roundUp: boolean): number => {
  if (typeof value === 'number') return value;
  const share = (Number.parseFloat(text(value)) / 100) * total;
  return roundUp ? Math.ceil(share) : Math.floor(share);
};

/** Pods to delete first: not ready ones, then the youngest. */
export const byExpendability = (a: KubeObject, b: KubeObject): number =>
  Number(isReady(a)) - Number(isReady(b)) || Number(b.metadata.resourceVersion) - Number(a.metadata.resourceVersion);
