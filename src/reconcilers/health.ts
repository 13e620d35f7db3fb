/** What the status of objects in a customer's cluster says of whoever needs them. */
import { isCustom, type KindRef, type KubernetesObject } from '../seeds/kinds.ts';

interface Live {
  metadata: { generation?: number };
  spec?: { replicas?: number };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    readyReplicas?: number;
    conditions?: { type: string; status: string; message?: string }[];
    desiredNumberScheduled?: number;
    updatedNumberScheduled?: number;
    numberReady?: number;
  };
}

export interface Health {
  ok: boolean;
  /** Such as "1 of 2 pods of coredns are ready", or what is waited for, "2 pods of coredns to be ready"; empty when there is nothing to say. */
  message: string;
  /** It will not come to be by itself. */
  failed?: true;
}

/** All that `healthOf` looks at, as text: when it stays, so does the health. */
export const healthState = (object: KubernetesObject): string => {
  const { metadata, status } = object as unknown as Live;
  const { conditions, ...counts } = status ?? {};
  const told = conditions?.filter(({ type }) => TELLING.has(type)).map((c) => [c.type, c.status]);
  return JSON.stringify([metadata.generation, counts, told]);
};

const TELLING: ReadonlySet<string> = new Set(['Available', 'Established', 'Complete', 'Failed']);

/** Kinds whose status says whether they work, and the condition that says it. */
const BY_CONDITION: Record<string, string> = { APIService: 'Available', CustomResourceDefinition: 'Established' };

const WORKLOADS: ReadonlySet<string> = new Set(['Deployment', 'DaemonSet', 'StatefulSet']);

/** Of a kind that a cluster's own definitions bring, nobody knows what its status says, whatever its name is. */
export const hasHealth = (ref: KindRef): boolean =>
  !isCustom(ref) && (WORKLOADS.has(ref.kind) || ref.kind === 'Job' || ref.kind in BY_CONDITION);

/** `undefined`: it is not there. `readyNodes`: as many pods of a DaemonSet as this can be expected. */
export const healthOf = (name: string, object: KubernetesObject | undefined, readyNodes: number): Health => {
  if (object === undefined) return { ok: false, message: `${name} to be made` };
  const { metadata, spec, status = {} } = object as unknown as Live;
  const wantedCondition = BY_CONDITION[object.kind];
  if (wantedCondition !== undefined) return byCondition(name, wantedCondition, status);
  if (object.kind === 'Job') return jobHealth(name, status);
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 1)) return { ok: false, message: `${name} to be seen by its controller` };
  const daemon = object.kind === 'DaemonSet';
  const wanted = daemon ? (status.desiredNumberScheduled ?? 0) : (spec?.replicas ?? 1);
  const ready = daemon ? (status.numberReady ?? 0) : (status.readyReplicas ?? 0);
  const updated = daemon ? (status.updatedNumberScheduled ?? 0) : (status.updatedReplicas ?? 0);
  // Of a StatefulSet all pods are to be ready; which of them are of the newest form may be its owner's choice.
  if (object.kind === 'StatefulSet') return ready >= wanted ? { ok: true, message: '' } : missing(ready, wanted, name);
  // A Deployment may lack as many pods as its roll-out may take away; Kubernetes says when it lacks more.
  const enough = daemon ? ready >= Math.min(wanted, readyNodes) : isAvailable(status);
  const rolledOut = daemon ? updated >= Math.min(wanted, readyNodes) : updated >= wanted && (status.replicas ?? 0) <= wanted;
  if (enough && rolledOut && ready >= wanted) return { ok: true, message: '' };
  if (enough && rolledOut) return { ok: true, message: `${ready} of ${wanted} pods of ${name} are ready` };
  return missing(ready, wanted, name);
};

const missing = (ready: number, wanted: number, name: string): Health => ({
  ok: false,
  message: `${wanted === 1 ? 'the pod' : `${wanted} pods`} of ${name} to be ready${ready > 0 ? `, ${ready} are` : ''}`,
});

const jobHealth = (name: string, { conditions }: NonNullable<Live['status']>): Health => {
  const end = conditions?.find(({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'));
  if (end?.type === 'Complete') return { ok: true, message: '' };
  if (end === undefined) return { ok: false, message: `${name} to be complete` };
  return { ok: false, failed: true, message: `${name} has failed${end.message ? `: ${end.message.slice(0, 300)}` : ''}` };
};

const byCondition = (name: string, type: string, { conditions }: NonNullable<Live['status']>): Health => {
  const found = conditions?.find((c) => c.type === type);
  if (found?.status === 'True') return { ok: true, message: '' };
  return { ok: false, message: `${name} to be ${type.toLowerCase()}${found?.message ? `: ${found.message.slice(0, 300)}` : ''}` };
};

const isAvailable = ({ conditions }: NonNullable<Live['status']>): boolean =>
  conditions?.some((c) => c.type === 'Available' && c.status === 'True') === true;
