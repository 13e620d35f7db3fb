/** Hibernation of a cluster. */
import { type ClusterHibernation, hibernationOf } from '../domain/hibernation.ts';
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
