/** upgradeCluster: another version of Kubernetes for a living cluster; its flow takes the control plane there, and then the nodes. */
import { z } from 'zod';
import { checkUpgrade, getRunningVersion, listLate } from '../domain/upgradeCheck.ts';
import type { Looking, Tx } from '../store/open.ts';
import { type ClusterRow, listLiveNodeGroups, listLiveNodesOfCluster, patchNodeGroup } from '../store/reconcile.ts';
import { backupBeforeUpgrade, writeUpgrade } from '../store/upgrades.ts';
import { beginnerOf } from './announce.ts';
import type { Call, ClusterAnswer, Command, CommandDeps } from './call.ts';
import { changeCluster } from './clusterCommand.ts';
import { checkStore } from './createBackup.ts';
import { given, nameOrId, ownInput, parseInput } from './parse.ts';
import { recallCluster } from './targets.ts';
import { versionInput } from './templateInput.ts';
import { refreshTrust } from './trust.ts';
import type { UpgradeFacts } from './upgradePlan.ts';

export const upgradeInput = z.strictObject({
  clusterId: nameOrId,
  version: versionInput,
  controlPlaneOnly: given(z.boolean()),
  skipBackup: given(z.boolean()),
});
type Input = z.output<typeof upgradeInput>;

export const upgradeCluster =
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    const input = parseInput(upgradeInput, ownInput(raw));
    return changeCluster(deps, call, {
      mutation: 'upgradeCluster',
      raw,
      clusterId: input.clusterId,
      write: (tx, row) => write(deps, call, tx, row, input),
    });
  };

/** What an upgrade is judged by. */
export const readUpgradeFacts = async (deps: CommandDeps, call: Call, { db }: Looking, row: ClusterRow): Promise<UpgradeFacts> => ({
  cluster: row,
  groups: await listLiveNodeGroups(db, row.id),
  nodes: await listLiveNodesOfCluster(db, row.id),
  catalogue: deps.peekCatalogue(row.projectId, call.actor.userId),
  now: deps.clock.now(),
});

const write = async (
  deps: CommandDeps,
  call: Call,
  tx: Tx,
  row: ClusterRow,
  { version, controlPlaneOnly = false, skipBackup = false }: Input,
) => {
  const now = deps.clock.now();
  const facts = await readUpgradeFacts(deps, call, tx, row);
  const { version: kubernetesVersion } = checkUpgrade(facts, version, controlPlaneOnly);
  const running = getRunningVersion(row);
  const by = beginnerOf(deps, call, now);
  const way = { running, wanted: kubernetesVersion, checkStore: () => checkStore(deps) };
  const backup = skipBackup ? {} : await backupBeforeUpgrade(tx, by, row, way);
  // Groups that are to follow again do so once the control plane is there, or their nodes would be replaced twice.
  if (controlPlaneOnly)
    for (const group of facts.groups)
      if (group.kubernetesVersion === null) await patchNodeGroup(tx, group.id, { kubernetesVersion: running });
  const what = controlPlaneOnly ? `The control plane of cluster ${row.name}` : `Cluster ${row.name}`;
  const done = kubernetesVersion === running ? `is brought to ${running}` : `is upgraded from ${running} to ${kubernetesVersion}`;
  const operation = await writeUpgrade(tx, by, row, {
    running,
    version: kubernetesVersion,
    controlPlaneOnly,
    backup,
    late: controlPlaneOnly || kubernetesVersion !== running ? [] : listLate(facts, running),
    autoUpgrade: row.autoUpgrade && { ...row.autoUpgrade, takenOver: true },
    message: `${what} ${done}, as ${call.actor.userName} asked.`,
  });
  await refreshTrust(tx, deps, call, row);
  return { cluster: await recallCluster(tx.db, call, row.id), operation };
};
