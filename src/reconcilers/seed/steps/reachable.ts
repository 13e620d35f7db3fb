/** The seed answers, and runs a version that can hold control planes. */
import { Unavailable } from '../../../domain/errors.ts';
import { controlPlaneMachinesOf } from '../../../domain/madeSeed.ts';
import { isLost } from '../../../domain/seed.ts';
import { isUpgrading } from '../../../domain/seedUpgrade.ts';
import { listReleases, parseVersion } from '../../../domain/version.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { requireSameCluster, type SeedProbe } from '../../../seeds/probe.ts';
import { patchSeed } from '../../../store/reconcile.ts';
import { listClusterIdsOnSeed } from '../../../store/seeds.ts';
import { wakeClustersOfSeed, wakePartsOfSeed } from '../../../store/wake.ts';
import { mendSeed, type SeedScope } from '../scope.ts';

/** Kubernetes itself is supported for three minors; one more is borne for seeds that are being upgraded. */
const OLDEST_MINORS_BEHIND = 4;

export const reachable: Step<SeedScope> = {
  name: 'Reachable',
  title: 'Reach the seed',
  usuallyMs: 10_000,
  ensure: async (scope) => {
    if (scope.row.made !== null && scope.row.place?.answeredAt === undefined) return waiting('the seed to be made', 2_000);
    const { version } = await heard(scope);
    const seed = parseVersion(version);
    const newest = parseVersion(listReleases()[0]?.version ?? '');
    if (seed === undefined)
      throw mendSeed(`The seed says its version is ${JSON.stringify(version.slice(0, 40))}, which is not a Kubernetes version.`);
    if (newest !== undefined && newest.minor - seed.minor > OLDEST_MINORS_BEHIND) {
      throw mendSeed(`The seed runs Kubernetes ${version}; upgrade it to 1.${newest.minor - OLDEST_MINORS_BEHIND} or newer.`);
    }
    return done(version);
  },
};

/** What does not answer is asked at least this often, and by nobody else. */
const ASK_MS = 10_000;

/** The seed's answer, and what follows for its clusters when it falls silent for long, or is heard again. */
const heard = async (scope: SeedScope): Promise<SeedProbe> => {
  const { row, world } = scope;
  try {
    // A lost one is not read in full, nor watched, until it says a word.
    if (row.lostAt !== null) await world.seeds.ping(row.id);
    const probe = await scope.probe();
    await recognise(scope, probe);
    if (row.silentSince !== null) await back(scope);
    return probe;
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    await silent(scope);
    // Until then it may be a restart.
    const who = row.lostAt === null ? {} : ({ whoMustAct: 'CLOUD_ADMIN' } as const);
    throw new Unavailable(error.code, error.message, { ...error.detail, ...who, lookAgainMs: ASK_MS, cause: error });
  }
};

/** Behind the address of a seed there may be another one some day. */
const recognise = async (scope: SeedScope, { clusterUid }: SeedProbe): Promise<void> => {
  if (scope.row.clusterUid === null && clusterUid !== null) await scope.patch({ clusterUid });
  try {
    requireSameCluster(scope.row.clusterUid, clusterUid, { isMade: scope.row.made !== null });
  } catch (error) {
    // Whoever has the connection already must not go on.
    scope.world.seeds.close(scope.row.id);
    throw error;
  }
};

const silent = async (scope: SeedScope): Promise<void> => {
  const { row, world, clock } = scope;
  const now = clock.now();
  if (row.silentSince === null) return scope.patch({ silentSince: now });
  // Whoever searched it for orphans meanwhile has opened watches, too.
  if (row.lostAt !== null) return world.seeds.close(row.id);
  const several = row.made !== null && controlPlaneMachinesOf(row.made) > 1;
  if (!isLost(row.silentSince, now, { upgraded: isUpgrading(row), several })) return;
  const clusterIds = await listClusterIdsOnSeed(scope.db, row.id);
  await scope.write(async (tx) => {
    await patchSeed(tx, row.id, { lostAt: now });
    await wakeClustersOfSeed(tx, row.id, now);
  });
  row.lostAt = now;
  // Their watches would go on knocking, each by itself.
  world.seeds.close(row.id);
  for (const id of clusterIds) world.tenants.close(id);
};

const back = async (scope: SeedScope): Promise<void> => {
  const { row, clock } = scope;
  const heardAgain = { silentSince: null, lostAt: null };
  await scope.write(async (tx) => {
    await patchSeed(tx, row.id, heardAgain);
    if (row.lostAt === null) return;
    await wakeClustersOfSeed(tx, row.id, clock.now());
    await wakePartsOfSeed(tx, row.id, clock.now());
  });
  Object.assign(row, heardAgain);
};
