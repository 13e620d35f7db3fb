/** What the steps of a node look at. */
import type { BootstrapToken } from '../../controlPlane/bootstrapToken.ts';
import type { HostedCluster } from '../../controlPlane/hostedCluster.ts';
import type { InventoryService } from '../../domain/inventory.ts';
import type { NodeState } from '../../domain/node.ts';
import type { Cloud } from '../../openstack/session.ts';
import type { InventoryKey } from '../../store/inventory.ts';
import { type ClusterRow, loadSeed, type NodeGroupRow, type NodeRow, patchNode } from '../../store/reconcile.ts';
import { hostedOf } from '../cluster/scope.ts';
import type { Write } from '../kind.ts';
import { lentCloud } from '../lentCloud.ts';
import type { NetworkSight } from '../networkSights.ts';
import type { ResourceScope } from '../resource.ts';
import type { TenantHandle } from '../tenantRegistry.ts';
import type { World } from '../world.ts';

export interface NodeScope extends ResourceScope {
  world: World;
  row: NodeRow;
  group: NodeGroupRow;
  cluster: ClusterRow;
  /** What the steps saw of it; the state to show follows from it. */
  seen: NodeState;
  cloud(): Cloud;
  networkSight(): Promise<NetworkSight>;
  tenant(): Promise<TenantHandle>;
  /** Undefined before the cluster has a seed. */
  hosted(): Promise<HostedCluster | undefined>;
  /** Memo of `loadOrMakeToken`: two steps of a pass must not make two tokens. */
  token: Promise<BootstrapToken> | null;
  patch(patch: Partial<NodeRow>): Promise<void>;
  key(service: InventoryService, kind: string, name: string): InventoryKey;
}

export const openNodeScope = (world: World, row: NodeRow, group: NodeGroupRow, cluster: ClusterRow, write: Write): NodeScope => ({
  world,
  row,
  group,
  cluster,
  write,
  seen: row.state,
  token: null,
  db: world.store.db,
  clock: world.clock,
  cutOffMs: world.settings.cutOffMs,
  restored: row.createdAt < (cluster.restoredAt ?? 0),
  look: 'trust',
  cloud: () => lentCloud(world, cluster),
  networkSight: () => world.networks.of(cluster.projectId, lentCloud(world, cluster)),
  tenant: () => world.tenants.get(cluster),
  hosted: async () => {
    const seed = cluster.seedId === null ? undefined : await loadSeed(world.store.db, cluster.seedId);
    return seed && hostedOf(cluster, seed, world.settings);
  },
  patch: async (patch) => {
    await write((tx) => patchNode(tx, row.id, patch));
    Object.assign(row, patch);
  },
  key: (service, kind, name) => ({ clusterId: cluster.id, ownerId: row.id, service, kind, name }),
});

/** Its kubelet may be Ready long before: who asked for both is not told that all is done. One that had it once is a worker all the same. */
export const lacksFloatingIp = ({ group, row }: NodeScope): boolean =>
  group.spec.floatingIpEnabled && row.floatingIp === null && row.state !== 'READY' && row.state !== 'NOT_READY';
