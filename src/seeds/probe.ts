/** Reads the facts of a seed that decide whether control planes can live in it; judging them is somebody else's work. */
import { X509Certificate } from 'node:crypto';
import type { V1Node, V1Service, V1StorageClass } from '@kubernetes/client-node';
import { Unavailable, UserError } from '../domain/errors.ts';
import type { Kubernetes } from './connection.ts';
import type { KubernetesObject } from './kinds.ts';
import type { KubernetesAccess } from './kubeconfig.ts';
import { parseQuantity } from './quantity.ts';
import { findRights, type RightFact } from './rights.ts';

export interface StorageClassFact {
  name: string;
  provisioner: string;
  expandable: boolean;
  bindingMode: string;
}

export interface NodeFact {
  name: string;
  ready: boolean;
  /** Ready, not cordoned, and without a taint that keeps pods away. */
  schedulable: boolean;
  /** Kubernetes' own taint of a node that is not Ready is on it: for a moment after it has become so, too. */
  settling: boolean;
  cpuMillis: number;
  memoryMiB: number;
  podCidrs: string[];
  internalAddresses: string[];
  externalAddresses: string[];
  zone: string | null;
  kubeletVersion: string;
}

export interface SeedProbe {
  /** As the server says it, such as v1.36.3. */
  version: string;
  rights: RightFact[];
  /** The one that volumes without a class get, or null. */
  defaultStorageClass: StorageClassFact | null;
  nodes: NodeFact[];
  /** Sums over the schedulable nodes. */
  schedulableNodes: number;
  allocatableCpuMillis: number;
  allocatableMemoryMiB: number;
  /** Address of the `kubernetes` Service: the first of the range that Services get theirs from. */
  serviceAddresses: string[];
  /** See `readClusterUid`. */
  clusterUid: string | null;
}

/**
 * Which Kubernetes cluster it is, whatever its address and certificates: the uid of a namespace that nobody can delete. null: the credential may not
 * read it, nor then do anything of what Seedbed does.
 */
export const readClusterUid = async (k: Kubernetes): Promise<string | null> => {
  try {
    return (await k.get({ apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' }))?.metadata.uid ?? null;
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
};

/**
 * `isMade`: its machines are Seedbed's, whose keys no other cluster has, so that machine itself has begun anew.
 * @throws Unavailable when this is another cluster than the one that was known; nobody may touch it in the belief that it is.
 */
export const requireSameCluster = (known: string | null, seen: string | null, { isMade }: { isMade: boolean }): void => {
  if (known === null || seen === null || known === seen) return;
  const uids = `(the uid of its namespace kube-system is ${seen}, and was ${known})`;
  throw new Unavailable(
    'SEED_UNAVAILABLE',
    isMade
      ? `The machine that runs the API of this seed has begun another, empty Kubernetes cluster ${uids}, as one does that is rebuilt in the cloud: with its disk all that the seed knew is gone. Nothing is done in it, and nothing is torn down. Bring the old disk back if there is a copy of it; else restore the clusters elsewhere from their backups, and delete the seed.`
      : `The seed's kubeconfig leads to another Kubernetes cluster than before ${uids}. Nothing is done in it: give the kubeconfig of the same cluster with updateSeed; once no cluster is on the seed any more, updateSeed takes that of another.`,
    { whoMustAct: 'CLOUD_ADMIN' },
  );
};

/** At most 26 requests; about 6 when the credential has all rights. A list that is refused throws SEED_REFUSED with its name. */
export const probeSeed = async (k: Kubernetes): Promise<SeedProbe> => {
  const [version, rights, nodes, classList, service, clusterUid] = await Promise.all([
    k.version(),
    findRights(k),
    listNodeFacts(k),
    k.list({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' }),
    k.get({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'kubernetes' }),
    readClusterUid(k),
  ]);
  const usable = nodes.filter(({ schedulable }) => schedulable);
  const spec = (service as V1Service | undefined)?.spec;
  return {
    version: version.gitVersion,
    rights,
    defaultStorageClass: defaultClass(classList.items),
    nodes,
    schedulableNodes: usable.length,
    allocatableCpuMillis: usable.reduce((sum, { cpuMillis }) => sum + cpuMillis, 0),
    allocatableMemoryMiB: usable.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0),
    serviceAddresses: (spec?.clusterIPs ?? [spec?.clusterIP ?? '']).filter((address) => address !== '' && address !== 'None'),
    clusterUid,
  };
};

export const listNodeFacts = async (k: Kubernetes): Promise<NodeFact[]> =>
  (await k.list({ apiVersion: 'v1', kind: 'Node' })).items.map(nodeFact);

/** When the client certificate ends, in ms since the epoch; null for a token, whose end only its issuer knows. */
export const credentialEndsAt = ({ clientCertPem }: KubernetesAccess): number | null =>
  clientCertPem === undefined ? null : Date.parse(new X509Certificate(clientCertPem).validTo);

/** Of several defaults the API takes the youngest (documentation of StorageClass, "Default StorageClass"). */
const defaultClass = (objects: readonly KubernetesObject[]): StorageClassFact | null => {
  const defaults = objects.filter(({ metadata }) => metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true');
  const [youngest] = defaults.sort((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? 1 : -1));
  if (!youngest) return null;
  const { provisioner, allowVolumeExpansion, volumeBindingMode } = youngest as unknown as V1StorageClass;
  return {
    name: youngest.metadata.name,
    provisioner,
    expandable: allowVolumeExpansion === true,
    bindingMode: volumeBindingMode ?? 'Immediate',
  };
};

const nodeFact = (object: KubernetesObject): NodeFact => {
  const { spec, status } = object as unknown as V1Node;
  const ready = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
  const settling = (spec?.taints ?? []).some(({ key }) => key === 'node.kubernetes.io/not-ready');
  const kept = (spec?.taints ?? []).some(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute');
  const addresses = (type: string): string[] =>
    (status?.addresses ?? []).filter((address) => address.type === type).map(({ address }) => address);
  return {
    name: object.metadata.name,
    ready,
    schedulable: ready && spec?.unschedulable !== true && !kept,
    settling,
    cpuMillis: Math.round((parseQuantity(status?.allocatable?.cpu) ?? 0) * 1000),
    memoryMiB: Math.floor((parseQuantity(status?.allocatable?.memory) ?? 0) / 2 ** 20),
    podCidrs: spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR]),
    internalAddresses: addresses('InternalIP'),
    externalAddresses: addresses('ExternalIP'),
    zone: object.metadata.labels?.['topology.kubernetes.io/zone'] ?? null,
    kubeletVersion: status?.nodeInfo?.kubeletVersion ?? '',
  };
};
