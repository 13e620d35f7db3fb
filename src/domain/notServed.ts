/** What a cluster was asked to have and Seedbed keeps without serving it yet: shown as conditions, never silently dropped. */
import type { ClusterSpec } from './cluster.ts';
import type { Condition, WaitingFor } from './condition.ts';

/** What depends on how Seedbed was set up. */
export interface Serves {
  autoScaling: boolean;
}

/** A cluster, as far as it tells what it was asked to have, and has. */
export interface Asked {
  spec: ClusterSpec;
  endpointHost: string | null;
  endpointFloatingIp: boolean;
}

interface Feature {
  name: string;
  title: string;
  asked(cluster: Asked, serves: Serves): boolean;
  meanwhile: string;
  /** What somebody may do so that it is served. */
  remedy?: WaitingFor['what'];
}

const FEATURES: readonly Feature[] = [
  {
    name: 'ControlPlaneSizeServed',
    title: 'Control-plane size',
    asked: ({ spec }) => spec.masterFlavor !== null,
    meanwhile: 'The control plane has the usual size.',
  },
  {
    name: 'ApiFloatingIpServed',
    title: 'Floating IP of the API',
    asked: ({ spec, endpointHost, endpointFloatingIp }) => spec.masterLbFloatingIpEnabled && endpointHost !== null && !endpointFloatingIp,
    meanwhile: 'The API keeps the address that it had before; a new cluster gets a floating IP.',
  },
  {
    name: 'AutoScalingServed',
    title: 'Automatic scaling',
    asked: ({ spec }, { autoScaling }) => spec.autoScalingEnabled && !autoScaling,
    meanwhile: 'Node groups keep their count until they are resized.',
    remedy: 'the cloud administrator to set SEEDBED_AUTOSCALER_LISTEN and SEEDBED_AUTOSCALER_ADDRESS',
  },
];

/** Behind all steps of a flow. */
const FIRST_ORDINAL = 10_000;

/** One FALSE condition for each feature that was asked for; `at`: since when, in milliseconds since the epoch. */
export const notServedConditions = (cluster: Asked, generation: number, at: number, serves: Serves): Condition[] =>
  FEATURES.filter((feature) => feature.asked(cluster, serves)).map((feature, i) => ({
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
