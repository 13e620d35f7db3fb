/** What a cluster was asked to have and Seedbed keeps without serving it yet: shown as conditions, never silently dropped. */
import type { ClusterSpec } from './cluster.ts';
import type { Condition, WaitingFor } from './condition.ts';

/** What depends on how Seedbed was set up. */
export interface Serves {
  autoScaling: boolean;
}

interface Feature {
  name: string;
  title: string;
  asked(spec: ClusterSpec, serves: Serves): boolean;
  meanwhile: string;
  /** What somebody may do so that it is served. */
  remedy?: WaitingFor['what'];
}

const FEATURES: readonly Feature[] = [
  {
    name: 'ControlPlaneSizeServed',
    title: 'Control-plane size',
    asked: (spec) => spec.masterFlavor !== null,
    meanwhile: 'The control plane has the usual size.',
  },
  {
    name: 'AutoScalingServed',
    title: 'Automatic scaling',
    asked: (spec, { autoScaling }) => spec.autoScalingEnabled && !autoScaling,
    meanwhile: 'Node groups keep their count until they are resized.',
    remedy: 'the cloud administrator to set SEEDBED_AUTOSCALER_LISTEN and SEEDBED_AUTOSCALER_ADDRESS',
  },
];

/** Behind all steps of a flow. */
const FIRST_ORDINAL = 10_000;

/** One FALSE condition for each feature that was asked for; `at`: since when, in milliseconds since the epoch. */
export const notServedConditions = (spec: ClusterSpec, generation: number, at: number, serves: Serves): Condition[] =>
  FEATURES.filter((feature) => feature.asked(spec, serves)).map((feature, i) => ({
    name: feature.name,
    title: feature.title,
    status: 'FALSE',
    state: 'PENDING',
    reason: 'NotServedYet',
    message: `${feature.title}: kept, and not served yet. ${feature.meanwhile}${feature.remedy === undefined ? '' : ` It waits for ${feature.remedy}.`}`,
    problem: null,
    waitingFor: feature.remedy === undefined ? null : { what: feature.remedy, since: at, usuallyMs: null, whoMustAct: 'CLOUD_ADMIN' },
    observedGeneration: generation,
    lastTransitionAt: at,
    attempts: 0,
    ordinal: FIRST_ORDINAL + i,
  }));
