/** From a step's report to the condition it leaves; pure, so that "nothing new" is decided in one place. */
import type { Condition, StepState, WaitingFor } from '../domain/condition.ts';
import type { StepReport } from './flow.ts';

export interface ProgressContext {
  generation: number;
  /** Milliseconds since the epoch. */
  now: number;
}

/**
 * The condition that a report leads to, or null when it says nothing new: a settled object's pass then writes nothing.
 * `told` is false for news that a follower need not see, such as another attempt that failed in the same way.
 */
export const nextCondition = (
  previous: Condition | undefined,
  report: StepReport,
  context: ProgressContext,
): { condition: Condition; told: boolean } | null => {
  // Steps return instead of waiting, so "running" lasts no longer than a call: not worth a row.
  if (report.state === 'RUNNING') return null;
  // A step that could not be looked at keeps what was known of it.
  if (report.state === 'PENDING' && previous !== undefined) return null;
  // What nobody has wanted so far is no news, nor worth a row.
  if (report.state === 'REMOVED' && previous === undefined && report.message === '') return null;
  const waitingFor = waitingOf(previous, report, context.now);
  const condition: Condition = {
    name: report.name,
    title: report.title,
    status: report.state === 'DONE' ? 'TRUE' : 'FALSE',
    state: report.state,
    reason: reasonOf(report, waitingFor, context.now),
    message: report.message,
    problem: report.problem,
    waitingFor,
    observedGeneration: context.generation,
    lastTransitionAt: previous?.state === report.state ? previous.lastTransitionAt : context.now,
    attempts: report.state === 'FAILED' ? (previous?.attempts ?? 0) + 1 : 0,
    ordinal: report.ordinal,
  };
  const same =
    previous !== undefined &&
    previous.state === condition.state &&
    previous.reason === condition.reason &&
    previous.message === condition.message;
  // What was never wanted went without anybody having to do a thing.
  const neverThere = report.state === 'REMOVED' && report.message === '' && previous?.state === 'PENDING';
  if (!same) return { condition, told: report.state !== 'PENDING' && !neverThere };
  const quiet = condition.attempts !== previous.attempts || condition.observedGeneration !== previous.observedGeneration;
  return quiet ? { condition, told: false } : null;
};

const waitingOf = (previous: Condition | undefined, report: StepReport, now: number): WaitingFor | null => {
  if (report.state !== 'WAITING') return null;
  const since = previous?.state === 'WAITING' ? (previous.waitingFor?.since ?? previous.lastTransitionAt) : now;
  const { message: what, usuallyMs } = report;
  const overdue = isOverdue({ since, usuallyMs }, now);
  return { what, since, usuallyMs, whoMustAct: overdue && report.whoMustAct === 'NOBODY' ? report.late : report.whoMustAct };
};

const isOverdue = ({ since, usuallyMs }: Pick<WaitingFor, 'since' | 'usuallyMs'>, now: number): boolean =>
  usuallyMs !== null && now - since > usuallyMs;

const REASONS: Record<Exclude<StepState, 'FAILED' | 'WAITING'>, string> = {
  PENDING: 'NotYet',
  RUNNING: 'Running',
  DONE: 'Done',
  REMOVED: 'Removed',
};

const reasonOf = (report: StepReport, waitingFor: WaitingFor | null, now: number): string => {
  if (report.state === 'FAILED') return camel(report.problem?.code ?? 'INTERNAL');
  if (report.state === 'WAITING' && report.code !== null) return report.code;
  if (waitingFor !== null && isOverdue(waitingFor, now)) return 'WaitingLongerThanUsual';
  if (report.state === 'WAITING') return report.whoMustAct === 'NOBODY' ? 'Waiting' : 'WaitingForSomebody';
  return REASONS[report.state];
};

const camel = (code: string): string =>
  code
    .toLowerCase()
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

/** What a pass as a whole came to. */
export interface PassSummary {
  settled: boolean;
  /** Settled, but for what is optional and waits for somebody. */
  made: boolean;
  /** The failure to show: one that somebody must act on before one that is tried again by itself. */
  failure: StepReport | null;
  waiting: StepReport[];
  /** The soonest time at which a waiting step wants another look. */
  retryAfterMs: number | null;
}

export const summarize = (reports: readonly StepReport[], removing: boolean): PassSummary => {
  const failed = reports.filter((r) => r.state === 'FAILED');
  const waiting = reports.filter((r) => r.state === 'WAITING');
  const isStuck = (r: StepReport) => r.state === 'FAILED' && r.problem?.retryable === false;
  const isSettled = (r: StepReport) => r.state === 'REMOVED' || (!removing && r.state === 'DONE');
  const delays = waiting.map((r) => r.retryAfterMs ?? 1_000);
  return {
    settled: reports.every(isSettled),
    made: !removing && reports.every((r) => isSettled(r) || (r.optional === true && isStuck(r))),
    failure: failed.find((r) => isStuck(r) && r.optional !== true) ?? failed.find(isStuck) ?? failed[0] ?? null,
    waiting,
    retryAfterMs: delays.length > 0 ? Math.min(...delays) : null,
  };
};
