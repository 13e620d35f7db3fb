/** Seeds as a kind of object that passes run over. */
import type { SeedState } from '../../domain/seed.ts';
import { isUpgrading } from '../../domain/seedUpgrade.ts';
import { defineFlow, type Flow } from '../../engine/flow.ts';
import type { PassSummary } from '../../engine/progress.ts';
import type { Handler } from '../../engine/worker.ts';
import { listUnplacedClusterIds, loadSeed, patchSeed, type SeedRow } from '../../store/reconcile.ts';
import { enqueue } from '../../store/workItems.ts';
import { createHandler } from '../pass.ts';
import type { World } from '../world.ts';
import { openSeedScope, type SeedScope } from './scope.ts';
import { apiAddress } from './steps/apiAddress.ts';
import { apiAnswers } from './steps/apiAnswers.ts';
import { authorities } from './steps/authorities.ts';
import { capacity } from './steps/capacity.ts';
import { drained } from './steps/drained.ts';
import { equipment } from './steps/equipment.ts';
import { exposure } from './steps/exposure.ts';
import { machineNames } from './steps/machineNames.ts';
import { machinePorts } from './steps/machinePorts.ts';
import { machines } from './steps/machines.ts';
import { machinesJoined } from './steps/machinesJoined.ts';
import { machinesUpgraded } from './steps/machinesUpgraded.ts';
import { network } from './steps/network.ts';
import { priority } from './steps/priority.ts';
import { reachable } from './steps/reachable.ts';
import { rights } from './steps/rights.ts';
import { router } from './steps/router.ts';
import { securityGroup } from './steps/securityGroup.ts';
import { serverGroup } from './steps/serverGroup.ts';
import { storage } from './steps/storage.ts';

const CHECKS = [reachable, rights, storage, exposure, capacity, priority, drained];
const MAKING = [
  ...[machineNames, network, router, securityGroup, machinePorts, apiAddress, authorities, serverGroup],
  ...[machines, apiAnswers, equipment, machinesJoined, machinesUpgraded],
];

const registeredFlow = defineFlow<SeedScope>('seed', CHECKS);
/** The checks begin once there is something to look at: see `reachable`. */
const madeFlow = defineFlow<SeedScope>('made seed', [...MAKING, ...CHECKS]);

export const createSeedHandler = (world: World): Handler => {
  const registered = handlerOf(world, registeredFlow);
  const made = handlerOf(world, madeFlow);
  return async (job) => {
    const row = await loadSeed(world.store.db, job.claim.id);
    return row?.made == null ? registered(job) : made(job);
  };
};

const handlerOf = (world: World, flow: Flow<SeedScope>): Handler =>
  createHandler(world, {
    kind: 'SEED',
    flow,
    load: loadSeed,
    subject: (row) => ({ kind: 'SEED', id: row.id, name: row.name, streamId: row.id, clusterId: null, projectId: null }),
    open: async (row, write, world) => openSeedScope(world, row, write),
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

/** An upgrade that does not come along, and the API's absence on the way, take nothing from what is in a seed. */
const isBorne = (row: SeedRow, { failure }: PassSummary): boolean =>
  failure === null ||
  failure.name === machinesUpgraded.name ||
  (failure.problem?.code === 'SEED_UNAVAILABLE' && row.lostAt === null && isUpgrading(row));

const stateOf = (_scope: SeedScope, row: SeedRow, summary: PassSummary): SeedState => {
  if (row.deleteRequestedAt !== null) return summary.settled ? 'DELETED' : 'UNREGISTERING';
  if (summary.settled) return 'READY';
  // It lacks nothing while its control planes are on their way, or it waits for a machine that it gets besides.
  if ((row.drain !== null || row.made !== null) && row.state === 'READY' && isBorne(row, summary)) return 'READY';
  // What a cluster's own steps will meet again (a slow API) is no reason to refuse it; what an administrator must mend is.
  return row.observedGeneration === 0 && summary.failure === null ? 'PENDING' : 'NOT_READY';
};
