/** Bindings of the kubeconfigs that were issued: there while they count, gone once they are revoked or over. */
import { buildAccess } from '../../../controlPlane/access.ts';
import { isInForce } from '../../../domain/kubeconfig.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { listOpenKubeconfigs, patchKubeconfigs } from '../../../store/kubeconfigs.ts';
import { changed } from '../../../store/reconcile.ts';
import type { ClusterScope } from '../scope.ts';
import { tenantBootstrap } from './tenantBootstrap.ts';

export const access: Step<ClusterScope> = {
  name: 'AccessCurrent',
  title: 'Give and take access',
  usuallyMs: 5_000,
  needs: [tenantBootstrap],
  ensure: async (scope) => {
    const { row, clock } = scope;
    const open = await listOpenKubeconfigs(scope.db, row.id);
    const now = clock.now();
    const inForce = open.filter((kubeconfig) => isInForce(kubeconfig, now));
    const hosted = await scope.hosted();
    await scope.applyToTenant(
      'access',
      inForce.map((kubeconfig) => buildAccess(hosted, kubeconfig)),
    );
    const bound = inForce.filter(({ boundAt }) => boundAt === null);
    const ended = open.filter((kubeconfig) => !inForce.includes(kubeconfig));
    if (bound.length + ended.length > 0) {
      await scope.write(async (tx) => {
        await patchKubeconfigs(tx, bound.map(idOf), { boundAt: clock.now() });
        await patchKubeconfigs(tx, ended.map(idOf), { unboundAt: clock.now() });
        tx.changes.push(changed('CLUSTER', row, row.id, row.projectId));
      });
    }
    return done();
  },
};

const idOf = ({ id }: { id: string }): string => id;
