/** Looks, once in a while, which APIs the cluster is asked for that a later Kubernetes does not serve: told before an upgrade. */
import { afterLook, isLookDue, readDeprecatedApis, type SeenApi } from '../../../domain/deprecatedApi.ts';
import { SeedbedError } from '../../../domain/errors.ts';
import { done, type Step } from '../../../engine/flow.ts';
import type { ClusterScope } from '../scope.ts';
import { tenantBootstrap } from './tenantBootstrap.ts';

export const deprecatedApis: Step<ClusterScope> = {
  name: 'DeprecatedApisSeen',
  title: 'Look for deprecated APIs in use',
  usuallyMs: 5_000,
  needs: [tenantBootstrap],
  ensure: async (scope) => {
    const { row, clock } = scope;
    if (!isLookDue(row, clock.now())) return done();
    const seen: SeenApi[][] = [];
    // Each API server knows what it was asked itself; nobody chooses which one answers, so that in time all have been looked at.
    const { apiServerReplicas } = await scope.hosted();
    for (let i = 0; i < apiServerReplicas; i += 1) {
      const metrics = await readMetrics(scope);
      if (metrics === null) break;
      seen.push(readDeprecatedApis(metrics));
    }
    // A cluster is no worse for it, and the next pass looks again.
    if (seen.length === 0) return done('The API server does not show its metrics now, so nothing new is known.');
    await scope.patch({ deprecatedApis: afterLook(row.deprecatedApis, seen.flat(), clock.now()) });
    return done();
  },
};

/** null: none could be had. */
const readMetrics = async (scope: ClusterScope): Promise<string | null> => {
  try {
    const { anew } = await scope.tenant();
    const { status, body } = await anew((kube) => kube.raw('/metrics'));
    return status === 200 ? body : null;
  } catch (error) {
    if (error instanceof SeedbedError) return null;
    throw error;
  }
};
