/** Sends an errand to etcd and brings its answer back, over as many passes as it takes. */
import { buildEtcdTask, type EtcdTask, etcdTaskName } from '../../controlPlane/etcdTask.ts';
import type { ObjectRef } from '../../seeds/kinds.ts';
import { createOnce, endOf, type Job, wordsOfJob } from '../workload.ts';
import type { ClusterScope } from './scope.ts';

export interface TaskAnswer {
  /** All containers ended well. */
  good: boolean;
  /** What each container said, by its name. */
  said: Record<string, string>;
}

/** Starts the Job. One of the same kind that is there already is left as it is. */
export const sendTask = async (scope: ClusterScope, task: EtcdTask): Promise<void> => {
  const { kube } = await scope.seed();
  await createOnce(kube, buildEtcdTask(await scope.hosted(), task));
};

/** The answer, once: with it the Job is gone. 'running': later. undefined: there is none. */
export const takeAnswer = async (scope: ClusterScope, kind: EtcdTask['kind']): Promise<TaskAnswer | 'running' | undefined> =>
  takeJobAnswer(scope, etcdTaskName(await scope.hosted(), kind));

/** The same of any Job in the cluster's namespace. */
export const takeJobAnswer = async (
  scope: Pick<ClusterScope, 'hosted' | 'seed'>,
  name: string,
): Promise<TaskAnswer | 'running' | undefined> => {
  const hosted = await scope.hosted();
  const { kube } = await scope.seed();
  const ref: ObjectRef = { apiVersion: 'batch/v1', kind: 'Job', namespace: hosted.namespace, name };
  const job = (await kube.get(ref)) as Job | undefined;
  if (job === undefined) return undefined;
  const ended = endOf(job);
  if (ended === undefined) return 'running';
  const said = await wordsOfJob(kube, job);
  await kube.remove(ref, { uid: job.metadata.uid });
  return { good: ended.good, said };
};
