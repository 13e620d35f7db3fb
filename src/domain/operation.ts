/** Operations: one per acknowledged mutation, with the steps that carry it out. */
import type { StepState, WaitingFor } from './condition.ts';

export type OperationKind =
  | 'CREATE_SEED'
  | 'SCALE_SEED'
  | 'UPGRADE_SEED'
  | 'DELETE_SEED'
  | 'REGISTER_SEED'
  | 'UPDATE_SEED'
  | 'CORDON_SEED'
  | 'UNCORDON_SEED'
  | 'DRAIN_SEED'
  | 'UNREGISTER_SEED'
  | 'CREATE_CLUSTER'
  | 'UPDATE_CLUSTER'
  | 'UPGRADE_CLUSTER'
  | 'MOVE_CLUSTER_TO_TEMPLATE'
  | 'PAUSE_CLUSTER'
  | 'RESUME_CLUSTER'
  | 'HIBERNATE_CLUSTER'
  | 'WAKE_CLUSTER'
  | 'MOVE_CONTROL_PLANE'
  | 'DELETE_CLUSTER'
  | 'ROTATE_ENCRYPTION_KEY'
  | 'ROTATE_CERTIFICATES'
  | 'ROTATE_CLOUD_CREDENTIAL'
  | 'CREATE_NODE_GROUP'
  | 'UPDATE_NODE_GROUP'
  | 'RESIZE_NODE_GROUP'
  | 'DELETE_NODE_GROUP'
  | 'REPLACE_NODE'
  | 'HEAL_NODE'
  | 'CREATE_BACKUP'
  | 'DELETE_BACKUP'
  | 'RESTORE_CLUSTER'
  | 'FIND_ORPHANS'
  | 'REMOVE_ORPHANS';

export type OperationState = 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED' | 'SUPERSEDED';

export interface OperationStep {
  name: string;
  title: string;
  state: StepState;
  startedAt: number | null;
  finishedAt: number | null;
  message: string;
  waitingFor: WaitingFor | null;
}

export const isOver = (state: OperationState): boolean => state !== 'PENDING' && state !== 'RUNNING';

/** Finished ÷ wanted steps, in whole percent; 100 only when all are finished. */
export const percentOf = (steps: readonly { state: StepState }[], removing: boolean): number => {
  const wanted = removing ? steps : steps.filter((s) => s.state !== 'REMOVED');
  const finished = wanted.filter((s) => s.state === (removing ? 'REMOVED' : 'DONE')).length;
  return wanted.length === 0 ? 100 : Math.floor((finished / wanted.length) * 100);
};
