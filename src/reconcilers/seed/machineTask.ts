/** Sends an errand to a machine of a made seed, and reads how it goes. */
import {
  buildMachineTask,
  goalOf,
  MACHINE_TASK_CONTAINER,
  type MachineTask,
  machineTaskRef,
  machineTasks,
} from '../../controlPlane/machineTask.ts';
import type { Kubernetes } from '../../seeds/connection.ts';
import { createOnce, endOf, type Job, wordsOfJob } from '../workload.ts';

export interface MachineTaskSight {
  goal: string;
  /** undefined: it runs. */
  ended: { good: boolean; atMs: number } | undefined;
  /** All that it has said until now. */
  said: string;
  /** Takes the Job away. What runs in the machine goes on, and the next errand of its name waits for its end. */
  forget(): Promise<void>;
}

/** Starts it; one of its name that is there already is left as it is. */
export const sendMachineTask = (kube: Kubernetes, task: MachineTask): Promise<void> => createOnce(kube, buildMachineTask(task));

/** Names of those that have not ended. */
export const listRunningTasks = async (kube: Kubernetes): Promise<string[]> =>
  (await kube.list(machineTasks)).items.filter((job) => endOf(job) === undefined).map(({ metadata }) => metadata.name);

/** undefined: there is none of that name. */
export const seeMachineTask = async (kube: Kubernetes, name: string): Promise<MachineTaskSight | undefined> => {
  const ref = machineTaskRef(name);
  const job = (await kube.get(ref)) as Job | undefined;
  if (job === undefined || job.metadata.deletionTimestamp !== undefined) return undefined;
  return {
    goal: goalOf(job),
    ended: endOf(job),
    said: (await wordsOfJob(kube, job))[MACHINE_TASK_CONTAINER] ?? '',
    forget: async () => {
      await kube.remove(ref, { uid: job.metadata.uid });
    },
  };
};
