/** The steps of a pass as an operation shows them: what each is at, and since when. */
import type { Condition } from '../domain/condition.ts';
import { HIBERNATION_OVER } from '../domain/hibernation.ts';
import { type OperationStep, percentOf } from '../domain/operation.ts';
import { PAUSE_OVER } from '../domain/pause.ts';
import type { OperationRow } from '../store/progress.ts';
import type { Held } from './holds.ts';

/** Conditions of one object as its pass finds and leaves them. */
export class PassSteps {
  private readonly removing: boolean;
  private readonly conditions: Map<string, Condition>;
  /** Names of those that are shown; null: all are. */
  private readonly shown: ReadonlySet<string> | null;
  private readonly began = new Map<string, number>();
  private readonly turnAt = new Map<string, number>();

  /** `latest`: the operation that was asked for last. */
  constructor(
    conditions: Map<string, Condition>,
    { removing, held, latest }: { removing: boolean; held: Held<never> | undefined; latest: OperationRow | undefined },
  ) {
    this.conditions = conditions;
    this.removing = removing;
    this.shown = held?.alone === true ? new Set([PAUSE_OVER, HIBERNATION_OVER, ...(held.flow?.steps ?? []).map(({ name }) => name)]) : null;
    // Taking away what was done is a new beginning, and what an operation finds at work it works on from its own beginning.
    for (const condition of conditions.values()) {
      const { name, state, lastTransitionAt } = condition;
      if (state === 'PENDING' || (removing && state === 'DONE')) continue;
      this.began.set(name, this.isAtRest(condition) ? lastTransitionAt : Math.max(lastTransitionAt, latest?.requestedAt ?? 0));
    }
    // A condition knows when it changed last; when its step began is in the operation.
    for (const { name, startedAt } of latest?.steps ?? []) if (startedAt !== null) this.began.set(name, startedAt);
  }

  get(name: string): Condition | undefined {
    return this.conditions.get(name);
  }

  /** It is its turn. */
  begin(name: string, now: number): void {
    this.turnAt.set(name, now);
    if (!this.began.has(name)) this.began.set(name, now);
  }

  set(condition: Condition, now: number): void {
    const { name, state } = condition;
    const previous = this.conditions.get(name);
    if (previous !== undefined && this.isAtRest(previous) && state !== previous.state) this.began.set(name, this.turnAt.get(name) ?? now);
    this.conditions.set(name, condition);
  }

  percent(): number {
    return percentOf(this.list(), this.removing);
  }

  list(): OperationStep[] {
    return (
      [...this.conditions.values()]
        .filter(({ name }) => this.shown === null || this.shown.has(name))
        // What is not wanted is no step of what is done.
        .filter(({ state }) => this.removing || state !== 'REMOVED')
        .sort((a, b) => a.ordinal - b.ordinal)
        .map((condition) => this.stepOf(condition))
    );
  }

  private stepOf(condition: Condition): OperationStep {
    const { name, title, state, message, waitingFor, lastTransitionAt } = condition;
    return {
      name,
      title,
      state: this.removing && state === 'DONE' ? 'PENDING' : state,
      startedAt: this.began.get(name) ?? null,
      finishedAt: this.isAtRest(condition) ? lastTransitionAt : null,
      message,
      waitingFor,
    };
  }

  private isAtRest({ state }: Condition): boolean {
    return state === 'REMOVED' || (state === 'DONE' && !this.removing);
  }
}

/** Before a step's first turn. */
export const firstOf = (step: { name: string; title: string }, ordinal: number, observedGeneration: number, now: number): Condition => ({
  name: step.name,
  title: step.title,
  status: 'FALSE',
  state: 'PENDING',
  reason: 'NotYet',
  message: '',
  problem: null,
  waitingFor: null,
  observedGeneration,
  lastTransitionAt: now,
  attempts: 0,
  ordinal,
});
