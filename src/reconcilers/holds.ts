/** What keeps a pass from its flow for a while: a pause, a hibernation, a seed that is lost; and how that is told. */
import type { WhoMustAct } from '../domain/errors.ts';
import { type ClusterHibernation, HIBERNATION_OVER, hibernationOf, isHibernating, sayHibernation } from '../domain/hibernation.ts';
import type { OperationKind } from '../domain/operation.ts';
import { type ClusterPause, PAUSE_OVER, pauseOf, sayPause } from '../domain/pause.ts';
import type { Flow, StepReport } from '../engine/flow.ts';
import type { PassSummary } from '../engine/progress.ts';
import type { Pass } from '../engine/worker.ts';
import { type ClusterRow, findHolds } from '../store/reconcile.ts';
import type { World } from './world.ts';

/** What runs instead of an object's flow for a while. */
export interface Held<Scope> {
  /** null: nothing runs. */
  flow: Flow<Scope> | null;
  /** What the object is called meanwhile. */
  stateOf(summary: PassSummary): string;
  /** What everything else that was asked for waits for; null: nobody is told of one. */
  hibernation: ClusterHibernation | null;
  /** Since when the seed does not answer that it waits for; absent: it waits for none. */
  silentSince?: number;
  /** Kinds of the operations that end with the flow; all others wait. */
  ends: readonly OperationKind[];
  /** Operations show the flow's steps alone: all others were over before it. */
  alone: boolean;
  /** A pause does not hold it: it only tells. */
  tells: boolean;
}

/** For a part of a cluster that is hibernated: nothing runs, and it is told. */
export const sleepsWith = <Scope>(cluster: ClusterRow): Held<Scope> | undefined => {
  const hibernation = hibernationOf(cluster);
  if (hibernation === null) return undefined;
  return { flow: null, stateOf: () => '', hibernation, ends: [], alone: false, tells: false };
};

/** What nothing is done for while it lasts. */
export interface Hold {
  name: string;
  title: string;
  /** What is waited for; null: it is over, or never was. */
  what: string | null;
  over: string;
  whoMustAct: WhoMustAct;
  /** The condition's reason, where it says more than that something is waited for. */
  code: string | null;
}

export const pauseHold = (pause: ClusterPause | null): Hold => ({
  name: PAUSE_OVER,
  title: 'Wait for the end of the pause',
  what: pause === null ? null : sayPause(pause),
  over: 'The pause is over.',
  whoMustAct: 'NOBODY',
  code: null,
});

export const hibernationHold = (hibernation: ClusterHibernation | null): Hold => ({
  name: HIBERNATION_OVER,
  title: 'Wait for the end of the hibernation',
  what: hibernation === null ? null : sayHibernation(hibernation),
  over: 'The hibernation is over.',
  whoMustAct: hibernation !== null && hibernation.until === null ? 'CUSTOMER' : 'NOBODY',
  code: 'Hibernated',
});

/** What is said of a seed that has been silent since then, in milliseconds since the epoch. */
export const saySilence = (since: number): string =>
  `the seed of its control plane, which has not answered since ${new Date(since).toISOString()}; nothing is changed until it does, and all that is shown is as it was then`;

export const silenceHold = (silentSince: number | null): Hold => ({
  name: 'SeedHeard',
  title: 'Wait for the seed',
  what: silentSince === null ? null : saySilence(silentSince),
  over: 'The seed answers again.',
  whoMustAct: 'CLOUD_ADMIN',
  code: 'SeedLost',
});

/** As of a step that stands before all others. */
export const holdReport = ({ name, title, what, over, whoMustAct, code }: Hold): StepReport => ({
  ...{ name, title, whoMustAct, code },
  ordinal: -1,
  state: what === null ? 'REMOVED' : 'WAITING',
  message: what ?? over,
  problem: null,
  usuallyMs: null,
  late: 'NOBODY',
  retryAfterMs: null,
  error: null,
});

/** A pause that is asked for during a pass holds from its next step on; so do a hibernation, and its end. */
export const haltAtHold =
  (world: World, cluster: ClusterRow | undefined, halt: AbortController, onWake: Pass['onWake']): Pass['onWake'] =>
  (listener) =>
    onWake(() => {
      if (cluster === undefined) return listener();
      void findHolds(world.store.db, cluster.id)
        .then((live) => {
          if (live === undefined) return;
          if (pauseOf(live, world.clock.now()) !== null || isHibernating(live) !== isHibernating(cluster)) halt.abort();
        })
        // The next pass looks at it all the same.
        .catch(() => {})
        .finally(listener);
    });
