/** What is shown of an addon of a cluster: read from the condition of its step. */
import { ADDON_NAMES, type AddonName, addonInfo, addonStepName, isWanted } from './addons.ts';
import type { ClusterSpec } from './cluster.ts';
import type { Condition } from './condition.ts';
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
