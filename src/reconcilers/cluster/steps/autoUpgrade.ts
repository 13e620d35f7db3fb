/** Begins an upgrade to a newer patch release when the cluster is to have it by itself and a maintenance window is open. */
import { AUTO_UPGRADE, begunAt, isByItself, nextPatch } from '../../../domain/autoUpgrade.ts';
import { STORE_SETTINGS } from '../../../domain/backup.ts';
import { SeedbedError, UserError } from '../../../domain/errors.ts';
import { sayOpening } from '../../../domain/maintenance.ts';
import { checkAutoUpgrade, getRunningVersion, listLate, type UpgradeCheckFacts } from '../../../domain/upgradeCheck.ts';
import { opensAt } from '../../../domain/weeklyWindow.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { newId } from '../../../lib/ids.ts';
import type { Beginner } from '../../../store/begun.ts';
import type { Db, Tx } from '../../../store/open.ts';
import { type ClusterRow, listLiveNodeGroups, listLiveNodesOfCluster, loadCluster } from '../../../store/reconcile.ts';
import { backupBeforeUpgrade, writeUpgrade } from '../../../store/upgrades.ts';
import type { ClusterScope } from '../scope.ts';
import { versionReached } from './versionReached.ts';

export const autoUpgrade: Step<ClusterScope> = {
  name: 'UpgradedByItself',
  title: 'Upgrade to newer patch releases',
  usuallyMs: 5_000,
  optional: true,
  needs: [versionReached],
  // What has been begun is ended, whatever is wanted by now.
  wanted: ({ row }) => row.spec.maintenance.autoUpgrade !== 'NONE' || isByItself(row),
  ensure: async (scope) => {
    const { row, clock, db } = scope;
    const version = nextPatch(row)?.version ?? (await lateVersion(db, row));
    if (version === undefined) return done();
    const from = opensAt(row.spec.maintenance.windows, clock.now());
    if (from !== null) return done(`${version} waits for ${sayOpening(from)}.`);
    // What the customer has asked for comes first, and what ails it is not made worse.
    if (!isWell(scope)) return done(`${version} waits for the cluster and its node groups to be READY.`);
    return begin(scope, version);
  },
};

/** The control plane is as it is wanted where this step has its turn. */
const isWell = ({ row, groups }: ClusterScope): boolean =>
  (row.state === 'READY' || row.state === 'UPDATING') &&
  groups.every((group) => group.state === 'READY' && group.observedGeneration === group.generation && group.deleteRequestedAt === null);

/** The version that nodes are still to come to; undefined: none are left. */
const lateVersion = async (db: Db, row: ClusterRow): Promise<string | undefined> => {
  const version = row.spec.kubernetesVersion;
  return isByItself(row) && listLate(await read(db, row), version).length > 0 ? version : undefined;
};

const read = async (db: Db, row: ClusterRow): Promise<UpgradeCheckFacts> => ({
  cluster: row,
  groups: await listLiveNodeGroups(db, row.id),
  nodes: await listLiveNodesOfCluster(db, row.id),
  catalogue: null,
});

const begin = async (scope: ClusterScope, version: string): Promise<Outcome> => {
  try {
    const begun = await scope.write(async (tx) => {
      const current = await loadCluster(tx.db, scope.row.id);
      // Something else has been asked for since the pass began, which the next one looks at.
      if (current === undefined || current.generation !== scope.row.generation || current.deleteRequestedAt !== null) return false;
      await write(scope, tx, current, version);
      return true;
    });
    return begun ? waiting(`the upgrade to ${version} to begin`, 100) : done();
  } catch (error) {
    // The cluster is as well as before; what stands in the way is told, and whoever mends it need do no more.
    if (error instanceof SeedbedError) return done(`${version} waits: ${error.message}`);
    throw error;
  }
};

const write = async (scope: ClusterScope, tx: Tx, row: ClusterRow, version: string): Promise<void> => {
  const now = scope.clock.now();
  const facts = await read(tx.db, row);
  checkAutoUpgrade(facts, version);
  const running = getRunningVersion(row);
  const goesOn = version === running;
  const reason = goesOn
    ? `Nodes are left that the upgrade to ${version} by itself has not reached in its maintenance window.`
    : `${version} is a newer patch release than ${running}, and maintenance.autoUpgrade of cluster ${row.name} is ${row.spec.maintenance.autoUpgrade}.`;
  const by: Beginner = { newId, now, requestedBy: AUTO_UPGRADE, reason };
  const backup = await backupBeforeUpgrade(tx, by, row, { running, wanted: version, checkStore: () => checkStore(scope) });
  await writeUpgrade(tx, by, row, {
    running,
    version,
    // Groups that were told to stay at a version do.
    controlPlaneOnly: true,
    backup,
    autoUpgrade: begunAt(version, row.spec.maintenance, now),
    late: goesOn ? listLate(facts, running) : [],
    message: goesOn
      ? `The upgrade of cluster ${row.name} to ${version} goes on with the nodes that are left, as its maintenance window is open.`
      : `Cluster ${row.name} is upgraded from ${running} to ${version} by itself, as its maintenance.autoUpgrade says.`,
  });
};

const checkStore = ({ world }: ClusterScope): void => {
  if (world.objects !== null) return;
  throw new UserError(
    'SEED_REFUSED',
    `there is no object store for the backup that it begins with. Have backup.enabled switched off, or set ${STORE_SETTINGS}.`,
    {
      field: ['backup', 'enabled'],
      whoMustAct: 'CLOUD_ADMIN',
    },
  );
};
