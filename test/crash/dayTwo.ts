/** What is asked of a cluster after its first day, as a life for the walk from death to death. */
import { readFileSync } from 'node:fs';
import { freeAddress } from '../autoscaler/freeAddress.ts';
import { type openStory, type Story, until } from '../reconcilers/story.ts';
import type { Change } from './walk.ts';

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
export const MOVE: Change = {
  mutation: 'moveControlPlane',
  input: ({ clusterId, otherSeedId }) => ({ clusterId, seedId: otherSeedId }),
  state: 'READY',
  nodes: 1,
  cluster: NAME,
  by: 'admin',
};

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
  MOVE,
  deleted(NAME, 0),
];

type Given = NonNullable<Parameters<typeof openStory>[0]>;

/** A world of two seeds and an object store for it; `open` opens any world. */
export const openDayTwo = async (open: (given: Given) => Promise<Story>): Promise<Story> => {
  const address = await freeAddress();
  const story = await open({
    settings: { backupListen: address, backupAddress: address },
    template: { image: 'debian-12', kubernetesVersion: OLD, backup: { enabled: true } },
    seeds: 2,
  });
  const kubeconfig = readFileSync(story.sandbox.seeds[1]?.kubeconfigFile ?? '', 'utf8');
  await story.change(story.admin, 'registerSeed', { name: 'second', kubeconfig }, 'seed { id }');
  await until(() => story.rows("select 1 from seeds where state = 'READY'").length === 2);
  return story;
};
