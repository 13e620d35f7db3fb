/** Pauses of a cluster. */
import { type ClusterPause, pauseOf } from '../domain/pause.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';

const ClusterPauseType = builder.objectRef<ClusterPause>('ClusterPause').implement({
  description: "A time in which nothing of a cluster is changed on Seedbed's own account, and what is asked for waits.",
  fields: (t) => ({
    since: t.expose('since', { type: 'DateTime', description: 'When it was asked for.' }),
    until: t.expose('until', { type: 'DateTime', description: 'When it ends by itself.' }),
    reason: t.exposeString('reason', { nullable: true, description: 'As given.' }),
    requestedBy: t.exposeString('requestedBy', { description: 'Who asked for it.' }),
  }),
});

builder.objectField(ClusterRef, 'pause', (t) =>
  t.field({
    type: ClusterPauseType,
    nullable: true,
    description: 'Its pause, while it lasts; null: it is not paused.',
    resolve: (row, _args, { clock }) => pauseOf(row, clock.now()),
  }),
);
