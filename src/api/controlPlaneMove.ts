/** The last move of a cluster's control plane. */
import { may } from '../domain/actor.ts';
import { type ControlPlaneMove, downtimeOf } from '../domain/controlPlaneMove.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { MovePhaseEnum } from './enums.ts';
import { SeedRef } from './seed.ts';

const ControlPlaneMoveType = builder.objectRef<ControlPlaneMove>('ControlPlaneMove').implement({
  description: 'A move of a control plane from one seed to another.',
  fields: (t) => ({
    phase: t.expose('phase', { type: MovePhaseEnum, description: 'How far it is.' }),
    from: t.field({
      type: SeedRef,
      nullable: true,
      description: 'Where it comes from; for cloud admins and cloud readers only.',
      resolve: ({ fromSeedId }, _args, { loaders }) => loaders.seed.load(fromSeedId),
    }),
    to: t.field({
      type: SeedRef,
      nullable: true,
      description: 'Where it goes; for cloud admins and cloud readers only.',
      resolve: ({ toSeedId }, _args, { loaders }) => loaders.seed.load(toSeedId),
    }),
    back: t.exposeBoolean('back', { description: 'It was called off, or went back to where it was.' }),
    refusal: t.string({
      nullable: true,
      description: 'Why it was called off by itself; for cloud admins and cloud readers only, null where it was not.',
      resolve: ({ refusal }, _args, { actor }) => (may(actor, 'readSeeds') ? (refusal ?? null) : null),
    }),
    frozenAt: t.expose('frozenAt', { type: 'DateTime', nullable: true, description: 'From when on the API was away; null: it was not.' }),
    backAt: t.expose('backAt', { type: 'DateTime', nullable: true, description: 'Since when the API serves again; null: not yet.' }),
    downtimeSeconds: t.float({
      nullable: true,
      description:
        'How long the API was away, as seen by Seedbed: from the order to stop until it answered on its address. Null until it is back.',
      resolve: downtimeOf,
    }),
  }),
});

builder.objectField(ClusterRef, 'controlPlaneMove', (t) =>
  t.field({
    type: ControlPlaneMoveType,
    nullable: true,
    description: 'The last move of its control plane by moveControlPlane, also when that is over; null: it was never moved.',
    resolve: (row) => row.move,
  }),
);
