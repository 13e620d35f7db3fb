/** Finds what a command is to change; what is not the caller's is not there. */
import { permit } from '../domain/actor.ts';
import { Conflict, NotFound } from '../domain/errors.ts';
import { type BackupRow, loadBackups } from '../store/backups.ts';
import { loadClusters } from '../store/clusters.ts';
import { type KubeconfigRow, loadKubeconfigs } from '../store/kubeconfigs.ts';
import { loadNodeGroups } from '../store/nodeGroups.ts';
import { loadNodes } from '../store/nodes.ts';
import type { Db } from '../store/open.ts';
import { loadSeenOperations } from '../store/operations.ts';
import type { OperationRow } from '../store/progress.ts';
import type { ClusterRow, NodeGroupRow, NodeRow, SeedRow } from '../store/reconcile.ts';
import { findSeed, loadSeeds } from '../store/seeds.ts';
import { sightOf } from '../store/sight.ts';
import { findUsableTemplates, loadTemplates, type TemplateRow, type TemplateWithRevision } from '../store/templates.ts';
import type { Call } from './call.ts';

const shown = (text: string): string => JSON.stringify(text.slice(0, 80));

/** @throws GENERATION_MISMATCH naming both numbers. */
export const checkGeneration = (call: Call, row: { generation: number }): void => {
  const expected = call.expectedGeneration ?? null;
  if (expected !== null && expected !== row.generation)
    throw new Conflict(
      'GENERATION_MISMATCH',
      `Generation ${expected} was expected and it is ${row.generation}: somebody changed it meanwhile. Look again and decide anew.`,
      {
        field: ['expectedGeneration'],
      },
    );
};

/** A cluster that the caller sees and that is not deleted. @throws NotFound. */
export const getCluster = async (db: Db, call: Call, id: string): Promise<ClusterRow> => {
  const [row] = await loadClusters(db, sightOf(call.actor, 'readClusters'), [id]);
  if (row === undefined || row.deletedAt !== null) throw new NotFound(`Cluster ${shown(id)}`, { field: ['clusterId'] });
  return row;
};

/** @throws CONFLICT when the cluster is on its way out. */
export const checkNotDeleting = (row: ClusterRow): void => {
  if (row.deleteRequestedAt !== null)
    throw new Conflict('CONFLICT', `Cluster ${row.name} is being deleted; nothing of it can be changed any more.`);
};

export const getNodeGroup = async (db: Db, call: Call, id: string): Promise<{ nodeGroup: NodeGroupRow; cluster: ClusterRow }> => {
  const absent = new NotFound(`Node group ${shown(id)}`, { field: ['nodeGroupId'] });
  const [nodeGroup] = await loadNodeGroups(db, sightOf(call.actor, 'readClusters'), [id]);
  if (nodeGroup === undefined || nodeGroup.deletedAt !== null) throw absent;
  const [cluster] = await loadClusters(db, sightOf(call.actor, 'readClusters'), [nodeGroup.clusterId]);
  if (cluster === undefined) throw absent;
  return { nodeGroup, cluster };
};

/** A worker that is there, of a cluster that the caller sees. @throws NotFound. */
export const getNode = async (db: Db, call: Call, id: string): Promise<{ node: NodeRow; nodeGroup: NodeGroupRow; cluster: ClusterRow }> => {
  const absent = new NotFound(`Node ${shown(id)}`, { field: ['nodeId'] });
  const [node] = await loadNodes(db, sightOf(call.actor, 'readClusters'), [id]);
  if (node === undefined || node.deletedAt !== null) throw absent;
  const [nodeGroup] = await loadNodeGroups(db, sightOf(call.actor, 'readClusters'), [node.nodeGroupId]);
  const [cluster] = await loadClusters(db, sightOf(call.actor, 'readClusters'), [node.clusterId]);
  if (nodeGroup === undefined || cluster === undefined) throw absent;
  return { node, nodeGroup, cluster };
};

/** A backup that the caller sees and that is not gone. @throws NotFound. */
export const getBackup = async (db: Db, call: Call, id: string): Promise<BackupRow> => {
  const [row] = await loadBackups(db, sightOf(call.actor, 'readBackups'), [id]);
  if (row === undefined || row.deletedAt !== null) throw new NotFound(`Backup ${shown(id)}`, { field: ['backupId'] });
  return row;
};

/** A kubeconfig of a cluster that the caller sees. @throws NotFound. */
export const getKubeconfig = async (db: Db, call: Call, id: string): Promise<{ kubeconfig: KubeconfigRow; cluster: ClusterRow }> => {
  const [kubeconfig] = await loadKubeconfigs(db, sightOf(call.actor, 'readClusters'), [id]);
  const [cluster] = kubeconfig === undefined ? [] : await loadClusters(db, sightOf(call.actor, 'readClusters'), [kubeconfig.clusterId]);
  if (kubeconfig === undefined || cluster === undefined) throw new NotFound(`Kubeconfig ${shown(id)}`, { field: ['kubeconfigId'] });
  return { kubeconfig, cluster };
};

/** By id or name, for cloud admins. */
export const getSeed = async (db: Db, idOrName: string, field: string): Promise<SeedRow> => {
  const row = await findSeed(db, idOrName);
  if (row === undefined) throw new NotFound(`Seed ${shown(idOrName)}`, { field: [field] });
  return row;
};

/** A template that the caller may use, by id or name, with its newest revision. @throws NotFound; CONFLICT when the name is several templates'. */
export const getTemplate = async (db: Db, call: Call, idOrName: string, field: string): Promise<TemplateWithRevision> => {
  const [found, second] = await findUsableTemplates(db, sightOf(call.actor, 'readClusterTemplates'), idOrName);
  if (found === undefined) throw new NotFound(`Cluster template ${shown(idOrName)}`, { field: [field] });
  if (second !== undefined)
    throw new Conflict('CONFLICT', `Several cluster templates are named ${shown(idOrName)}; give the id of the one you mean.`, {
      field: [field],
    });
  return found;
};

/** A template that the caller may do this to. @throws NotFound; FORBIDDEN. */
export const getOwnTemplate = async (
  db: Db,
  call: Call,
  action: 'updateClusterTemplate' | 'deleteClusterTemplate',
  idOrName: string,
): Promise<TemplateWithRevision> => {
  const found = await getTemplate(db, call, idOrName, 'clusterTemplateId');
  permit(call.actor, action, found.template);
  if (found.template.visibility !== 'PRIVATE') permit(call.actor, 'publishClusterTemplate');
  return found;
};

export const getOperation = async (db: Db, call: Call, id: string): Promise<OperationRow> => {
  const [row] = await loadSeenOperations(db, call.actor, [id]);
  if (row === undefined) throw new NotFound(`Operation ${shown(id)}`, { field: ['operationId'] });
  return row;
};

/** Rows of an answer, as the caller sees them: a repeated call gets no more than its own rights show. Deleted ones included. */
const there = <T>(row: T | undefined): T => {
  if (row === undefined) throw new NotFound('What this call answered');
  return row;
};
export const recallCluster = async (db: Db, call: Call, id = ''): Promise<ClusterRow> =>
  there((await loadClusters(db, sightOf(call.actor, 'readClusters'), [id]))[0]);
export const recallBackup = async (db: Db, call: Call, id = ''): Promise<BackupRow> =>
  there((await loadBackups(db, sightOf(call.actor, 'readBackups'), [id]))[0]);
export const recallKubeconfig = async (db: Db, call: Call, id = ''): Promise<KubeconfigRow> =>
  there((await loadKubeconfigs(db, sightOf(call.actor, 'readClusters'), [id]))[0]);
export const recallNodeGroup = async (db: Db, call: Call, id = ''): Promise<NodeGroupRow> =>
  there((await loadNodeGroups(db, sightOf(call.actor, 'readClusters'), [id]))[0]);
export const recallSeed = async (db: Db, id = ''): Promise<SeedRow> => there((await loadSeeds(db, [id]))[0]);
export const recallOperation = async (db: Db, call: Call, id = ''): Promise<OperationRow> =>
  there((await loadSeenOperations(db, call.actor, [id]))[0]);
export const recallTemplate = async (db: Db, call: Call, id = ''): Promise<TemplateRow> =>
  there((await loadTemplates(db, sightOf(call.actor, 'readClusterTemplates'), [id]))[0]);
