/**
 * A cluster that begins as another's backup has it knows that one's machines, volumes, load balancers and tokens. They are taken out of it while
 * nothing runs but API servers: whatever came after would detach, change or delete what is the first cluster's.
 */
import { NotFound } from '../../../domain/errors.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import type { Kubernetes } from '../../../seeds/connection.ts';
import { type KindRef, type KubernetesObject, refOf } from '../../../seeds/kinds.ts';
import { CSI_DRIVER } from '../cloudLeftovers.ts';
import type { ClusterScope } from '../scope.ts';
import { apiServer } from './apiServer.ts';

const A_PAGE = 100;

export const separated: Step<ClusterScope> = {
  name: 'CloneSeparated',
  title: "Take out what is the first cluster's",
  usuallyMs: 10_000,
  needs: [apiServer],
  wanted: ({ row }) => row.clone !== null,
  ensure: async (scope) => {
    const { clone } = scope.row;
    if (clone === null || clone.separated) return done();
    const { kube } = await scope.tenant();
    const outcome = await separate(kube);
    if (outcome.kind === 'done') await scope.patch({ clone: { ...clone, separated: true } });
    return outcome;
  },
};

interface Part extends KindRef {
  fieldSelector?: string;
  /** What is to be of it: undefined, as it is; null, nothing. */
  change: (object: KubernetesObject) => KubernetesObject | null | undefined;
}

/** Looks until nothing is found: what somebody else has written meanwhile is still as it was. */
const separate = async (kube: Kubernetes): Promise<Outcome> => {
  let found = 0;
  // In this order: a webhook whose server cannot run yet would refuse all that comes after.
  for (const part of PARTS)
    for await (const page of pagesOf(kube, part))
      for (const object of page) {
        const change = part.change(object);
        if (change === undefined) continue;
        found += 1;
        if (change === null) await end(kube, object);
        else await kube.rewrite(change);
      }
  return found === 0 ? done() : waiting(`${found} objects to be without what is the first cluster's`, 100);
};

/** Of a kind that is not there, there are none. */
async function* pagesOf(kube: Kubernetes, { apiVersion, kind, fieldSelector }: Part): AsyncGenerator<KubernetesObject[]> {
  try {
    yield* kube.pages({ apiVersion, kind, limit: A_PAGE, ...(fieldSelector !== undefined && { fieldSelector }) });
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
  }
}

/** At once: whoever would see to its end does not run, and must not. */
const end = async (kube: Kubernetes, object: KubernetesObject): Promise<void> => {
  const { metadata } = object;
  if ((metadata.finalizers ?? []).length > 0) await kube.rewrite({ ...object, metadata: { ...metadata, finalizers: [] } });
  await kube.remove(refOf(object));
};

interface Webhook {
  failurePolicy?: string;
  clientConfig?: { service?: object };
}

/** Of those that are served in the cluster, where no pod can run before nodes have joined. */
const ignoringFailures = (object: KubernetesObject): KubernetesObject | undefined => {
  const webhooks = (object as { webhooks?: Webhook[] }).webhooks ?? [];
  const refuses = ({ failurePolicy, clientConfig }: Webhook) => clientConfig?.service !== undefined && failurePolicy !== 'Ignore';
  if (!webhooks.some(refuses)) return undefined;
  return { ...object, webhooks: webhooks.map((webhook) => (refuses(webhook) ? { ...webhook, failurePolicy: 'Ignore' } : webhook)) };
};

interface VolumeSpec {
  accessModes?: string[];
  persistentVolumeReclaimPolicy?: string;
  csi?: { driver?: string };
  cinder?: object;
}

/** One for a single node would be written by two clusters at once. What is made for many is shared, and the copy never deletes it. */
const volumeOf = (object: KubernetesObject): KubernetesObject | null | undefined => {
  const spec = (object.spec ?? {}) as VolumeSpec;
  const isShared = (spec.accessModes ?? []).some((mode) => mode.endsWith('Many'));
  if (!isShared || spec.cinder !== undefined || spec.csi?.driver === CSI_DRIVER) return null;
  if (spec.persistentVolumeReclaimPolicy === 'Retain') return undefined;
  return { ...object, spec: { ...spec, persistentVolumeReclaimPolicy: 'Retain' } };
};

const snapshotOf = (object: KubernetesObject): KubernetesObject | undefined => {
  const spec = (object.spec ?? {}) as { deletionPolicy?: string };
  return spec.deletionPolicy === 'Retain' ? undefined : { ...object, spec: { ...spec, deletionPolicy: 'Retain' } };
};

/** By which the cloud controller would take over, change and delete the load balancer that it made for the first cluster's Service. */
const LOAD_BALANCER_MARKS = ['load-balancer-id', 'load-balancer-address'].map((name) => `loadbalancer.openstack.org/${name}`);

const serviceOf = (object: KubernetesObject): KubernetesObject | undefined => {
  const marks = Object.entries(object.metadata.annotations ?? {});
  const others = marks.filter(([name]) => !LOAD_BALANCER_MARKS.includes(name));
  if (others.length === marks.length) return undefined;
  return { ...object, metadata: { ...object.metadata, annotations: Object.fromEntries(others) } };
};

/** The controller manager fills it anew, signed with the keys of this cluster. */
const tokenOf = (object: KubernetesObject): KubernetesObject | undefined =>
  Object.keys((object as { data?: object }).data ?? {}).length === 0 ? undefined : { ...object, data: {} };

const gone = (): null => null;

const PARTS: readonly Part[] = [
  { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration', change: ignoringFailures },
  { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', change: ignoringFailures },
  { apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment', change: gone },
  { apiVersion: 'v1', kind: 'PersistentVolume', change: volumeOf },
  { apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshotContent', change: snapshotOf },
  { apiVersion: 'v1', kind: 'Service', change: serviceOf },
  { apiVersion: 'v1', kind: 'Node', change: gone },
  { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', change: gone },
  { apiVersion: 'v1', kind: 'Secret', fieldSelector: 'type=bootstrap.kubernetes.io/token', change: gone },
  { apiVersion: 'v1', kind: 'Secret', fieldSelector: 'type=kubernetes.io/service-account-token', change: tokenOf },
];
