/** Seeds as a kind of object that passes run over. */
import type { SeedState } from '../../domain/seed.ts';
import { defineFlow } from '../../engine/flow.ts';
import type { PassSummary } from '../../engine/progress.ts';
import { listUnplacedClusterIds, loadSeed, patchSeed, type SeedRow } from '../../store/reconcile.ts';
import { enqueue } from '../../store/workItems.ts';
import { createHandler } from '../pass.ts';
import type { World } from '../world.ts';
import { openSeedScope, type SeedScope } from './scope.ts';
import { capacity } from './steps/capacity.ts';
import { drained } from './steps/drained.ts';
import { exposure } from './steps/exposure.ts';
import { priority } from './steps/priority.ts';
import { reachable } from './steps/reachable.ts';
import { rights } from './steps/rights.ts';
import { storage } from './steps/storage.ts';

const seedFlow = defineFlow<SeedScope>('seed', [reachable, rights, storage, exposure, capacity, priority, drained]);

export const createSeedHandler = (world: World) =>
  createHandler(world, {
    kind: 'SEED',
    flow: seedFlow,
    load: (id) => loadSeed(world.store.db, id),
    subject: (row) => ({ kind: 'SEED', id: row.id, name: row.name, streamId: row.id, clusterId: null, projectId: null }),
    open: async (row, write) => openSeedScope(world, row, write),
    stateOf,
    save: async (tx, row, patch) => {
      await patchSeed(tx, row.id, patch as Parameters<typeof patchSeed>[2]);
      if (patch.deletedAt !== null) await world.secrets.remove(tx, row.id);
      // Clusters that wait for a seed may have one now.
      if (patch.state === 'READY')
        for (const id of await listUnplacedClusterIds(tx.db)) await enqueue(tx, 'CLUSTER', id, world.clock.now());
    },
    forget: (row) => world.seeds.close(row.id),
  });

const stateOf = (_scope: SeedScope, row: SeedRow, summary: PassSummary): SeedState => {
  if (row.deleteRequestedAt !== null) return summary.settled ? 'DELETED' : 'UNREGISTERING';
  if (summary.settled) return 'READY';
  // That its control planes are on their way is no fault of its.
  if (row.drain !== null && row.state === 'READY' && summary.failure === null) return 'READY';
  // What a cluster's own steps will meet again (a slow API) is no reason to refuse it; what an administrator must mend is.
  return row.observedGeneration === 0 && summary.failure === null ? 'PENDING' : 'NOT_READY';
};
