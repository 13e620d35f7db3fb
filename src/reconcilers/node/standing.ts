/** A node that ends with its cluster although its server may be there still: its time was up. */
import { findInventory } from '../../store/inventory.ts';
import { gaveUp } from '../cluster/deletionStage.ts';
import type { NodeScope } from './scope.ts';

export const serverKey = (scope: NodeScope) => scope.key('COMPUTE', 'server', scope.row.name);

/** True: what the server is reached by and stands on is left to it. */
export const serverStands = async (scope: NodeScope): Promise<boolean> => {
  if (gaveUp(scope.cluster, 'NODES') === undefined) return false;
  const noted = await findInventory(scope.db, serverKey(scope));
  return noted !== undefined && noted.state !== 'GONE';
};

export const LEFT_TO_SERVER = 'Left to the server, which may be there still.';
