/** moveClusterToTemplate: a living cluster takes over another revision's settings, its own template's or another's; what is its own stays. */
import { z } from 'zod';
import { NotFound, UserError } from '../domain/errors.ts';
import { settingsDigestOf } from '../domain/roll.ts';
import { upgradeTo } from '../domain/upgrade.ts';
import { noteSettingsDigest } from '../store/nodes.ts';
import type { Db, Tx } from '../store/open.ts';
import { supersedeOperations } from '../store/operations.ts';
import { type ClusterRow, listLiveNodeGroups, listLiveNodesOfCluster, patchCluster, patchNodeGroup } from '../store/reconcile.ts';
import { sightOf } from '../store/sight.ts';
import { findUsableTemplates, loadRevisions, type TemplateWithRevision } from '../store/templates.ts';
import { backupBeforeUpgrade } from '../store/upgrades.ts';
import { wakeNodeGroups, wakeNow } from '../store/wake.ts';
import { announce, beginnerOf, clusterSubject, newOperation } from './announce.ts';
import { checkBundlesThere } from './bundleChoice.ts';
import type { Call, ClusterAnswer, Command, CommandDeps } from './call.ts';
import { checkAllowedCidrs, checkBackup, checkEgress, checkTunnel } from './checks.ts';
import { changeCluster } from './clusterCommand.ts';
import { checkStore } from './createBackup.ts';
import { given, nameOrId, ownInput, parseInput, wholeNumber } from './parse.ts';
import { checkMoveRoom, flavorVcpus } from './quotaChecks.ts';
import { getTemplate, recallCluster } from './targets.ts';
import { checkMove, type GroupMove, runningBefore } from './templateMove.ts';
import { refreshTrust } from './trust.ts';
import { checkReached, wakeForProblems } from './updateCluster.ts';

const schema = z.strictObject({
  clusterId: nameOrId,
  clusterTemplate: given(nameOrId),
  revision: given(wholeNumber(1, 1_000_000)),
  keep: given(z.array(z.string()).max(100, 'must be at most 100 settings')),
});
type Input = z.output<typeof schema>;

export const moveClusterToTemplate =
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return changeCluster(deps, call, {
      mutation: 'moveClusterToTemplate',
      raw,
      clusterId: input.clusterId,
      write: (tx, row) => write(deps, call, tx, row, input),
    });
  };

/** Which revision is meant: without a template the cluster's own, without a number the newest. */
export interface RevisionChoice {
  clusterTemplate?: string | undefined;
  revision?: number | undefined;
}

export const fieldOfChoice = ({ revision }: RevisionChoice): string[] => [revision === undefined ? 'clusterTemplate' : 'revision'];

/** @throws NotFound for a template that the caller does not see; UserError for a revision that it has not. */
export const getRevision = async (db: Db, call: Call, row: ClusterRow, choice: RevisionChoice): Promise<TemplateWithRevision> => {
  const found =
    choice.clusterTemplate === undefined
      ? await getOwn(db, call, row)
      : await getTemplate(db, call, choice.clusterTemplate, 'clusterTemplate');
  if (choice.revision === undefined || choice.revision === found.revision.revision) return found;
  const [revision] = await loadRevisions(db, [{ templateId: found.template.id, revision: choice.revision }]);
  if (revision === undefined)
    throw new UserError(
      'INVALID_INPUT',
      `Cluster template ${found.template.name} has no revision ${choice.revision}; its newest is ${found.template.revision}.`,
      { field: ['revision'] },
    );
  return { template: found.template, revision };
};

const getOwn = async (db: Db, call: Call, row: ClusterRow): Promise<TemplateWithRevision> => {
  const [found] = await findUsableTemplates(db, sightOf(call.actor, 'readClusterTemplates'), row.templateId);
  if (found === undefined)
    throw new NotFound(`The template that cluster ${row.name} was made from, and which may be deleted or not yours to see any more,`, {
      field: ['clusterTemplate'],
    });
  return found;
};

const write = async (deps: CommandDeps, call: Call, tx: Tx, row: ClusterRow, input: Input) => {
  const now = deps.clock.now();
  const { template, revision } = await getRevision(tx.db, call, row, input);
  const field = fieldOfChoice(input);
  const plan = checkMove({
    cluster: row,
    groups: await listLiveNodeGroups(tx.db, row.id),
    nodes: await listLiveNodesOfCluster(tx.db, row.id),
    catalogue: deps.peekCatalogue(row.projectId, call.actor.userId),
    now,
    template,
    revision,
    keep: input.keep ?? [],
    field,
  });
  const { spec } = plan;
  // What the template says its author was allowed to say; the cluster's own stays as it is.
  checkTunnel(call, spec, row.spec.controlPlane.tunnel === 'NONE' ? row.spec : revision.spec, () => field);
  checkAllowedCidrs(deps, spec, row.spec, () => field);
  checkEgress(deps, spec, row.spec, () => field);
  checkBackup(deps, spec, row.spec.backup.enabled, () => field);
  await checkReached(tx, row, spec, () => field);
  const owner = { projectId: row.projectId, userId: call.actor.userId };
  const moves = plan.groups.map((group) => ({ ...group, vcpus: flavorVcpus(deps, owner, group.spec) }));
  await checkMoveRoom(deps, tx, row, { spec, moves }, field);
  await checkBundlesThere(tx.db, spec, field);
  const running = runningBefore(row, plan);
  const by = beginnerOf(deps, call, now);
  const order = running === null ? null : { running, wanted: spec.kubernetesVersion, checkStore: () => checkStore(deps) };
  const backup = order === null ? {} : await backupBeforeUpgrade(tx, by, row, order);
  const change = {
    templateId: template.id,
    templateRevision: revision.revision,
    spec,
    overrides: plan.overrides,
    ...(running !== null && upgradeTo(row, running, { controlPlaneOnly: false, ...backup })),
    ...(running !== null && row.autoUpgrade !== null && { autoUpgrade: { ...row.autoUpgrade, takenOver: true } }),
    generation: row.generation + 1,
    updatedAt: now,
    ...(row.state === 'READY' && { state: 'UPDATING' as const }),
  };
  await patchCluster(tx, row.id, change);
  for (const move of moves) await moveGroup(tx, move, now);
  const subject = clusterSubject(row);
  const operation = newOperation(deps, call, 'MOVE_CLUSTER_TO_TEMPLATE', subject, change.generation);
  const kinds = ['MOVE_CLUSTER_TO_TEMPLATE' as const, 'UPDATE_CLUSTER' as const];
  await supersedeOperations(tx, operation, { kinds: plan.version === null ? kinds : [...kinds, 'UPGRADE_CLUSTER'] }, now);
  const way = plan.version === null ? '' : `, and from ${running} to ${plan.version},`;
  const sentence = `Cluster ${row.name} moves to revision ${revision.revision} of template ${template.name}${way} as ${call.actor.userName} asked.`;
  await announce(tx, subject, operation, change.state ?? row.state, sentence, 'CHANGED');
  await refreshTrust(tx, deps, call, row);
  await wakeNow(tx, 'CLUSTER', row.id, now);
  await wakeNodeGroups(tx, row.id, now, false);
  await wakeForProblems(tx, row, spec, now);
  return { cluster: await recallCluster(tx.db, call, row.id), operation };
};

/** Its nodes follow by being replaced; the cluster's operation waits for that. */
const moveGroup = async (tx: Tx, { nodeGroup, spec, vcpus }: GroupMove & { vcpus: number | null }, now: number): Promise<void> => {
  const [before, after] = [settingsDigestOf(nodeGroup.spec), settingsDigestOf(spec)];
  if (before !== after) await noteSettingsDigest(tx, nodeGroup.id, before);
  const generation = nodeGroup.generation + 1;
  await patchNodeGroup(tx, nodeGroup.id, {
    spec,
    generation,
    // A name is looked up anew even where it is the same: another image may have it by now.
    namesGeneration: generation,
    // Until the name is looked up, what it was counts.
    ...(vcpus !== null && { vcpus }),
    updatedAt: now,
    ...(nodeGroup.state === 'READY' && { state: 'UPDATING' }),
  });
};
