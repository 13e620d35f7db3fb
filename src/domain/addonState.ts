/** What is shown of an addon of a cluster: read from the condition of its step. */
import type { BundleState } from './addonBundle.ts';
import { ADDON_NAMES, type AddonName, addonInfo, addonStepName, isWanted } from './addons.ts';
import type { ClusterSpec } from './cluster.ts';
import type { Condition } from './condition.ts';
import type { Problem } from './errors.ts';
import { findRelease } from './version.ts';

export type AddonState = 'DISABLED' | 'PENDING' | 'INSTALLING' | 'READY' | 'FAILED' | 'REMOVING';

export interface AddonView {
  name: AddonName;
  title: string;
  version: string | null;
  enabled: boolean;
  state: AddonState;
  message: string;
}

export interface BundleView {
  name: string;
  /** The one that is wanted; of one that goes, the one that was. */
  revision: number;
  enabled: boolean;
  state: AddonState;
  message: string;
  problem: Problem | null;
}

/** Those that were chosen, in their order, and then those that are on their way out. */
export const bundlesOf = (spec: ClusterSpec, states: readonly BundleState[]): BundleView[] => {
  const chosen = spec.bundles.map(({ name, revision }): BundleView => {
    const known = states.find((state) => state.name === name && state.revision === revision && state.state !== 'REMOVING');
    if (known === undefined) return { name, revision, enabled: true, state: 'PENDING', message: '', problem: null };
    return { ...known, enabled: true };
  });
  const leaving = states.filter(({ name }) => !chosen.some((view) => view.name === name));
  return [
    ...chosen,
    ...leaving.map((state): BundleView => ({ ...state, enabled: false, state: state.state === 'FAILED' ? 'FAILED' : 'REMOVING' })),
  ];
};

export const addonsOf = (spec: ClusterSpec, conditions: readonly Condition[]): AddonView[] => {
  const release = findRelease(spec.kubernetesVersion);
  return ADDON_NAMES.map((name) => {
    const { title, version } = addonInfo(name);
    const enabled = isWanted(name, spec);
    const condition = conditions.find((c) => c.name === addonStepName(name));
    const state = stateOf(enabled, condition);
    return {
      name,
      title,
      version: release === undefined ? null : version(release),
      enabled,
      state,
      message: state === 'DISABLED' ? '' : (condition?.message ?? ''),
    };
  });
};

const stateOf = (enabled: boolean, condition: Condition | undefined): AddonState => {
  const state = condition?.state ?? 'PENDING';
  if (!enabled) return state === 'REMOVED' || state === 'PENDING' ? 'DISABLED' : state === 'FAILED' ? 'FAILED' : 'REMOVING';
  switch (state) {
    case 'DONE':
      return 'READY';
    case 'FAILED':
      return 'FAILED';
    case 'WAITING':
    case 'RUNNING':
      return 'INSTALLING';
    default:
      // Removed: it was off a moment ago, or the cluster goes.
      return 'PENDING';
  }
};
