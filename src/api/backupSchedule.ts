/** Scheduled backups, as output and as input in the same words. */
import type { BackupSpec } from '../domain/backupSchedule.ts';
import { builder } from './builder.ts';

const TEXT = {
  enabled: "Back the cluster's etcd up by the schedule. Where that is switched off again, the backups stay. False by default.",
  schedule:
    'When, once an hour at most: five fields of cron in UTC, such as "30 2 * * *" for each day or "0 */6 * * *" for every six hours. Clusters are spread over the hour after it. "0 2 * * *" by default.',
  keepCount:
    'How many scheduled backups are kept that could be restored, from 1 to 20; older ones are deleted, but never the newest that can be restored, nor what somebody asked for. 7 by default.',
  keepDays:
    'After so many days, from 1 to 3650, a scheduled backup is deleted although there are no more than keepCount; null, the default: however old they are.',
  autoRestore:
    "When a majority of etcd's members has lost its volumes, take the cluster back to the newest backup that was restored on trial, without asking: what was written after that backup is lost, while volumes that somebody could still bring back are given up. Once a day at most, and not in a pause, a hibernation or a move. Where it is false, the default, the cluster says what is left and waits for restoreCluster.",
} as const;

export const BackupSpecType = builder.objectRef<BackupSpec>('BackupSpec').implement({
  description: "When a cluster's etcd is backed up by itself, how long such backups are kept, and whether it goes back to one by itself.",
  fields: (t) => ({
    enabled: t.exposeBoolean('enabled', { description: TEXT.enabled }),
    schedule: t.exposeString('schedule', { description: TEXT.schedule }),
    keepCount: t.exposeInt('keepCount', { description: TEXT.keepCount }),
    keepDays: t.exposeInt('keepDays', { nullable: true, description: TEXT.keepDays }),
    autoRestore: t.exposeBoolean('autoRestore', { description: TEXT.autoRestore }),
  }),
});

export const BackupInput = builder.inputType('BackupInput', {
  description: "When a cluster's etcd is backed up by itself, and how long such backups are kept; what is left out stays.",
  fields: (t) => ({
    enabled: t.boolean({ description: TEXT.enabled }),
    schedule: t.string({ description: TEXT.schedule }),
    keepCount: t.int({ description: TEXT.keepCount }),
    keepDays: t.int({ description: TEXT.keepDays }),
    autoRestore: t.boolean({ description: TEXT.autoRestore }),
  }),
});
