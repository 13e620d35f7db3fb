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
import { type Hindrance, hasRun, hindranceOf } from '../podHindrance.ts';
import { createOnce, endOf, type Job, listPodsOfJob, wordsOfJob } from '../workload.ts';

export interface MachineTaskSight {
  name: string;
  goal: string;
  image: string;
  /** Its pod has got as far as to run: something may be at work in the machine. */
  started: boolean;
  /** Why its pod does not start, where that is said; undefined: nothing is in its way. */
  hindrance: Hindrance | undefined;
  /** undefined: it is on its way, or runs. */
  ended: { good: boolean; atMs: number } | undefined;
  /** All that it has said until now. */
  said: string;
  /** Takes the Job away. What runs in the machine goes on, and the next errand of its name waits for its end. */
  forget(): Promise<void>;
}

/** Starts it; one of its name that is there already is left as it is. */
export const sendMachineTask = (kube: Kubernetes, task: MachineTask): Promise<void> => createOnce(kube, buildMachineTask(task));

/** Those that have not ended. */
export const listRunningTasks = async (kube: Kubernetes): Promise<MachineTaskSight[]> => {
  const open = (await kube.list(machineTasks)).items.filter(
    (job) => endOf(job) === undefined && job.metadata.deletionTimestamp === undefined,
  );
  return Promise.all(open.map((job) => sightOf(kube, job as Job)));
};

/** undefined: there is none of that name. */
export const seeMachineTask = async (kube: Kubernetes, name: string): Promise<MachineTaskSight | undefined> => {
  const job = (await kube.get(machineTaskRef(name))) as Job | undefined;
  return job === undefined || job.metadata.deletionTimestamp !== undefined ? undefined : sightOf(kube, job);
};

const sightOf = async (kube: Kubernetes, job: Job): Promise<MachineTaskSight> => {
  const { name, uid } = job.metadata;
  const pods = await listPodsOfJob(kube, job);
  const ended = endOf(job);
  const started = ended !== undefined || pods.some(hasRun);
  return {
    name,
    goal: goalOf(job),
    image: job.spec.template.spec.containers[0]?.image ?? '',
    started,
    hindrance: started ? undefined : pods.flatMap((pod) => hindranceOf(pod) ?? [])[0],
    ended,
    said: (await wordsOfJob(kube, job, pods))[MACHINE_TASK_CONTAINER] ?? '',
    forget: async () => {
      await kube.remove(machineTaskRef(name), { uid });
    },
  };
};
