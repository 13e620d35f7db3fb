/** What the steps of a node group look at. */
import type { InventoryService } from '../../domain/inventory.ts';
import type { Cloud } from '../../openstack/session.ts';
import type { InventoryKey } from '../../store/inventory.ts';
import { type ClusterRow, type NodeGroupRow, type NodeRow, patchNodeGroup } from '../../store/reconcile.ts';
import type { Write } from '../kind.ts';
import { lentCloud } from '../lentCloud.ts';
import type { ResourceScope } from '../resource.ts';
import type { World } from '../world.ts';

export interface NodeGroupScope extends ResourceScope {
  world: World;
  row: NodeGroupRow;
  cluster: ClusterRow;
  /** Live ones, those on their way out included. */
  nodes: NodeRow[];
  cloud(): Cloud;
  patch(patch: Partial<NodeGroupRow>): Promise<void>;
  key(service: InventoryService, kind: string, name: string): InventoryKey;
}

export const openNodeGroupScope = (
  world: World,
  row: NodeGroupRow,
  cluster: ClusterRow,
  nodes: NodeRow[],
  write: Write,
): NodeGroupScope => ({
  world,
  row,
  cluster,
  nodes,
  write,
  db: world.store.db,
  clock: world.clock,
  cutOffMs: world.settings.cutOffMs,
  restored: row.createdAt < (cluster.restoredAt ?? 0),
  look: 'trust',
  cloud: () => lentCloud(world, cluster),
  patch: async (patch) => {
    await write((tx) => patchNodeGroup(tx, row.id, patch));
    Object.assign(row, patch);
  },
  key: (service, kind, name) => ({ clusterId: cluster.id, ownerId: row.id, service, kind, name }),
});
