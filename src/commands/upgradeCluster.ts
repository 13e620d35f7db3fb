/** upgradeCluster: another version of Kubernetes for a living cluster; its flow takes the control plane there, and then the nodes. */
import { z } from 'zod';
import { mergeChanges } from '../domain/template.ts';
import { upgradeTo } from '../domain/upgrade.ts';
import type { Tx } from '../store/open.ts';
import { supersedeOperations } from '../store/operations.ts';
import { type ClusterRow, listLiveNodeGroups, listLiveNodesOfCluster, patchCluster, patchNodeGroup } from '../store/reconcile.ts';
import { wakeNow } from '../store/wake.ts';
import { announce, clusterSubject, newOperation } from './announce.ts';
import { backupBeforeUpgrade } from './backupBeforeUpgrade.ts';
import type { Call, ClusterAnswer, Command, CommandDeps } from './call.ts';
import { changeCluster } from './clusterCommand.ts';
import { given, nameOrId, ownInput, parseInput } from './parse.ts';
import { recallCluster } from './targets.ts';
import { versionInput } from './templateInput.ts';
import { refreshTrust } from './trust.ts';
import { checkUpgrade, getRunningVersion, type UpgradeFacts } from './upgradePlan.ts';

const schema = z.strictObject({
  clusterId: nameOrId,
  version: versionInput,
  controlPlaneOnly: given(z.boolean()),
  skipBackup: given(z.boolean()),
});
type Input = z.output<typeof schema>;

export const upgradeCluster =
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return changeCluster(deps, call, {
      mutation: 'upgradeCluster',
      raw,
      clusterId: input.clusterId,
      write: (tx, row) => write(deps, call, tx, row, input),
    });
  };

const write = async (
  deps: CommandDeps,
  call: Call,
  tx: Tx,
  row: ClusterRow,
  { version, controlPlaneOnly = false, skipBackup = false }: Input,
) => {
  const now = deps.clock.now();
  const facts: UpgradeFacts = {
    cluster: row,
    groups: await listLiveNodeGroups(tx.db, row.id),
    nodes: await listLiveNodesOfCluster(tx.db, row.id),
    catalogue: deps.peekCatalogue(row.projectId, call.actor.userId),
    now,
  };
  const { version: kubernetesVersion } = checkUpgrade(facts, version, controlPlaneOnly);
  const running = getRunningVersion(row);
  const backup = skipBackup ? {} : await backupBeforeUpgrade(deps, call, tx, row, { running, wanted: kubernetesVersion });
  const change = {
    spec: { ...row.spec, kubernetesVersion },
    overrides: mergeChanges(row.overrides, { kubernetesVersion }),
    ...upgradeTo(row, running, { controlPlaneOnly, ...backup }),
    generation: row.generation + 1,
    updatedAt: now,
    ...(row.state === 'READY' && { state: 'UPDATING' as const }),
  };
  await patchCluster(tx, row.id, change);
  // Groups that are to follow again do so once the control plane is there, or their nodes would be replaced twice.
  if (controlPlaneOnly)
    for (const group of facts.groups)
      if (group.kubernetesVersion === null) await patchNodeGroup(tx, group.id, { kubernetesVersion: running });
  const subject = clusterSubject(row);
  const operation = newOperation(deps, call, 'UPGRADE_CLUSTER', subject, change.generation);
  await supersedeOperations(tx, operation, { kinds: ['UPGRADE_CLUSTER'] }, now);
  const what = controlPlaneOnly ? `The control plane of cluster ${row.name}` : `Cluster ${row.name}`;
  const way = kubernetesVersion === running ? `is brought to ${running}` : `is upgraded from ${running} to ${kubernetesVersion}`;
  await announce(tx, subject, operation, change.state ?? row.state, `${what} ${way}, as ${call.actor.userName} asked.`, 'CHANGED');
  await refreshTrust(tx, deps, call, row);
  await wakeNow(tx, 'CLUSTER', row.id, now);
  return { cluster: await recallCluster(tx.db, call, row.id), operation };
};
