/** What counts for a control plane: what its pods ask for, its volumes, and the address of its API. */
import { seedDemandOf } from '../../domain/controlPlane.ts';
import type { Use } from '../../domain/usage.ts';
import { isCounted, listOpenUses, noteUses } from '../../store/usage.ts';
import type { ClusterScope } from './scope.ts';

/** Before it is started, and whenever there is more or less of it. */
export const countControlPlane = async (scope: ClusterScope): Promise<void> => {
  const { row, db, clock } = scope;
  const { etcd, exposure } = await scope.reachable();
  const uses: Use[] = [
    { kind: 'CONTROL_PLANE_CPU', amount: seedDemandOf(row.spec.controlPlane).cpuMillicores },
    { kind: 'VOLUME', amount: etcd.members * etcd.volumeSizeGiB },
    // A port of the seed's own nodes is none.
    { kind: 'ADDRESS', amount: exposure === 'LOAD_BALANCER' ? 1 : 0 },
  ];
  const open = await listOpenUses(db, row.id);
  const counted = (wanted: Use) => (open.find(({ kind }) => kind === wanted.kind)?.amount ?? 0) === wanted.amount;
  if (uses.every(counted)) return;
  // One from before it was counted has had it all along.
  const at = row.observedGeneration > 0 && !(await isCounted(db, row.id, 0)) ? row.createdAt : clock.now();
  await scope.write((tx) => noteUses(tx, { subjectId: row.id, clusterId: row.id, projectId: row.projectId }, uses, at));
};
