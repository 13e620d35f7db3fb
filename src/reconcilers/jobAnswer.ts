/** What the containers of a Job said, read once. */
import type { Kubernetes } from '../seeds/connection.ts';
import type { ObjectRef } from '../seeds/kinds.ts';
import { endOf, type Job, wordsOfJob } from './workload.ts';

export interface TaskAnswer {
  /** All containers ended well. */
  good: boolean;
  /** What each container said, by its name. */
  said: Record<string, string>;
}

/** The answer, once: with it the Job is gone. 'running': later. undefined: there is none. */
export const readJobAnswer = async (
  kube: Kubernetes,
  { namespace, name }: { namespace: string; name: string },
): Promise<TaskAnswer | 'running' | undefined> => {
  const ref: ObjectRef = { apiVersion: 'batch/v1', kind: 'Job', namespace, name };
  const job = (await kube.get(ref)) as Job | undefined;
  if (job === undefined) return undefined;
  const ended = endOf(job);
  if (ended === undefined) return 'running';
  const said = await wordsOfJob(kube, job);
  await kube.remove(ref, { uid: job.metadata.uid });
  return { good: ended.good, said };
};
