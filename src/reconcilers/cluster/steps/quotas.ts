/** Whether the project's quotas have room for the whole cluster: looked at once, before anything of it is made in the cloud. */
import { findByNameOrId } from '../../../domain/cloud.ts';
import { clusterDemands, groupDemand } from '../../../domain/demand.ts';
import { requireQuotas, sumOf } from '../../../domain/quota.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { listQuotas } from '../../../openstack/quota.ts';
import { listInventory } from '../../../store/inventory.ts';
import { patchCluster } from '../../../store/reconcile.ts';
import { wakeNodeGroups } from '../../../store/wake.ts';
import type { ClusterScope } from '../scope.ts';
import { namesResolved } from './namesResolved.ts';

export const quotas: Step<ClusterScope> = {
  name: 'QuotasSufficient',
  title: "Look at the project's quotas",
  usuallyMs: 5_000,
  needs: [namesResolved],
  ensure: async (scope) => {
    const { row } = scope;
    if (row.observedGeneration > 0 || row.resolved?.roomFound === true) return done();
    if (row.resolved === null) return waiting('the names of the networks', 1_000);
    if (!(await hasBegun(scope))) await requireRoom(scope);
    const resolved = { ...row.resolved, roomFound: true as const };
    await scope.write(async (tx) => {
      await patchCluster(tx, row.id, { resolved });
      await wakeNodeGroups(tx, row.id, scope.clock.now(), true);
    });
    row.resolved = resolved;
    return done();
  },
};

const requireRoom = async (scope: ClusterScope): Promise<void> => {
  const cloud = scope.cloud();
  const [flavors, there] = await Promise.all([cloud.compute.listFlavors(), listQuotas(cloud)]);
  const groups = scope.groups.filter(({ deleteRequestedAt }) => deleteRequestedAt === null);
  // A flavor that is not there is its group's to tell.
  const demands = groups.map(({ spec }) => groupDemand(spec, findByNameOrId(flavors, spec.flavor) ?? null));
  requireQuotas(there, sumOf([...clusterDemands(scope.row.spec), ...demands]));
};

/** Parts that are there would be counted twice. */
const hasBegun = async ({ db, row }: ClusterScope): Promise<boolean> =>
  (await listInventory(db, row.id)).some(({ service }) => service === 'NETWORK' || service === 'COMPUTE');
