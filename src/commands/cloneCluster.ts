/** cloneCluster: another cluster beginning as a backup has it, with keys, address and workers of its own. */
import { permittedProject } from '../domain/actor.ts';
import { NotFound, UserError } from '../domain/errors.ts';
import type { BackupRow } from '../store/backups.ts';
import { isLiveTemplate } from '../store/templates.ts';
import type { Call, ClusterAnswer, Command, CommandDeps } from './call.ts';
import { outcomeOf, recallClusterAnswer } from './clusterCommand.ts';
import { type CloneInput, type ClusterPlan, cloneInput, planClone } from './clusterPlan.ts';
import { checkStore } from './createBackup.ts';
import { writeCluster } from './createCluster.ts';
import { runOnce } from './idempotent.ts';
import { ownInput, parseInput } from './parse.ts';
import { checkRestorable } from './restoreCluster.ts';
import { getBackup, recallCluster } from './targets.ts';

export const cloneCluster =
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    const input = parseInput(cloneInput, ownInput(raw));
    return runOnce<ClusterAnswer, ClusterPlan>(deps, call, {
      mutation: 'cloneCluster',
      input: raw,
      prepare: () => plan(deps, call, input),
      apply: async (tx, plan) => {
        // Both may have gone since the plan was made.
        const backup = await getBackup(tx.db, call, input.backupId);
        checkRestorable(backup);
        if (!(await isLiveTemplate(tx.db, plan.template.id)))
          throw new NotFound('The template of the cluster that it is of', { field: ['backupId'] });
        const clone = { backupId: backup.id, clusterId: backup.clusterId, separated: false };
        const restore = { backupId: backup.id, number: 1, phase: 'STOP' as const, filled: [] };
        const why = `, to begin as backup ${backup.name} has it`;
        const { cluster, operation } = await writeCluster(deps, call, tx, { input: { ...input, clone, restore }, plan, why });
        return outcomeOf({ cluster, operation });
      },
      recall: recallClusterAnswer(deps, call),
    });
  };

const plan = async (deps: CommandDeps, call: Call, input: CloneInput): Promise<ClusterPlan> => {
  const projectId = permittedProject(call.actor, 'cloneCluster');
  const backup = await getBackup(deps.store.db, call, input.backupId);
  if (backup.projectId !== projectId)
    throw new UserError('FORBIDDEN', `Backup ${backup.name} is of another project than your token; use a token of that project.`, {
      field: ['backupId'],
    });
  checkStore(deps);
  const source = await recallCluster(deps.store.db, call, backup.clusterId);
  return planClone(deps, call, input, { source, version: versionOf(backup) });
};

const versionOf = (backup: BackupRow): string => checkRestorable(backup).kubernetesVersion;
