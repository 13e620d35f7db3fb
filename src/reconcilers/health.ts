/** What the status of Deployments and DaemonSets in a customer's cluster says of whoever needs them. */
import type { KubernetesObject } from '../seeds/kinds.ts';

interface Live {
  metadata: { generation?: number };
  spec?: { replicas?: number };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    readyReplicas?: number;
    conditions?: { type: string; status: string }[];
    desiredNumberScheduled?: number;
    updatedNumberScheduled?: number;
    numberReady?: number;
  };
}

export interface Health {
  ok: boolean;
  /** Such as "1 of 2 pods of coredns are ready"; empty when there is nothing to say. */
  message: string;
}

/** All that `healthOf` looks at, as text: when it stays, so does the health. */
export const healthState = (object: KubernetesObject): string => {
  const { metadata, status } = object as unknown as Live;
  const { conditions, ...counts } = status ?? {};
  return JSON.stringify([metadata.generation, counts, conditions?.find((c) => c.type === 'Available')?.status]);
};

/** `undefined`: it is not there. `readyNodes`: as many pods of a DaemonSet as this can be expected. */
export const healthOf = (name: string, object: KubernetesObject | undefined, readyNodes: number): Health => {
  if (object === undefined) return { ok: false, message: `${name} to be made` };
  const { metadata, spec, status = {} } = object as unknown as Live;
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 1)) return { ok: false, message: `${name} to be seen by its controller` };
  const daemon = object.kind === 'DaemonSet';
  const wanted = daemon ? (status.desiredNumberScheduled ?? 0) : (spec?.replicas ?? 1);
  const ready = daemon ? (status.numberReady ?? 0) : (status.readyReplicas ?? 0);
  const updated = daemon ? (status.updatedNumberScheduled ?? 0) : (status.updatedReplicas ?? 0);
  // A Deployment may lack as many pods as its roll-out may take away; Kubernetes says when it lacks more.
  const enough = daemon ? ready >= Math.min(wanted, readyNodes) : isAvailable(status);
  const rolledOut = daemon ? updated >= Math.min(wanted, readyNodes) : updated >= wanted && (status.replicas ?? 0) <= wanted;
  if (enough && rolledOut && ready >= wanted) return { ok: true, message: '' };
  return { ok: enough && rolledOut, message: `${ready} of ${wanted} pods of ${name} are ready` };
};

const isAvailable = ({ conditions }: NonNullable<Live['status']>): boolean =>
  conditions?.some((c) => c.type === 'Available' && c.status === 'True') === true;
