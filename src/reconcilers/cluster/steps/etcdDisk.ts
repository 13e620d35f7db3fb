/** Watches how fast etcd's disks are, and gives advice where they are too slow for its heartbeat. Nothing waits for it, and nothing fails by it. */
import { buildEtcdMetricsTask, metricsContainerOf } from '../../../controlPlane/etcdMetricsTask.ts';
import { etcdTaskName } from '../../../controlPlane/etcdTask.ts';
import type { ReachableCluster } from '../../../controlPlane/hostedCluster.ts';
import { SeedbedError } from '../../../domain/errors.ts';
import { afterDiskLook, type DiskReading, diskAdviceOf, isDiskLookDue, readDiskMetrics } from '../../../domain/etcdDisk.ts';
import { done, type Step } from '../../../engine/flow.ts';
import type { TaskAnswer } from '../../jobAnswer.ts';
import { createOnce, endOf } from '../../workload.ts';
import { takeJobAnswer } from '../etcdTask.ts';
import type { ClusterScope } from '../scope.ts';
import { etcd } from './etcd.ts';

/** In one seed. Who comes later has its turn at a later pass. */
const LOOKS_AT_ONCE = 3;

export const etcdDisk: Step<ClusterScope> = {
  name: 'EtcdDiskSeen',
  title: "Watch etcd's disk",
  usuallyMs: 5_000,
  needs: [etcd],
  ensure: async (scope) => {
    const hosted = await scope.reachable();
    const looked = !isDiskLookDue(scope.row, scope.clock.now()) || (await tryLook(scope, hosted));
    const { etcdDisk: disk } = scope.row;
    const unread = looked && disk?.unread !== true ? undefined : UNREAD;
    return done(diskAdviceOf(disk, hosted.etcd.heartbeatMs) ?? unread);
  },
};

const UNREAD = "etcd's metrics could not be read at the last look, so nothing new is known of its disk.";

/** False: it cannot be done now. A cluster is no worse for it, and the next pass tries again. */
const tryLook = async (scope: ClusterScope, hosted: ReachableCluster): Promise<boolean> => {
  try {
    await look(scope, hosted);
    return true;
  } catch (error) {
    if (error instanceof SeedbedError) return false;
    throw error;
  }
};

/** Sends for the metrics, or takes those that were sent for: the Job's end brings the next pass. */
const look = async (scope: ClusterScope, hosted: ReachableCluster): Promise<void> => {
  const name = etcdTaskName(hosted, 'metrics');
  const { kube, jobs } = await scope.seed();
  const suffix = name.slice(hosted.shortId.length);
  const looks = jobs.list().filter((job) => job.metadata.name.endsWith(suffix));
  // Whoever has no turn asks nobody.
  if (!looks.some((job) => job.metadata.name === name) && looks.filter((job) => endOf(job) === undefined).length >= LOOKS_AT_ONCE) return;
  const answer = await takeJobAnswer(scope, name);
  if (answer === 'running') return;
  if (answer !== undefined) {
    const readings = readingsOf(hosted, answer);
    const { etcdDisk: before } = scope.row;
    return scope.patch({ etcdDisk: afterDiskLook(before, readings, hosted.etcd.heartbeatMs, scope.clock.now()) });
  }
  await createOnce(kube, buildEtcdMetricsTask(hosted));
};

/** Of those that were asked; null: it did not answer. */
const readingsOf = (hosted: ReachableCluster, { said }: TaskAnswer): Map<number, DiskReading | null> => {
  const numbers = Array.from({ length: hosted.etcd.members }, (_, number) => number);
  return new Map(numbers.map((number) => [number, readDiskMetrics(said[metricsContainerOf(number)] ?? '')]));
};
