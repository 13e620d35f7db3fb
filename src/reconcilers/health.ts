/** What the status of objects in a customer's cluster says of whoever needs them. */
import type { KubernetesObject } from '../seeds/kinds.ts';

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
}

/** All that `healthOf` looks at, as text: when it stays, so does the health. */
export const healthState = (object: KubernetesObject): string => {
  const { metadata, status } = object as unknown as Live;
  const { conditions, ...counts } = status ?? {};
  const told = conditions?.filter(({ type }) => type === 'Available' || type === 'Established').map((c) => [c.type, c.status]);
  return JSON.stringify([metadata.generation, counts, told]);
};

/** Kinds whose status says whether they work, and the condition that says it. */
const BY_CONDITION: Record<string, string> = { APIService: 'Available', CustomResourceDefinition: 'Established' };

export const hasHealth = ({ kind }: { kind: string }): boolean => kind === 'Deployment' || kind === 'DaemonSet' || kind in BY_CONDITION;

/** `undefined`: it is not there. `readyNodes`: as many pods of a DaemonSet as this can be expected. */
export const healthOf = (name: string, object: KubernetesObject | undefined, readyNodes: number): Health => {
  if (object === undefined) return { ok: false, message: `${name} to be made` };
  const { metadata, spec, status = {} } = object as unknown as Live;
  const wantedCondition = BY_CONDITION[object.kind];
  if (wantedCondition !== undefined) return byCondition(name, wantedCondition, status);
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 1)) return { ok: false, message: `${name} to be seen by its controller` };
  const daemon = object.kind === 'DaemonSet';
  const wanted = daemon ? (status.desiredNumberScheduled ?? 0) : (spec?.replicas ?? 1);
  const ready = daemon ? (status.numberReady ?? 0) : (status.readyReplicas ?? 0);
  const updated = daemon ? (status.updatedNumberScheduled ?? 0) : (status.updatedReplicas ?? 0);
  // A Deployment may lack as many pods as its roll-out may take away; Kubernetes says when it lacks more.
  const enough = daemon ? ready >= Math.min(wanted, readyNodes) : isAvailable(status);
  const rolledOut = daemon ? updated >= Math.min(wanted, readyNodes) : updated >= wanted && (status.replicas ?? 0) <= wanted;
  if (enough && rolledOut && ready >= wanted) return { ok: true, message: '' };
  if (enough && rolledOut) return { ok: true, message: `${ready} of ${wanted} pods of ${name} are ready` };
  return {
    ok: false,
    message: `${wanted === 1 ? 'the pod' : `${wanted} pods`} of ${name} to be ready${ready > 0 ? `, ${ready} are` : ''}`,
  };
};

const byCondition = (name: string, type: string, { conditions }: NonNullable<Live['status']>): Health => {
  const found = conditions?.find((c) => c.type === type);
  if (found?.status === 'True') return { ok: true, message: '' };
  return { ok: false, message: `${name} to be ${type.toLowerCase()}${found?.message ? `: ${found.message.slice(0, 300)}` : ''}` };
};

const isAvailable = ({ conditions }: NonNullable<Live['status']>): boolean =>
  conditions?.some((c) => c.type === 'Available' && c.status === 'True') === true;
