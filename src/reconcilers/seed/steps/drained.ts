/** A seed that is drained: its control planes go to other seeds, a few at a time, until none is left. */
import { STORE_SETTINGS } from '../../../domain/backup.ts';
import { hindranceOf, isMoving } from '../../../domain/controlPlaneMove.ts';
import { SeedbedError } from '../../../domain/errors.ts';
import { type DrainEntry, MOVES_AT_ONCE } from '../../../domain/seedDrain.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { newId } from '../../../lib/ids.ts';
import { newMove, writeMove } from '../../../store/moves.ts';
import { loadCluster, loadSeed, patchSeed } from '../../../store/reconcile.ts';
import { loadDrainPlan } from '../../../store/seedDrains.ts';
import { checkSeedFits } from '../../../store/seeds.ts';
import type { SeedScope } from '../scope.ts';

const LOOK_MS = 10_000;
/** Of those that cannot be moved, the plan names all. */
const NAMED = 5;

export const drained: Step<SeedScope> = {
  name: 'SeedDrained',
  title: 'Move its control planes to other seeds',
  wanted: ({ row }) => row.drain !== null,
  ensure: async (scope) => {
    const plan = await loadDrainPlan(scope.db, scope.row);
    if (plan.length === 0) return end(scope);
    const moving = plan.filter(({ state }) => state === 'MOVING').length;
    const next = plan.filter(({ state }) => state === 'PLANNED').slice(0, Math.max(0, MOVES_AT_ONCE - moving));
    const refused: DrainEntry[] = [];
    for (const entry of next) {
      const why = await begin(scope, entry);
      if (why !== undefined) refused.push({ ...entry, state: 'STUCK', reason: why });
    }
    return say(plan, moving + next.length - refused.length, refused);
  },
};

const end = async (scope: SeedScope): Promise<Outcome> => {
  await scope.write(async (tx) => {
    // It may be drained no more, or once again.
    const live = await loadSeed(tx.db, scope.row.id);
    if (live?.drain?.since === scope.row.drain?.since) await patchSeed(tx, scope.row.id, { drain: null });
  });
  return done('No control plane is left in it.');
};

/** Why it could not begin; undefined: it has. */
const begin = async ({ write, row, clock, world }: SeedScope, { clusterId, toSeedId }: DrainEntry): Promise<string | undefined> => {
  if (world.objects === null) return `There is no object store for the backup that it takes: set ${STORE_SETTINGS}.`;
  try {
    await write(async (tx) => {
      const live = await loadSeed(tx.db, row.id);
      const cluster = await loadCluster(tx.db, clusterId);
      // Something else was asked for since the plan was made; the next one knows.
      if (live?.drain?.since !== row.drain?.since || cluster?.seedId !== row.id || cluster.deleteRequestedAt !== null || toSeedId === null)
        return;
      if (isMoving(cluster.move) || hindranceOf(cluster) !== undefined) return;
      await checkSeedFits(tx.db, cluster, toSeedId);
      // Its project reads the reason, and knows nothing of seeds.
      const by = { newId, now: clock.now(), requestedBy: row.drain?.requestedBy ?? '', reason: 'The place that it is in is emptied.' };
      await writeMove(tx, by, cluster, await newMove(tx, by, cluster, { fromSeedId: row.id, toSeedId }));
    });
    return undefined;
  } catch (error) {
    if (error instanceof SeedbedError) return error.message;
    throw error;
  }
};

const say = (plan: readonly DrainEntry[], moving: number, refused: readonly DrainEntry[]): Outcome => {
  const isRefused = new Set(refused.map(({ clusterId }) => clusterId));
  const stuck = [...plan.filter(({ state, clusterId }) => state === 'STUCK' && !isRefused.has(clusterId)), ...refused];
  const named = stuck.slice(0, NAMED).map(({ clusterName, reason }) => ` ${clusterName}: ${reason}`);
  const more = stuck.length > NAMED ? ` The plan of the drain names all ${stuck.length}.` : '';
  const cannot = stuck.length === 0 ? '' : `; ${stuck.length} cannot be moved now.${named.join('')}${more}`;
  const reason = `${plan.length} ${plan.length === 1 ? 'control plane' : 'control planes'} to leave, of which ${moving} ${moving === 1 ? 'is' : 'are'} moving${cannot}`;
  return waiting(reason, LOOK_MS, stuck.length > 0 ? 'CLOUD_ADMIN' : 'NOBODY');
};
