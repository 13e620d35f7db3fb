/** Looks after etcd once it runs: how it is, alarms, and files that have become too large. Nothing waits for it. */
import { type EtcdTask, etcdTaskName } from '../../../controlPlane/etcdTask.ts';
import type { ReachableCluster } from '../../../controlPlane/hostedCluster.ts';
import { quotaBytesOf } from '../../../domain/controlPlane.ts';
import { UserError } from '../../../domain/errors.ts';
import { afterErrand, afterLook, alarmsOf, type Care, type EtcdStatus, nextCare } from '../../../domain/etcdCare.ts';
import { nextTime, spreadMs } from '../../../domain/schedule.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { endOf } from '../../workload.ts';
import { complaintOf, LOOK, readMembers } from '../etcdSight.ts';
import { sendTask, takeAnswer } from '../etcdTask.ts';
import type { ClusterScope } from '../scope.ts';
import { etcd } from './etcd.ts';

export const etcdCare: Step<ClusterScope> = {
  name: 'EtcdLookedAfter',
  title: 'Look after etcd',
  usuallyMs: 10_000,
  needs: [etcd],
  ensure: async (scope) => {
    const hosted = await scope.reachable();
    const quota = quotaBytesOf(hosted.etcd);
    while (await stepOn(scope, hosted, quota));
    if (scope.row.etcdStatus === null) return waiting('etcd to say how it is', 2_000);
    refuseAlarms(scope.row.etcdStatus, quota);
    return done();
  },
};

/** True: there is more to do now. A Job's end brings the next pass, so later on nothing is waited for. */
const stepOn = async (scope: ClusterScope, hosted: ReachableCluster, quota: number): Promise<boolean> => {
  const care = nextCare(scope.row.etcdStatus, quota, await isSuspect(scope, hosted), scope.clock.now());
  if (care.kind === 'rest') return false;
  const task = taskOf(care);
  const answer = await takeAnswer(scope, task.kind);
  if (answer === undefined) await sendTask(scope, task);
  if (answer === undefined || answer === 'running') return false;
  const { etcdStatus: before } = scope.row;
  const now = scope.clock.now();
  if (care.kind === 'look') await save(scope, afterLook(before, readMembers(hosted, answer), quota, now, scheduled(scope, now)));
  else if (before !== null) {
    if (!answer.good) scope.world.log.warn({ cluster: scope.row.id, errand: task.commands }, `etcd refused: ${complaintOf(answer)}`);
    await save(scope, afterErrand(before, now));
  }
  return true;
};

const taskOf = (care: Exclude<Care, { kind: 'rest' }>): EtcdTask => {
  if (care.kind === 'look') return { kind: 'check', commands: LOOK };
  if (care.kind === 'disarm') return { kind: 'errand', commands: { disarm: ['alarm', 'disarm'] } };
  return { kind: 'errand', commands: { defragment: ['defrag'] }, only: care.number };
};

const save = (scope: ClusterScope, etcdStatus: EtcdStatus): Promise<void> => scope.patch({ etcdStatus });

const scheduled = ({ row }: ClusterScope, now: number): number | null => {
  const schedule = row.spec.controlPlane.etcd.defragSchedule;
  const next = schedule === null ? null : nextTime(schedule, now);
  return next === null ? null : next + spreadMs(row.id);
};

/** The seed's own hourly check has failed since the last look. */
const isSuspect = async (scope: ClusterScope, hosted: ReachableCluster): Promise<boolean> => {
  const observedAt = scope.row.etcdStatus?.observedAt ?? 0;
  const prefix = `${etcdTaskName(hosted, 'health')}-`;
  return (await scope.seed()).jobs.list().some((job) => {
    if (job.metadata.namespace !== hosted.namespace || !job.metadata.name.startsWith(prefix)) return false;
    const end = endOf(job);
    return end !== undefined && !end.good && end.atMs > observedAt;
  });
};

const refuseAlarms = (status: EtcdStatus | null, quota: number): void => {
  const alarms = status === null ? [] : alarmsOf(status);
  const gib = (quota / 1024 ** 3).toFixed(1);
  if (alarms.includes('NOSPACE'))
    throw new UserError(
      'QUOTA_EXCEEDED',
      `etcd has reached its quota of ${gib} GiB and takes no more writes; delete what is not needed, or raise controlPlane.etcd.quotaGiB. Its files are made smaller and the alarm is taken back by themselves.`,
      { field: ['controlPlane', 'etcd', 'quotaGiB'], whoMustAct: 'CUSTOMER' },
    );
  if (alarms.length > 0)
    throw new UserError('SEED_REFUSED', `etcd has raised the alarm ${alarms.join(', ')}: a member's data may be damaged.`, {
      whoMustAct: 'CLOUD_ADMIN',
    });
};
