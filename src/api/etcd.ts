/** A cluster's etcd as it was at the last look. */
import { quotaBytesOf } from '../domain/controlPlane.ts';
import { alarmsOf, type EtcdMember } from '../domain/etcd.ts';
import { diskAdviceOf, type MemberDisk } from '../domain/etcdDisk.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import { builder } from './builder.ts';

const MIB = 1024 ** 2;
/** Upwards: a member that has just joined has a file of a few KiB, which is not nothing. */
const mib = (bytes: number | null): number | null => (bytes === null ? null : Math.ceil((bytes / MIB) * 10) / 10);

interface ShownMember extends EtcdMember {
  disk: MemberDisk | undefined;
}

const EtcdMemberType = builder.objectRef<ShownMember>('EtcdMember').implement({
  description: 'A member of etcd.',
  fields: (t) => ({
    number: t.exposeInt('number', { description: 'From 0 on, as in the name of its pod; -1 for one that is not ours.' }),
    memberId: t.exposeString('id', { description: "etcd's own id, hexadecimal." }),
    healthy: t.boolean({
      description: 'It answered, has a vote and has raised no alarm.',
      resolve: ({ dbSizeBytes, learner, alarms }) => dbSizeBytes !== null && !learner && alarms.length === 0,
    }),
    leader: t.exposeBoolean('leader', { description: 'It leads.' }),
    learner: t.exposeBoolean('learner', { description: 'It takes its data from the others and has no vote yet.' }),
    version: t.exposeString('version', { nullable: true, description: 'Of etcd; null when it did not answer.' }),
    dbSizeMiB: t.float({ nullable: true, description: 'Size of its file, in MiB.', resolve: ({ dbSizeBytes }) => mib(dbSizeBytes) }),
    dbInUseMiB: t.float({
      nullable: true,
      description: 'What is not free in it, in MiB.',
      resolve: ({ dbInUseBytes }) => mib(dbInUseBytes),
    }),
    fsyncP99Ms: t.float({
      nullable: true,
      description:
        'Within how many milliseconds 99 of 100 writes of its log were on disk, between the last two looks; null before there were two.',
      resolve: ({ disk }) => disk?.fsyncP99Ms ?? null,
    }),
    commitP99Ms: t.float({
      nullable: true,
      description: 'Within how many milliseconds 99 of 100 commits of its data were on disk, likewise.',
      resolve: ({ disk }) => disk?.commitP99Ms ?? null,
    }),
    diskSeenAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When that was found out.',
      resolve: ({ disk }) => disk?.seenAt ?? null,
    }),
  }),
});

/** In the order of their numbers. */
const membersOf = ({ etcdStatus, etcdDisk }: ClusterRow): ShownMember[] =>
  (etcdStatus?.members ?? [])
    .map((member) => ({ ...member, disk: etcdDisk?.members.find(({ number }) => number === member.number) }))
    .sort((a, b) => a.number - b.number);

export const EtcdType = builder.objectRef<ClusterRow>('Etcd').implement({
  description:
    "A cluster's own etcd, as it was at the last look: after each change of its members, daily, and when the seed sees it unwell.",
  fields: (t) => ({
    members: t.field({
      type: [EtcdMemberType],
      description: 'Its members; none before the first look.',
      resolve: membersOf,
    }),
    leader: t.field({
      type: EtcdMemberType,
      nullable: true,
      description: 'The member that leads.',
      resolve: (row) => membersOf(row).find(({ leader }) => leader) ?? null,
    }),
    diskAdvice: t.string({
      nullable: true,
      description:
        'Advice, with the figures and who must act, while a disk is too slow for the heartbeat; null while none is known to be. The cluster is READY all the same.',
      resolve: ({ etcdDisk, spec }) => diskAdviceOf(etcdDisk, spec.controlPlane.etcd.heartbeatMs),
    }),
    alarms: t.stringList({
      description: 'Alarms that are raised, such as NOSPACE: then it takes no more writes.',
      resolve: ({ etcdStatus }) => (etcdStatus === null ? [] : alarmsOf(etcdStatus)),
    }),
    quotaMiB: t.float({
      description: 'Size of the data from which on it takes no more writes, in MiB.',
      resolve: ({ spec }) => mib(quotaBytesOf(spec.controlPlane.etcd)) ?? 0,
    }),
    observedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was looked at.',
      resolve: ({ etcdStatus }) => etcdStatus?.observedAt ?? null,
    }),
    maintenanceAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it is looked at next, and its files are made smaller if that is worth it.',
      resolve: ({ etcdStatus }) => etcdStatus?.maintainAt ?? null,
    }),
  }),
});
