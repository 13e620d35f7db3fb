/** What is asked of a cluster after its first day, as a life for the walk from death to death. */
import { freeAddress } from '../autoscaler/freeAddress.ts';
import type { Settings, Story } from '../reconcilers/story.ts';
import { type Change, openMortalStory } from './walk.ts';

const NAME = 'walked';
const OLD = 'v1.35.4';
const NEW = 'v1.36.3';

export const BACK_UP: Change = { mutation: 'createBackup', input: ({ clusterId }) => ({ clusterId }), state: 'READY', nodes: 1 };
export const RESTORE: Change = {
  mutation: 'restoreCluster',
  input: ({ backupId }) => ({ backupId, confirmClusterName: NAME }),
  state: 'READY',
  nodes: 1,
};
export const CLONE: Change = {
  mutation: 'cloneCluster',
  input: ({ backupId }) => ({ backupId, name: 'second' }),
  state: 'READY',
  nodes: 2,
};
/** With a backup before. */
export const UPGRADE: Change = {
  mutation: 'upgradeCluster',
  input: ({ clusterId }) => ({ clusterId, version: NEW }),
  state: 'READY',
  nodes: 1,
  cluster: NAME,
};
export const HIBERNATE: Change = {
  mutation: 'hibernateCluster',
  input: ({ clusterId }) => ({ clusterId }),
  state: 'HIBERNATED',
  nodes: 0,
  cluster: NAME,
};
export const WAKE: Change = { mutation: 'wakeCluster', input: ({ clusterId }) => ({ clusterId }), state: 'READY', nodes: 1, cluster: NAME };

const created: Change = {
  mutation: 'createCluster',
  input: () => ({ name: NAME, clusterTemplate: 'small', nodeCount: 1 }),
  state: 'READY',
  nodes: 1,
};
const deleted = (cluster: string, nodes: number): Change => ({
  mutation: 'deleteCluster',
  input: ({ clusterId }) => ({ clusterId }),
  state: 'DELETED',
  nodes,
  cluster,
});

export const DAY_TWO: readonly Change[] = [
  created,
  BACK_UP,
  RESTORE,
  CLONE,
  deleted('second', 1),
  UPGRADE,
  HIBERNATE,
  WAKE,
  deleted(NAME, 0),
];

/** What a server and a template need for it. */
export const settingsOfDayTwo = async (): Promise<{ settings: Settings; template: object }> => {
  const address = await freeAddress();
  return {
    settings: { backupListen: address, backupAddress: address },
    template: { image: 'debian-12', kubernetesVersion: OLD, backup: { enabled: true } },
  };
};

export const openDayTwo = async (bundle: string): Promise<Story> => {
  const { settings, template } = await settingsOfDayTwo();
  return openMortalStory(bundle, settings, template);
};
