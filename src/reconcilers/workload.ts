/** What the seed says of a Deployment or StatefulSet. */
import type { KubernetesObject } from '../seeds/kinds.ts';

interface Workload {
  metadata: { generation?: number };
  spec?: { replicas?: number };
  status?: { observedGeneration?: number; readyReplicas?: number; updatedReplicas?: number };
}

/** Ready pods of the newest form; 0 while the controller has not seen the last change. */
export const readyReplicas = (object: KubernetesObject | undefined): number => {
  const { metadata, status } = (object ?? { metadata: {} }) as unknown as Workload;
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 1)) return 0;
  return Math.min(status?.readyReplicas ?? 0, status?.updatedReplicas ?? status?.readyReplicas ?? 0);
};
