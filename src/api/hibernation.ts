/** Hibernation of a cluster. */
import { type ClusterHibernation, hibernationOf, nextSleep } from '../domain/hibernation.ts';
import type { Opening } from '../domain/weeklyWindow.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';

const ClusterHibernationType = builder.objectRef<ClusterHibernation>('ClusterHibernation').implement({
  description: 'A time in which a cluster has no workers and its control plane does not run.',
  fields: (t) => ({
    since: t.expose('since', { type: 'DateTime', description: 'When it was asked for.' }),
    until: t.expose('until', { type: 'DateTime', nullable: true, description: 'When it ends by itself; null: by wakeCluster alone.' }),
    requestedBy: t.exposeString('requestedBy', { description: 'Who asked for it.' }),
  }),
});

builder.objectField(ClusterRef, 'hibernation', (t) =>
  t.field({
    type: ClusterHibernationType,
    nullable: true,
    description: 'Its hibernation, from when it was asked for until the cluster is woken; null: it is awake, or wakes.',
    resolve: (row) => hibernationOf(row),
  }),
);

const NextHibernationType = builder.objectRef<Opening>('NextHibernation').implement({
  description: 'A time that a cluster is to sleep through by its hibernationSchedule.',
  fields: (t) => ({
    from: t.expose('from', { type: 'DateTime', description: 'When it begins; past while something that is under way has to end first.' }),
    until: t.expose('to', { type: 'DateTime', description: 'When it wakes.' }),
  }),
});

builder.objectField(ClusterRef, 'nextHibernation', (t) =>
  t.field({
    type: NextHibernationType,
    nullable: true,
    description: 'When it hibernates next by its schedule; null without one, and while it sleeps until somebody wakes it.',
    resolve: (row, _args, { clock }) => (hibernationOf(row)?.until === null ? null : nextSleep(row, clock.now())),
  }),
);
