/** Logins with Keystone tokens: the webhook that API servers ask, and what each role may do in the cluster. */
import { namesOf } from '../../../controlPlane/hostedCluster.ts';
import { buildKeystoneAuth, buildKeystoneRoles } from '../../../controlPlane/keystoneAuth.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { remembering } from '../../../lib/remember.ts';
import { identityRoot, portOf } from '../../../openstack/endpoint.ts';
import { readyReplicas } from '../../workload.ts';
import type { ClusterScope } from '../scope.ts';
import { untilMoved, untilStageMoved } from '../upgradeOrder.ts';
import { tenantBootstrap } from './tenantBootstrap.ts';

/** The name of its objects in the inventory. */
export const KEYSTONE_AUTH = 'keystone-auth';

const rolesOf = remembering(buildKeystoneRoles);

export const keystoneAuth: Step<ClusterScope> = {
  name: 'KeystoneAuthReady',
  title: 'Take Keystone tokens',
  usuallyMs: 60_000,
  needs: [tenantBootstrap],
  wanted: ({ row }) => row.spec.keystoneAuthEnabled,
  ensure: async (scope) => {
    const held = await untilStageMoved(scope, 'managers');
    if (held !== null) return held;
    const cluster = await scope.reachable();
    const { authUrl, caPem } = scope.world.settings.cloud;
    const keystone = { url: identityRoot(authUrl), port: portOf(authUrl), caPem };
    const objects = buildKeystoneAuth(cluster, await scope.pki(), keystone);
    await scope.applyToSeed(KEYSTONE_AUTH, objects);
    await scope.applyToTenant(KEYSTONE_AUTH, rolesOf(cluster));
    const live = (await scope.seed()).deployments.get(cluster.namespace, namesOf(cluster).keystoneAuth);
    if (readyReplicas(live) < 1) return waiting(`${namesOf(cluster).keystoneAuth} to be ready`, 10_000);
    return (await untilMoved(scope, objects)) ?? done();
  },
  remove: async (scope) => {
    // With the whole cluster goes what is in it, and with its namespace what is beside it.
    if (scope.row.deleteRequestedAt !== null || !(await scope.hasApplied(KEYSTONE_AUTH))) return done();
    await scope.applyToTenant(KEYSTONE_AUTH, []);
    await scope.applyToSeed(KEYSTONE_AUTH, []);
    return done();
  },
};
