/** The last restore of a cluster in its place, and what it has cost. */
import type { ClusterRestore, RestoreWish } from '../domain/backup.ts';
import { BackupRef } from './backup.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';

type AskedRestore = ClusterRestore & { asked: RestoreWish };

const ClusterRestoreType = builder.objectRef<AskedRestore>('ClusterRestore').implement({
  description: 'A restore that takes a cluster back to a backup, in its place.',
  fields: (t) => ({
    backup: t.field({
      type: BackupRef,
      nullable: true,
      description: 'What it goes back to; one that is deleted shows as such, and null is one that nobody knows any more.',
      resolve: ({ backupId }, _args, { loaders }) => loaders.backup.load(backupId),
    }),
    requestedAt: t.field({ type: 'DateTime', description: 'When it was asked for.', resolve: ({ asked }) => asked.at }),
    requestedBy: t.string({ description: 'Who asked for it.', resolve: ({ asked }) => asked.requestedBy }),
    filled: t.boolean({
      description: 'All volumes of etcd have the backup, so that the cluster has only to start from it, or the restore was called off.',
      resolve: ({ phase }) => phase === 'DONE',
    }),
    lostMinutes: t.int({
      description:
        'From when the backup was taken until the restore was asked for, or until etcd lost its majority before that, in minutes: what was written in them is lost.',
      resolve: ({ asked }) => asked.loss.minutes,
    }),
    lostRevisions: t.float({
      nullable: true,
      description:
        "At least so many of etcd's revisions, which count every write, are lost; null when it is not known how many. It is known from looks at etcd, and from younger backups.",
      resolve: ({ asked }) => asked.loss.revisions,
    }),
  }),
});

builder.objectField(ClusterRef, 'lastRestore', (t) =>
  t.field({
    type: ClusterRestoreType,
    nullable: true,
    description: 'The last time that it was taken back to a backup; null: never, or not since its control plane was moved last.',
    resolve: ({ restore }) => (restore?.asked === undefined ? null : { ...restore, asked: restore.asked }),
  }),
);
