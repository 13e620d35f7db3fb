/** Claims and volumes: a provisioner that makes a volume for every claim of its storage class once a pod needs it. */
import { randomUUID } from 'node:crypto';
import type { Cluster } from '../cluster.ts';
import { PV, PVC, STORAGE_CLASS } from '../kinds.ts';
import { at, dict, type KubeObject, namespaceOf, spec, status, text, timestamp } from '../objects.ts';
import { recordEvent } from './events.ts';

/** Binds a claim to a new volume; false when its storage class does not exist. */
export const bindClaim = (cluster: Cluster, claim: KubeObject): boolean => {
  if (status(claim).phase === 'Bound') return true;
  const className = text(spec(claim).storageClassName);
  const storageClass = cluster.store.get(STORAGE_CLASS, '', className);
  if (!storageClass) {
    recordEvent(cluster, claim, {
      type: 'Warning',
      reason: 'ProvisioningFailed',
      message: `storageclass.storage.k8s.io "${className}" not found`,
      component: 'persistentvolume-controller',
    });
    return false;
  }
  const name = `pvc-${claim.metadata.uid}`;
  const capacity = { storage: text(at(claim, 'spec', 'resources', 'requests', 'storage')) };
  cluster.store.put(PV, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, uid: randomUUID(), resourceVersion: '0', creationTimestamp: timestamp(cluster.now()) },
    spec: {
      capacity,
      accessModes: spec(claim).accessModes,
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: className,
      volumeMode: 'Filesystem',
      claimRef: {
        kind: 'PersistentVolumeClaim',
        namespace: namespaceOf(claim),
        name: claim.metadata.name,
        uid: claim.metadata.uid,
        apiVersion: 'v1',
      },
      csi: { driver: storageClass.provisioner, volumeHandle: name },
    },
    status: { phase: 'Bound' },
  });
  cluster.store.put(PVC, {
    ...claim,
    spec: { ...spec(claim), volumeName: name },
    status: { phase: 'Bound', accessModes: spec(claim).accessModes, capacity },
  });
  return true;
};

/** Volumes whose claim is gone are deleted, as their reclaim policy says. */
export const reclaim = (cluster: Cluster, claim: KubeObject): void => {
  const name = `pvc-${claim.metadata.uid}`;
  const volume = cluster.store.get(PV, '', name);
  if (!volume) return;
  if (dict(volume.spec).persistentVolumeReclaimPolicy === 'Retain') cluster.store.put(PV, { ...volume, status: { phase: 'Released' } });
  else cluster.store.remove(PV, '', name);
};

/** A claim of a class that binds at once does not wait for a pod. */
export const bindIfImmediate = (cluster: Cluster, claim: KubeObject): void => {
  const storageClass = cluster.store.get(STORAGE_CLASS, '', text(spec(claim).storageClassName));
  if (storageClass?.volumeBindingMode === 'Immediate' && status(claim).phase !== 'Bound') bindClaim(cluster, claim);
};
