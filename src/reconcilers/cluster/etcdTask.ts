/** Sends an errand to etcd and brings its answer back, over as many passes as it takes. */
import { buildEtcdTask, type EtcdTask, etcdTaskName } from '../../controlPlane/etcdTask.ts';
import { readJobAnswer, type TaskAnswer } from '../jobAnswer.ts';
import { createOnce } from '../workload.ts';
import type { ClusterScope } from './scope.ts';

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
  const { namespace } = await scope.hosted();
  return readJobAnswer((await scope.seed()).kube, { namespace, name });
};
