/** Whether the project's quotas have room for a group: looked at before anything of it is made in the cloud. */
import { groupDemand, membersDemand, workersDemand } from '../../../domain/demand.ts';
import { SeedbedError } from '../../../domain/errors.ts';
import { isScalable } from '../../../domain/nodeGroup.ts';
import { requireQuotas, sumOf } from '../../../domain/quota.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { listQuotas } from '../../../openstack/quota.ts';
import type { NodeGroupScope } from '../scope.ts';
import { adopted } from './adopted.ts';

export const quotas: Step<NodeGroupScope> = {
  name: 'QuotasSufficient',
  title: "Look at the project's quotas",
  usuallyMs: 5_000,
  needs: [adopted],
  ensure: async (scope) => {
    const { row, cluster, nodes } = scope;
    if (row.resolved === null || row.resolved.roomFor !== undefined) return done();
    // Those that were made before quotas were looked at have their workers.
    const isNew = row.observedGeneration === 0 && nodes.length === 0;
    if (isNew && cluster.observedGeneration === 0 && cluster.resolved?.roomFound !== true)
      return waiting("the project's quotas to be looked at for the whole cluster", 15_000);
    // Of those that were asked for with their cluster it has counted all workers.
    const isCounted = row.generation === 1 && row.createdAt === cluster.createdAt;
    if (isNew && !isCounted) requireQuotas(await listQuotas(scope.cloud()), groupDemand(row.spec, row.resolved.machine ?? null));
    await scope.patch({ resolved: { ...row.resolved, roomFor: row.spec.count } });
    return done();
  },
};

/**
 * Looks for room once for each growth, and for all of it: what fits would only hide that it is too little. The error is the growth's:
 * the workers that are there are looked after all the same.
 */
export const findRoom = async (scope: NodeGroupScope): Promise<SeedbedError | null> => {
  const { row, cluster } = scope;
  const { resolved, spec } = row;
  const more = spec.count - (resolved?.roomFor ?? spec.count);
  if (resolved === null || more === 0) return null;
  // An autoscaler wants what fits, and learns of the rest from workers that cannot be made.
  const isScaled = cluster.spec.autoScalingEnabled && isScalable(row);
  try {
    if (more > 0 && !isScaled) {
      const demand = sumOf([workersDemand(spec, resolved.machine ?? null, more), membersDemand(spec, spec.count)]);
      requireQuotas(await listQuotas(scope.cloud()), demand);
    }
  } catch (error) {
    if (error instanceof SeedbedError) return error;
    throw error;
  }
  await scope.patch({ resolved: { ...resolved, roomFor: spec.count } });
  return null;
};
