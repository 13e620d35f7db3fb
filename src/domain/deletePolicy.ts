/** What becomes of things that the cluster's controllers made, when the cluster is deleted. */

export type KeepOrDelete = 'KEEP' | 'DELETE';

/** null: as each PersistentVolume and Service says for itself. */
export interface DeletePolicy {
  volumes: KeepOrDelete | null;
  floatingIps: KeepOrDelete | null;
  /** Of volumes that are to go, which they hold back; null: the customer is waited for. */
  snapshots: KeepOrDelete | null;
}
