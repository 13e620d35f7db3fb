/** A Job of a backup's and the Secret that it needs: made together, looked at until it ends, and taken away together. */
import { backupTaskName, buildBackupPolicies, buildTransferSecret, LONGEST_SECONDS } from '../../controlPlane/backup.ts';
import type { KubernetesObject } from '../../controlPlane/object.ts';
import type { Transfer } from '../../objectStore/objectStore.ts';
import { takeJobAnswer } from '../cluster/etcdTask.ts';
import type { ClusterScope } from '../cluster/scope.ts';
import type { TaskAnswer } from '../jobAnswer.ts';
import { createOnce } from '../workload.ts';
import type { BackupScope } from './scope.ts';

/** Its pod may wait for a place in the seed before it dials. */
export const TRANSFER_TTL_MS = LONGEST_SECONDS * 1000;

export type Errand = 'save' | 'verify';

interface TaskOrder {
  errand: Errand;
  direction: 'upload' | 'download';
  transfer: () => Promise<Transfer>;
  build: (name: string) => Promise<KubernetesObject>;
}

/** 'running': started, or not over; else how it ended, once. */
export const runTask = async (scope: BackupScope, { errand, direction, transfer, build }: TaskOrder): Promise<TaskAnswer | 'running'> => {
  const { cluster, row } = scope;
  const hosted = await cluster.reachable();
  const name = backupTaskName(hosted, row.id, errand);
  const answer = await takeJobAnswer(cluster, name);
  if (answer === 'running') return answer;
  if (answer !== undefined) {
    await removeSecret(cluster, name);
    return answer;
  }
  // In this order: what the transfer dials is among what is opened.
  const order = await transfer();
  await cluster.applyToSeed('etcd-backup', buildBackupPolicies(hosted, await scope.objects().end()));
  const { kube } = await cluster.seed();
  // A Secret that a crash has left may hold a URL that is over.
  await kube.apply(buildTransferSecret(hosted, name, direction, order));
  await createOnce(kube, await build(name));
  return 'running';
};

/** `message`: why a try came to nothing. */
export const noteFailure = (scope: BackupScope, message: string): Promise<void> =>
  scope.patch({ failures: { count: (scope.row.failures?.count ?? 0) + 1, lastAt: scope.world.clock.now(), message } });

/** False: its Job is still going. */
export const dropTask = async (scope: BackupScope, errand: Errand): Promise<boolean> => {
  const { cluster, row } = scope;
  // Without a seed, or with one that is given up or a namespace that is gone, there is nothing to take away.
  if (cluster.row.seedId === null || cluster.row.seedAbandoned || cluster.row.deletedAt !== null) return true;
  const hosted = await cluster.hosted();
  const name = backupTaskName(hosted, row.id, errand);
  const { kube } = await cluster.seed();
  const ref = { apiVersion: 'batch/v1', kind: 'Job', namespace: hosted.namespace, name };
  const going = await kube.remove(ref, { propagation: 'Foreground' });
  await removeSecret(cluster, name);
  return !going;
};

const removeSecret = async (cluster: ClusterScope, name: string): Promise<void> => {
  const { namespace } = await cluster.hosted();
  await (await cluster.seed()).kube.remove({ apiVersion: 'v1', kind: 'Secret', namespace, name });
};
