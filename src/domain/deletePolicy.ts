/** What becomes of things that the cluster's controllers made, when the cluster is deleted. */

export type KeepOrDelete = 'KEEP' | 'DELETE';

/** null: as each PersistentVolume and Service says for itself. */
export interface DeletePolicy {
  volumes: KeepOrDelete | null;
  /** null: DELETE; no Service can say otherwise. */
  loadBalancers: KeepOrDelete | null;
  floatingIps: KeepOrDelete | null;
  /** Of volumes that are to go, which they hold back; null: the customer is waited for. */
  snapshots: KeepOrDelete | null;
  /** Of its etcd, in the object store; null: DELETE. */
  backups: KeepOrDelete | null;
  /** So long each stage that waits for others may take; null: as long as it takes. */
  deadlineSeconds: number | null;
}
