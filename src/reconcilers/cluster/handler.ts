/** Clusters as a kind of object that passes run over. */
import { isByItself, nextPatch } from '../../domain/autoUpgrade.ts';
import { type ClusterHibernation, hibernationOf, isWaking, nextSleep } from '../../domain/hibernation.ts';
import { pauseOf } from '../../domain/pause.ts';
import { isUpgrading } from '../../domain/seedUpgrade.ts';
import { versionNow } from '../../domain/upgrade.ts';
import { opensAt } from '../../domain/weeklyWindow.ts';
import type { PassSummary } from '../../engine/progress.ts';
import { fallAsleep } from '../../store/hibernation.ts';
import { type ClusterRow, findHolds, listLiveNodeGroups, loadCluster, patchCluster } from '../../store/reconcile.ts';
import { endUsesOfCluster } from '../../store/usage.ts';
import type { Held } from '../holds.ts';
import { isOutOfSight } from '../lostSeed.ts';
import { commonState } from '../outcome.ts';
import { createHandler } from '../pass.ts';
import type { World } from '../world.ts';
import { clusterFlow, hibernationFlow, lostFlow, STOPPED_STEPS } from './flow.ts';
import { hibernateByItself } from './hibernationByItself.ts';
import { type ClusterScope, openClusterScope } from './scope.ts';

const lost = (row: ClusterRow): Held<ClusterScope> => ({
  flow: lostFlow,
  stateOf: () => 'UNKNOWN',
  hibernation: asleepOf(row),
  ends: [],
  alone: false,
  tells: true,
});

const hibernated = (row: ClusterRow): Held<ClusterScope> => ({
  flow: hibernationFlow,
  stateOf: ({ settled, failure }: PassSummary) =>
    settled ? 'HIBERNATED' : failure?.problem?.retryable === false ? 'DEGRADED' : 'HIBERNATING',
  hibernation: asleepOf(row),
  ends: ['HIBERNATE_CLUSTER'],
  alone: true,
  tells: false,
});

/** On the way there, that is what is waited for. */
const asleepOf = (row: ClusterRow): ClusterHibernation | null => {
  const hibernation = hibernationOf(row);
  return hibernation?.phase === 'ASLEEP' ? hibernation : null;
};

/** The API of a seed that is upgraded is away for moments, and what is in it is none the worse. */
const isBorne = (scope: ClusterScope, { failure }: PassSummary): boolean => {
  const seed = scope.seedSeen();
  return failure?.problem?.code === 'SEED_UNAVAILABLE' && scope.row.deleteRequestedAt === null && seed !== undefined && isUpgrading(seed);
};

const SOON_MS = 1_000;
const STILL_AWAKE_MS = 60_000;

export const createClusterHandler = (world: World) =>
  createHandler(world, {
    kind: 'CLUSTER',
    flow: clusterFlow,
    load: loadCluster,
    subject: (row) => ({
      kind: 'CLUSTER',
      id: row.id,
      name: row.name,
      streamId: row.id,
      clusterId: row.id,
      projectId: row.projectId,
    }),
    cluster: (row) => row,
    open: async (row, write, world) => {
      await hibernateByItself(world, row, write);
      // Nothing of an upgrade begins before its backup.
      row.spec = { ...row.spec, kubernetesVersion: versionNow(row) };
      return openClusterScope(world, row, await listLiveNodeGroups(world.store.db, row.id), write);
    },
    held: async (row) => {
      if (await isOutOfSight(world, row)) return lost(row);
      return hibernationOf(row) === null ? undefined : hibernated(row);
    },
    stateOf: (scope, row, summary) => {
      const changing = scope.groups.some((g) => g.observedGeneration < g.generation || g.deleteRequestedAt !== null);
      if (row.state === 'READY' && isBorne(scope, summary)) return 'READY';
      const state = commonState(row, summary, changing);
      return state === 'UPDATING' && isWaking(row) ? 'WAKING' : state;
    },
    lookAt: (row) => {
      const hibernation = hibernationOf(row);
      const now = world.clock.now();
      // An end that came during the pass is no reason to wait, as what could not be done would be.
      if (hibernation !== null) return hibernation.until === null ? null : Math.max(hibernation.until, now + SOON_MS);
      return soonest(backupAt(row), row.deleteRequestedAt === null ? upgradeAt(row, now) : null, sleepAt(row, now));
    },
    suspect: ({ seedId }, { code }) => (code === 'SEED_UNAVAILABLE' && seedId !== null ? { kind: 'SEED', id: seedId } : undefined),
    save: async (tx, row, patch, summary) => {
      // A caller may have lent a token while the last of it went.
      if (patch.deletedAt !== null) await world.secrets.remove(tx, row.id);
      // The secret of a credential that was handed in goes with its cluster.
      const gone = patch.deletedAt === null ? {} : { credential: null };
      // A pause that is over has been looked behind; another may have been asked for meanwhile.
      const live = summary.settled && row.pause !== null ? await findHolds(tx.db, row.id) : undefined;
      const looked = live?.pause != null && pauseOf(live, world.clock.now()) === null ? { pause: null } : {};
      // It is as it was before the hibernation.
      const awake = summary.settled && isWaking(row) ? { hibernation: null } : {};
      await patchCluster(tx, row.id, { ...looked, ...awake, ...(patch as Parameters<typeof patchCluster>[2]), ...gone });
      // What it left in the project is not its own any more.
      if (patch.deletedAt !== null) await endUsesOfCluster(tx, row.id, world.clock.now());
      if (patch.state === 'HIBERNATED') await fallAsleep(tx, row, STOPPED_STEPS, world.clock.now());
    },
    forget: (row) => world.tenants.close(row.id),
  });

const backupAt = ({ backupPlan, spec }: ClusterRow): number | null => (spec.backup.enabled ? (backupPlan?.nextAt ?? null) : null);

/** When it may begin an upgrade by itself, or go on with one, that it has to wait for. */
const upgradeAt = (row: ClusterRow, now: number): number | null =>
  nextPatch(row) === undefined && !isByItself(row) ? null : opensAt(row.spec.maintenance.windows, now);

/** What keeps it awake in a window of its schedule may end at any time. */
const sleepAt = (row: ClusterRow, now: number): number | null => {
  const from = nextSleep(row, now)?.from ?? null;
  return from === null ? null : Math.max(from, now + STILL_AWAKE_MS);
};

const soonest = (...times: (number | null)[]): number | null => {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
};
