/** Looks after etcd once it runs: how it is, alarms, and files that have become too large. Nothing waits for it. */
import { type EtcdTask, etcdTaskName } from '../../../controlPlane/etcdTask.ts';
import { namesOf, type ReachableCluster } from '../../../controlPlane/hostedCluster.ts';
import { quotaBytesOf } from '../../../domain/controlPlane.ts';
import { UserError } from '../../../domain/errors.ts';
import { alarmsOf, corruptOf } from '../../../domain/etcd.ts';
import { afterErrand, afterLook, type Care, type EtcdStatus, nextCare } from '../../../domain/etcdCare.ts';
import { nextTime, spreadMs } from '../../../domain/schedule.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { endOf, readyReplicas } from '../../workload.ts';
import { complaintOf, LOOK, readMembers } from '../etcdSight.ts';
import { sendTask, takeAnswer } from '../etcdTask.ts';
import type { ClusterScope } from '../scope.ts';
import { sayWayBack } from '../wayBack.ts';
import { etcd } from './etcd.ts';

/** Between looks while the controller manager is not ready, for whatever reason. */
const LEADERLESS_LOOK_MS = 3 * 60_000;

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
    const named = corruptOf(scope.row.etcdStatus.members);
    // The list of members is looked after before this.
    if (named !== undefined) return waiting(`etcd to replace member ${named.number}, whose data are not the others'`, 1_000);
    await refuseAlarms(scope, scope.row.etcdStatus, quota);
    return done();
  },
};

/** True: there is more to do now. A Job's end brings the next pass, so later on nothing is waited for. */
const stepOn = async (scope: ClusterScope, hosted: ReachableCluster, quota: number): Promise<boolean> => {
  const care = nextCare(scope.row.etcdStatus, quota, await isSuspect(scope, hosted), scope.clock.now());
  // A look that nothing calls for any more is heard out all the same: its Job would stay.
  const begun = care.kind === 'rest' && (await isLookedAt(scope, hosted));
  if (care.kind === 'rest' && !begun) return false;
  const task = taskOf(care);
  const answer = await takeAnswer(scope, task.kind);
  if (answer === undefined && !begun) await sendTask(scope, task);
  if (answer === undefined || answer === 'running') return false;
  const { etcdStatus: before } = scope.row;
  const now = scope.clock.now();
  if (task.kind === 'check') await save(scope, afterLook(before, readMembers(hosted, answer), quota, now, scheduled(scope, now)));
  else if (before !== null) {
    if (!answer.good) scope.world.log.warn({ cluster: scope.row.id, errand: task.commands }, `etcd refused: ${complaintOf(answer)}`);
    await save(scope, afterErrand(before, now));
  }
  return true;
};

const taskOf = (care: Care): EtcdTask => {
  if (care.kind === 'disarm') return { kind: 'errand', commands: { disarm: ['alarm', 'disarm'] } };
  if (care.kind === 'defragment') return { kind: 'errand', commands: { defragment: ['defrag'] }, only: care.number };
  return { kind: 'check', commands: LOOK };
};

const isLookedAt = async (scope: ClusterScope, hosted: ReachableCluster): Promise<boolean> =>
  (await scope.seed()).jobs.get(hosted.namespace, etcdTaskName(hosted, 'check')) !== undefined;

const save = (scope: ClusterScope, etcdStatus: EtcdStatus): Promise<void> => scope.patch({ etcdStatus });

const scheduled = ({ row }: ClusterScope, now: number): number | null => {
  const schedule = row.spec.controlPlane.etcd.defragSchedule;
  const next = schedule === null ? null : nextTime(schedule, now);
  return next === null ? null : next + spreadMs(row.id);
};

/** The seed's own hourly check has failed since the last look, or nobody leads in the cluster: for that one must be able to write. */
const isSuspect = async (scope: ClusterScope, hosted: ReachableCluster): Promise<boolean> => {
  const observedAt = scope.row.etcdStatus?.observedAt ?? 0;
  const prefix = `${etcdTaskName(hosted, 'health')}-`;
  const { jobs, deployments } = await scope.seed();
  const manager = deployments.get(hosted.namespace, namesOf(hosted).controllerManager);
  if (manager !== undefined && readyReplicas(manager) === 0 && scope.clock.now() - observedAt > LEADERLESS_LOOK_MS) return true;
  return jobs.list().some((job) => {
    if (job.metadata.namespace !== hosted.namespace || !job.metadata.name.startsWith(prefix)) return false;
    const end = endOf(job);
    return end !== undefined && !end.good && end.atMs > observedAt;
  });
};

/** @throws UserError. */
const refuseAlarms = async (scope: ClusterScope, status: EtcdStatus, quota: number): Promise<void> => {
  const alarms = alarmsOf(status);
  const gib = (quota / 1024 ** 3).toFixed(1);
  if (alarms.includes('NOSPACE'))
    throw new UserError(
      'QUOTA_EXCEEDED',
      `etcd has reached its quota of ${gib} GiB and takes no more writes; delete what is not needed, or raise controlPlane.etcd.quotaGiB. Its files are made smaller and the alarm is taken back by themselves.`,
      { field: ['controlPlane', 'etcd', 'quotaGiB'], whoMustAct: 'CUSTOMER' },
    );
  if (alarms.length === 0) return;
  const way = await sayWayBack(scope);
  throw new UserError(
    'SEED_REFUSED',
    `etcd has raised the alarm ${alarms.join(', ')}: members hold different data, and no majority of them agrees. ${way === undefined ? 'There is no backup that could be restored' : `To go back, ${way}`}.`,
    { whoMustAct: way === undefined ? 'CLOUD_ADMIN' : 'CUSTOMER' },
  );
};
