/** Conditions: what is known of one aspect of an object, in positive names only. */
import type { Problem, WhoMustAct } from './errors.ts';

export type ConditionStatus = 'TRUE' | 'FALSE' | 'UNKNOWN';
/** ORPHANS: a search for them, or a removal, is an object of its own, whose id is its operation's. */
export type ObjectKind = 'SEED' | 'CLUSTER' | 'NODE_GROUP' | 'NODE' | 'ORPHANS' | 'BACKUP';

/** PENDING: not looked at yet or blocked by another; WAITING: for something outside; REMOVED: rightly not there. */
export type StepState = 'PENDING' | 'RUNNING' | 'WAITING' | 'DONE' | 'FAILED' | 'REMOVED';

/** What a waiting step waits for, and when that stops being usual. */
export interface WaitingFor {
  what: string;
  /** Milliseconds since the epoch. */
  since: number;
  usuallyMs: number | null;
  whoMustAct: WhoMustAct;
}

export interface Condition {
  name: string;
  title: string;
  status: ConditionStatus;
  /** The step's state, which says more than TRUE or FALSE. */
  state: StepState;
  /** CamelCase, for programs. */
  reason: string;
  /** A sentence, for people. */
  message: string;
  problem: Problem | null;
  waitingFor: WaitingFor | null;
  observedGeneration: number;
  lastTransitionAt: number;
  attempts: number;
  /** Place in the flow, for a stable order. */
  ordinal: number;
}

/** A failure that comes again this often is no mere hiccup. */
const HICCUPS = 3;

/** Whether the whole should hear of it: somebody must act, it waits for longer than usual, or it fails again and again. */
export const isTrouble = ({ state, reason, problem, attempts }: Condition): boolean =>
  state === 'FAILED' ? problem?.whoMustAct !== 'NOBODY' || attempts > HICCUPS : state === 'WAITING' && reason !== 'Waiting';
