/** The cluster-autoscaler: its login at Seedbed, its rights in the cluster, and its Deployment in the seed. */
import { buildAutoscalerRights, buildClusterAutoscaler } from '../../../controlPlane/clusterAutoscaler.ts';
import { namesOf } from '../../../controlPlane/hostedCluster.ts';
import { renewalAt } from '../../../domain/certificate.ts';
import { isScalable } from '../../../domain/nodeGroup.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { remembering } from '../../../lib/remember.ts';
import type { KeyPair } from '../../../pki/authority.ts';
import { authorityOf, issueProviderClient, type ProviderClient } from '../../../pki/provider.ts';
import { listLiveNodesOfCluster } from '../../../store/reconcile.ts';
import { enqueue } from '../../../store/workItems.ts';
import { providerIdIn } from '../../tenantRegistry.ts';
import { readyReplicas } from '../../workload.ts';
import type { ClusterScope } from '../scope.ts';
import { untilMoved, untilStageMoved } from '../upgradeOrder.ts';
import { tenantBootstrap } from './tenantBootstrap.ts';

/** The name of its objects in the inventory. */
export const AUTOSCALER = 'cluster-autoscaler';
/** The secret's name, with the cluster as its owner. */
const CLIENT = 'autoscalerClient';

const rightsOf = remembering(buildAutoscalerRights);

export const autoScaling: Step<ClusterScope> = {
  name: 'AutoScalingServed',
  title: 'Scale node groups by load',
  usuallyMs: 60_000,
  needs: [tenantBootstrap],
  // Where the operator has set nothing up, a condition says so (domain/notServed.ts).
  wanted: ({ row, world }) => row.spec.autoScalingEnabled && world.autoscaler !== null,
  ensure: async (scope) => {
    const { autoscaler } = scope.world;
    if (autoscaler === null) return done();
    const held = await untilStageMoved(scope, 'managers');
    if (held !== null) return held;
    const { authority, host, port } = autoscaler;
    const cluster = await scope.reachable();
    const unnamed = await wakeUnnamed(scope);
    if (unnamed > 0) return waiting(`${unnamed} nodes to say which server each is`, 1_000);
    const { cert, key } = await clientOf(scope, authority);
    await scope.applyToTenant(AUTOSCALER, rightsOf(cluster));
    const access = { host, port, caPem: authority.cert, cert, key };
    const objects = buildClusterAutoscaler(cluster, await scope.pki(), access, scope.row.spec.autoScaling);
    await scope.applyToSeed(AUTOSCALER, objects);
    const live = (await scope.seed()).deployments.get(cluster.namespace, namesOf(cluster).clusterAutoscaler);
    if (readyReplicas(live) < 1) return waiting(`${namesOf(cluster).clusterAutoscaler} to be ready`, 10_000);
    const moving = await untilMoved(scope, objects);
    if (moving !== null) return moving;
    const scaled = scope.groups.filter(isScalable).map(({ name }) => name);
    return done(scaled.length === 0 ? 'no node group has a maxCount, so none is scaled' : `scaled: ${scaled.toSorted().join(', ')}`);
  },
  remove: async (scope) => {
    // With the whole cluster goes what is in it, and with its namespace what is beside it.
    if (scope.row.deleteRequestedAt !== null || !(await scope.hasApplied(AUTOSCALER))) return done();
    await scope.applyToSeed(AUTOSCALER, []);
    await scope.applyToTenant(AUTOSCALER, []);
    await scope.write((tx) => scope.world.secrets.remove(tx, scope.row.id, CLIENT));
    return done();
  },
};

/**
 * Nodes that joined before there was an autoscaler may not say which server they are, and it would take their servers for ones that
 * never joined, and after a while delete them: their own passes name them first. @returns how many there are.
 */
const wakeUnnamed = async (scope: ClusterScope): Promise<number> => {
  const nodes = (await scope.tenant()).nodes();
  await nodes.firstSync();
  const unnamed = new Set(
    nodes
      .list()
      .filter((node) => providerIdIn(node) === '')
      .map(({ metadata }) => metadata.name),
  );
  if (unnamed.size === 0) return 0;
  const ours = (await listLiveNodesOfCluster(scope.db, scope.row.id)).filter(({ name, state }) => unnamed.has(name) && state === 'READY');
  await scope.write(async (tx) => {
    for (const { id } of ours) await enqueue(tx, 'NODE', id, scope.clock.now());
  });
  return ours.length;
};

/** The certificate by which Seedbed knows the cluster's autoscaler. */
const clientOf = async (scope: ClusterScope, authority: KeyPair): Promise<ProviderClient> => {
  const { world, row, clock } = scope;
  const text = await world.secrets.find(scope.db, row.id, CLIENT);
  const known = text === undefined ? undefined : (JSON.parse(text) as ProviderClient);
  if (known?.authority === authorityOf(authority) && clock.now() < renewalAt(known.notBeforeMs, known.notAfterMs)) return known;
  const made = await issueProviderClient(authority, row.id, { now: clock.now });
  await scope.write((tx) => world.secrets.put(tx, row.id, CLIENT, JSON.stringify(made), clock.now()));
  return made;
};
