/** What the seed says of a Service, Deployment or StatefulSet: what is kept of it, and what it means. */
import { z } from 'zod';
import { Conflict, UserError } from '../domain/errors.ts';
import type { Kubernetes } from '../seeds/connection.ts';
import type { KubernetesObject } from '../seeds/kinds.ts';
import { versionedMetadata } from '../seeds/versions.ts';

const count = z.int().optional();
const shape = z.looseObject({
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional(), labels: z.record(z.string(), z.string()).nullish() }),
  spec: z.looseObject({ ports: z.array(z.looseObject({ nodePort: count })).optional() }).nullish(),
  status: z
    .looseObject({
      observedGeneration: count,
      readyReplicas: count,
      updatedReplicas: count,
      loadBalancer: z
        .looseObject({ ingress: z.array(z.looseObject({ ip: z.string().optional(), hostname: z.string().optional() })).optional() })
        .nullish(),
    })
    .nullish(),
});

/** Thousands of these are kept: only what passes read. One that is not as its kind ought to be is kept as such, for its own cluster to tell. */
export const trimmed = (object: KubernetesObject): KubernetesObject => {
  const read = shape.safeParse(object);
  const rest = read.success
    ? { ...(object.kind === 'Service' && { spec: object.spec }), status: object.status }
    : { unreadable: read.error.issues[0]?.path.join('.') ?? '' };
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: versionedMetadata(object.metadata),
    ...rest,
  } as KubernetesObject;
};

/** The object itself. @throws UserError SEED_REFUSED when the seed shows it in a form that cannot be read. */
export const readable = <T extends KubernetesObject | undefined>(object: T): T => {
  if (object?.unreadable === undefined) return object;
  throw new UserError(
    'SEED_REFUSED',
    `The seed shows ${object.kind} ${object.metadata.name} with ${object.unreadable} in a form that cannot be read; delete that object in the seed, and it is made anew.`,
    { whoMustAct: 'CLOUD_ADMIN' },
  );
};

/** Labels as a list asks for them: "a=b,c=d". */
export const selectorText = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

/** Makes what has a name of its own; what is there already is left as it is. */
export const createOnce = async (kube: Kubernetes, object: KubernetesObject): Promise<void> => {
  try {
    await kube.create(object);
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
  }
};

interface Workload {
  metadata: { generation?: number };
  status?: { observedGeneration?: number; readyReplicas?: number; updatedReplicas?: number };
}

/** Ready pods of the newest form; 0 while the controller has not seen the last change. @throws as `readable`. */
export const readyReplicas = (object: KubernetesObject | undefined): number => {
  const { metadata, status } = (readable(object) ?? { metadata: {} }) as unknown as Workload;
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 1)) return 0;
  return Math.min(status?.readyReplicas ?? 0, status?.updatedReplicas ?? status?.readyReplicas ?? 0);
};

export interface Job extends KubernetesObject {
  metadata: KubernetesObject['metadata'] & { uid: string };
  spec: { template: { spec: { initContainers?: { name: string }[]; containers: { name: string; image?: string }[] } } };
}

export const listPodsOfJob = async (kube: Kubernetes, { metadata: { uid, namespace = '' } }: Job): Promise<KubernetesObject[]> =>
  (await kube.list({ apiVersion: 'v1', kind: 'Pod', namespace, labelSelector: `batch.kubernetes.io/controller-uid=${uid}` })).items;

/** What each container of a Job's pods has said until now, by its name. */
export const wordsOfJob = async (kube: Kubernetes, job: Job, known?: readonly KubernetesObject[]): Promise<Record<string, string>> => {
  const {
    metadata: { namespace = '' },
    spec,
  } = job;
  const pods = known ?? (await listPodsOfJob(kube, job));
  const said: Record<string, string> = {};
  const { initContainers = [], containers } = spec.template.spec;
  for (const container of [...initContainers, ...containers]) {
    const texts = await Promise.all(pods.map(({ metadata }) => kube.log({ namespace, name: metadata.name }, container.name)));
    said[container.name] = texts.join('');
  }
  return said;
};

interface JobStatus {
  conditions?: { type: string; status: string; lastTransitionTime?: string }[];
}

/** How and when a Job ended; undefined while it has not. */
export const endOf = (job: KubernetesObject): { good: boolean; atMs: number } | undefined => {
  const { conditions = [] } = (job.status ?? {}) as JobStatus;
  const end = conditions.find(({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'));
  return end === undefined ? undefined : { good: end.type === 'Complete', atMs: Date.parse(end.lastTransitionTime ?? '') || 0 };
};
