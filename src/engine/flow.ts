/** Flows: a list of steps that is walked forwards to make an object and backwards to remove it. */
import { Conflict, type Problem, problemOf, type WhoMustAct } from '../domain/errors.ts';
import { turn } from '../lib/turn.ts';

export type Outcome =
  | { kind: 'done'; detail?: string }
  | { kind: 'waiting'; reason: string; retryAfterMs: number; whoMustAct?: WhoMustAct; code?: string };

export const done = (detail?: string): Outcome => (detail === undefined ? { kind: 'done' } : { kind: 'done', detail });

/**
 * `reason`: what is waited for, as a noun phrase or sentence for people. `retryAfterMs`: the latest next look; a hint may bring it forward.
 * `code`: the condition's reason, in CamelCase, where it is a trouble of its own kind.
 */
export const waiting = (reason: string, retryAfterMs: number, whoMustAct: WhoMustAct = 'NOBODY', code?: string): Outcome => ({
  kind: 'waiting',
  reason,
  retryAfterMs,
  whoMustAct,
  ...(code !== undefined && { code }),
});

export interface Step<Scope> {
  /** Condition, metric label and event: 'ApiServerReady'. */
  name: string;
  /** For a person: 'Start the API server'. */
  title: string;
  /** How long this usually takes; beyond it a waiting step says so. */
  usuallyMs?: number;
  /** Who must act when it takes longer than usual and the step names nobody. */
  late?: WhoMustAct;
  /** An object is made although this fails for want of somebody's act; its failure is told as one of an object that is there. */
  optional?: true;
  needs?: readonly Step<Scope>[];
  /** False: it should not exist, so remove runs. */
  wanted?: (scope: Scope) => boolean;
  ensure: (scope: Scope) => Promise<Outcome>;
  /** Runs in the opposite order; may use identity, never spec. */
  remove?: (scope: Scope) => Promise<Outcome>;
}

export interface Flow<Scope> {
  name: string;
  steps: readonly Step<Scope>[];
  /** For each step, the steps that need it: they are removed before it. */
  dependents: ReadonlyMap<Step<Scope>, readonly Step<Scope>[]>;
}

export interface StepReport {
  name: string;
  title: string;
  ordinal: number;
  state: 'PENDING' | 'RUNNING' | 'WAITING' | 'DONE' | 'FAILED' | 'REMOVED';
  message: string;
  problem: Problem | null;
  whoMustAct: WhoMustAct;
  usuallyMs: number | null;
  late: WhoMustAct;
  retryAfterMs: number | null;
  /** A waiting step's own reason. */
  code: string | null;
  error: unknown;
  optional?: true;
}

/** Throws with a sentence when a name is used twice or a step stands before one that it needs. */
export const defineFlow = <Scope>(name: string, steps: readonly Step<Scope>[]): Flow<Scope> => {
  const seen = new Set<Step<Scope>>();
  const names = new Set<string>();
  const dependents = new Map<Step<Scope>, Step<Scope>[]>(steps.map((step) => [step, []]));
  for (const step of steps) {
    if (names.has(step.name)) throw new Error(`Flow ${name}: two steps are named ${step.name}.`);
    for (const need of step.needs ?? []) {
      if (!seen.has(need)) throw new Error(`Flow ${name}: ${step.name} needs ${need.name}, which must stand before it in the list.`);
      dependents.get(need)?.push(step);
    }
    seen.add(step);
    names.add(step.name);
  }
  return { name, steps, dependents };
};

export interface PassOptions {
  /** True: the object is to go, so every step is removed, last first. */
  removing: boolean;
  signal: AbortSignal;
  /** Called when a step starts and when it ends; awaited, so that progress is stored in order. */
  onReport: (report: StepReport) => Promise<void>;
  /** Calls back when somebody asks for the object while the pass runs; returns what ends that. */
  onWake?: (listener: () => void) => () => void;
}

/**
 * One pass: every step whose needs are met runs, side by side. A waiting or failed step holds up only those that depend on it.
 * While a slow neighbour keeps the pass going, a waiting step is looked at again when it is due or somebody asks for the object:
 * otherwise a router that takes eight seconds would hide that etcd was ready after two.
 */
export const runFlow = async <Scope>(flow: Flow<Scope>, scope: Scope, options: PassOptions): Promise<StepReport[]> => {
  const busy = createBusy(options);
  const running = new Map<Step<Scope>, Promise<StepReport>>();
  const start = (step: Step<Scope>, ordinal: number): Promise<StepReport> => {
    const before = options.removing ? (flow.dependents.get(step) ?? []) : (step.needs ?? []);
    const blockers = before.map((other) => running.get(other)).filter((other) => other !== undefined);
    const run = Promise.all(blockers).then((ended) => {
      const blocker = ended.find((r) => r.state !== 'DONE' && r.state !== 'REMOVED');
      return runStep(step, ordinal, scope, options, busy, blocker);
    });
    running.set(step, run);
    return run;
  };
  const order = flow.steps.map((step, ordinal) => ({ step, ordinal }));
  if (options.removing) order.reverse();
  const reports = await Promise.all(order.map(({ step, ordinal }) => start(step, ordinal))).finally(busy.close);
  return reports.sort((a, b) => a.ordinal - b.ordinal);
};

const runStep = async <Scope>(
  step: Step<Scope>,
  ordinal: number,
  scope: Scope,
  options: PassOptions,
  busy: Busy,
  blocker: StepReport | undefined,
): Promise<StepReport> => {
  const base: StepReport = {
    name: step.name,
    title: step.title,
    ordinal,
    state: 'PENDING',
    message: '',
    problem: null,
    whoMustAct: 'NOBODY',
    usuallyMs: step.usuallyMs ?? null,
    late: step.late ?? 'NOBODY',
    retryAfterMs: null,
    code: null,
    error: null,
    ...(step.optional && { optional: true }),
  };
  const report = async (fields: Partial<StepReport>): Promise<StepReport> => {
    const full = { ...base, ...fields };
    await options.onReport(full);
    return full;
  };
  const unwanted = step.wanted?.(scope) === false;
  const removing = options.removing || unwanted;
  if (blocker !== undefined) {
    const message = `After "${blocker.title}".`;
    // Nobody waits for what nobody wants.
    return unwanted ? { ...base, message } : report({ message });
  }
  if (options.signal.aborted) return { ...base, message: 'The pass was stopped.' };
  await report({ state: 'RUNNING' });
  for (;;) {
    const known = busy.news();
    const looked = await busy.while(() => turn().then(() => look(step, scope, removing, report)));
    if (looked.state !== 'WAITING' || options.signal.aborted || !(await busy.again(looked.retryAfterMs ?? 1_000, known))) return looked;
    if (options.signal.aborted) return looked;
  }
};

const look = async <Scope>(
  step: Step<Scope>,
  scope: Scope,
  removing: boolean,
  report: (fields: Partial<StepReport>) => Promise<StepReport>,
): Promise<StepReport> => {
  try {
    const outcome = removing ? ((await step.remove?.(scope)) ?? done()) : await step.ensure(scope);
    if (outcome.kind === 'done') return await report({ state: removing ? 'REMOVED' : 'DONE', message: outcome.detail ?? '' });
    return await report({
      state: 'WAITING',
      message: outcome.reason,
      whoMustAct: outcome.whoMustAct ?? 'NOBODY',
      retryAfterMs: outcome.retryAfterMs,
      code: outcome.code ?? null,
    });
  } catch (error) {
    if (error instanceof LeaseLost) throw error;
    if (error instanceof NotYet) return report({ state: 'WAITING', message: error.message, retryAfterMs: error.retryAfterMs });
    const problem = problemIn(error);
    return report({ state: 'FAILED', message: problem.message, problem, whoMustAct: problem.whoMustAct, error });
  }
};

/** To a caller a conflict is final; to a step it says that another thing is still in the way, and passes. */
const problemIn = (error: unknown): Problem =>
  error instanceof Conflict ? { ...problemOf(error), retryable: true, whoMustAct: 'NOBODY' } : problemOf(error);

/** Counts the steps at work in a pass, and wakes the waiting ones. */
interface Busy {
  while<T>(work: () => Promise<T>): Promise<T>;
  /** How often somebody has asked for the object so far. */
  news(): number;
  /** True: look again, it is due or somebody has asked since `known`. False: nobody works any more, so the pass should end. */
  again(afterMs: number, known: number): Promise<boolean>;
  close(): void;
}

const createBusy = (options: PassOptions): Busy => {
  let working = 0;
  let news = 0;
  const sleepers = new Set<(again: boolean) => void>();
  const wake = (again: boolean) => {
    for (const sleeper of [...sleepers]) sleeper(again);
  };
  const unlisten = options.onWake?.(() => {
    news += 1;
    wake(true);
  });
  return {
    while: async (work) => {
      working += 1;
      try {
        return await work();
      } finally {
        working -= 1;
        // Whatever this one's end lets start has a turn to say that it works.
        setImmediate(() => {
          if (working === 0) wake(false);
        });
      }
    },
    news: () => news,
    again: (afterMs, known) => {
      if (news > known) return Promise.resolve(true);
      return new Promise((resolve) => {
        const end = (again: boolean) => {
          clearTimeout(timer);
          sleepers.delete(end);
          resolve(again);
        };
        const timer = setTimeout(() => end(true), Math.max(1, afterMs));
        sleepers.add(end);
      });
    },
    close: () => unlisten?.(),
  };
};

/** Thrown from the depth of a step that has to wait: the step's outcome is then "waiting". */
export class NotYet extends Error {
  readonly retryAfterMs: number;
  constructor(reason: string, retryAfterMs: number) {
    super(reason);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The pass's lease was taken over: stop at once and write nothing more. */
export class LeaseLost extends Error {}
