/** Events: the numbered history of a seed or of a cluster with its node groups and nodes. */
import type { ObjectKind, StepState } from './condition.ts';
import type { Problem } from './errors.ts';

export interface ProgressEvent {
  /** The object whose history this is: a seed or a cluster. */
  streamId: string;
  /** From 1 on, in the order of commits; without gaps, but where the database was put back to a copy of before. */
  number: number;
  at: number;
  subjectKind: ObjectKind;
  subjectId: string;
  subjectName: string;
  /** A step's name, or null for a change of the whole object. */
  step: string | null;
  title: string | null;
  state: StepState | string;
  percent: number | null;
  message: string;
  problem: Problem | null;
  operationId: string | null;
  /** Under which OpenStack's services were asked for it; null: nobody was asked, or a release of before it was kept wrote this. */
  requestId: string | null;
  /** True when the stream's owner has come to rest: ready, failed for want of somebody's act, or deleted. */
  settled: boolean;
}
