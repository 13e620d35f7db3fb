/** Parts of a cluster's deletion that wait for what others do or say; one that takes longer than the policy's deadline is gone on without. */

/**
 * CONTROL_PLANE: of a hibernated cluster, which is started once more to say what goes with it. NODES: servers with what is theirs, and their groups. NETWORK: its router, subnet and network, which others' ports hold, and its security group.
 * CREDENTIAL: what lets Seedbed act in the project, last of all.
 */
export type DeletionStage = 'CONTROL_PLANE' | 'NODES' | 'LOAD_BALANCERS' | 'VOLUMES' | 'NETWORK' | 'CREDENTIAL';

export interface StageSeen {
  /** When it first had to wait, in milliseconds since the epoch. */
  since: number;
  /** What it waited for when it was given up; null: it was not. */
  gaveUp: string | null;
}

export type DeletionStages = Partial<Record<DeletionStage, StageSeen>>;

/** Of deleteCluster's policy.deadlineSeconds. */
export const SHORTEST_DEADLINE_S = 60;
export const LONGEST_DEADLINE_S = 86_400;
