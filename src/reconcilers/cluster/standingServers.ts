/** Servers that outlive their cluster's deletion: a machine that may run is not cut off in silence, so its network stays with it, and the report names both. */
import { done, type Outcome } from '../../engine/flow.ts';
import { type InventoryRow, listClusterInventory } from '../../store/inventory.ts';
import { gaveUp } from './deletionStage.ts';
import type { ClusterScope } from './scope.ts';

/** By the notes: each with its id, or its name where no answer ever told one. */
export const standingServers = (notes: readonly InventoryRow[]): string[] =>
  notes
    .filter(({ service, kind, state }) => service === 'COMPUTE' && kind === 'server' && state !== 'GONE')
    .map(({ externalId, name }) => externalId ?? name);

/** Before their time is up nodes are gone, with their servers, when this is asked. */
export const unlessForServers = async (scope: ClusterScope, remove: () => Promise<Outcome>): Promise<Outcome> => {
  if (gaveUp(scope.row, 'NODES') === undefined) return remove();
  const servers = standingServers(await listClusterInventory(scope.db, scope.row.id));
  return servers.length === 0 ? remove() : done(servesServers(servers));
};

export const servesServers = (servers: readonly string[]): string =>
  `It is left for servers of the cluster that could not be removed: ${servers.join(', ')}.`;
