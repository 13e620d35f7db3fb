/** The CronJob controller: a Job at each of its times, and only so many that ended. */
import { nextTime } from '../../../domain/schedule.ts';
import type { Cluster } from '../cluster.ts';
import { removeQuietly } from '../deletion.ts';
import { CRON_JOB, JOB } from '../kinds.ts';
import { at, dict, dicts, type KubeObject, number, ownerReference, spec, status, text, timestamp } from '../objects.ts';
import { createObject } from '../resources.ts';
import { ownedBy, putStatus, systemContext } from './ownedPods.ts';

const endedAs = (job: KubeObject, type: string): boolean =>
  dicts(status(job).conditions).some((c) => c.type === type && c.status === 'True');

/** Returns when to look again, in milliseconds from now; undefined when nothing is to come. */
export const reconcileCronJob = (cluster: Cluster, namespace: string, name: string): number | undefined => {
  const cron = cluster.store.get(CRON_JOB, namespace, name);
  if (!cron || cron.metadata.deletionTimestamp || spec(cron).suspend === true) return undefined;
  const now = cluster.now();
  const jobs = ownedBy(cluster, JOB, cron);
  const prune = (type: string, limit: number): void => {
    for (const job of jobs.filter((j) => endedAs(j, type)).slice(limit)) removeQuietly(cluster, JOB, job);
  };
  prune('Complete', number(spec(cron).successfulJobsHistoryLimit, 3));
  prune('Failed', number(spec(cron).failedJobsHistoryLimit, 1));
  const last = Date.parse(text(status(cron).lastScheduleTime) || text(cron.metadata.creationTimestamp)) || now;
  const due = nextTime(text(spec(cron).schedule), last);
  if (due === null) return undefined;
  if (due > now) return due - now;
  const busy = jobs.some((j) => !endedAs(j, 'Complete') && !endedAs(j, 'Failed'));
  if (!(busy && spec(cron).concurrencyPolicy === 'Forbid')) {
    const template = dict(spec(cron).jobTemplate);
    const metadata = {
      ...dict(template.metadata),
      name: `${name}-${Math.floor(due / 60_000)}`,
      ownerReferences: [ownerReference(cron)],
    };
    createObject(cluster, JOB, namespace, { metadata, spec: at(template, 'spec') }, systemContext());
  }
  putStatus(cluster, CRON_JOB, cron, { ...status(cron), lastScheduleTime: timestamp(now) });
  return (nextTime(text(spec(cron).schedule), now) ?? now) - now;
};
