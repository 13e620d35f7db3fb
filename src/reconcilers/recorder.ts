/** Writes down what a pass does as it does it: conditions, operations, events, and at its end the state. */
import { type Condition, isTrouble, type ObjectKind } from '../domain/condition.ts';
import type { StepReport } from '../engine/flow.ts';
import { nextCondition, type PassSummary } from '../engine/progress.ts';
import type { Tx } from '../store/open.ts';
import {
  appendEvent,
  loadConditions,
  loadTrackedOperations,
  type OperationRow,
  type Subject,
  saveCondition,
  updateOperation,
} from '../store/progress.ts';
import { changed } from '../store/reconcile.ts';
import { enqueue } from '../store/workItems.ts';
import { type Held, type Hold, holdReport } from './holds.ts';
import type { Kind, ObjectRow, Write } from './kind.ts';
import { closingOf, isMade } from './outcome.ts';
import { firstOf, PassSteps } from './passSteps.ts';
import type { World } from './world.ts';

const SETTLED_STATES = new Set(['READY', 'NOT_READY', 'DEGRADED', 'HIBERNATED', 'FAILED', 'DELETED']);

/** What one pass is over. */
interface Pass<Row extends ObjectRow, Scope> {
  world: World;
  kind: Kind<Row, Scope>;
  row: Row;
  scope: Scope;
  write: Write;
  removing: boolean;
  held: Held<Scope> | undefined;
  requestId: string;
}

export const openRecorder = async <Row extends ObjectRow, Scope>(pass: Pass<Row, Scope>): Promise<Recorder<Row, Scope>> => {
  const { world, kind, row, scope, write, removing, held } = pass;
  const subject = kind.subject(row, scope);
  const conditions = await loadConditions(world.store.db, row.id);
  const unknown = kind.flow.steps
    .filter((step) => !conditions.has(step.name) && step.wanted?.(scope) !== false)
    .map((step) => firstOf(step, kind.flow.steps.indexOf(step), row.generation, world.clock.now()));
  // All steps at once, so that "percent" counts what is still to come from the first event on.
  if (unknown.length > 0 && !removing) {
    await write(async (tx) => {
      for (const condition of unknown) await saveCondition(tx, subject, condition, false);
    });
    for (const condition of unknown) conditions.set(condition.name, condition);
  }
  const operations = await loadTrackedOperations(world.store.db, row.id);
  const latest = operations.reduce<OperationRow | undefined>(
    (best, op) => (best && best.requestedAt > op.requestedAt ? best : op),
    undefined,
  );
  return new Recorder(pass, { subject, operations, latest, steps: new PassSteps(conditions, { removing, held, latest }) });
};

class Recorder<Row extends ObjectRow, Scope> {
  private readonly pass: Pass<Row, Scope>;
  private readonly subject: Subject;
  /** That ask for what the pass does, and are not over. */
  private readonly operations: readonly OperationRow[];
  private readonly latest: OperationRow | undefined;
  private readonly steps: PassSteps;
  /** Ids of the operations that this pass has shown at work. */
  private readonly shown = new Set<string>();

  constructor(
    pass: Pass<Row, Scope>,
    found: { subject: Subject; operations: readonly OperationRow[]; latest: OperationRow | undefined; steps: PassSteps },
  ) {
    this.pass = pass;
    this.subject = found.subject;
    this.operations = found.operations;
    this.latest = found.latest;
    this.steps = found.steps;
  }

  /** How often a step has failed in a row. */
  attempts(step: string): number {
    return Math.max(1, this.steps.get(step)?.attempts ?? 1);
  }

  async record(report: StepReport): Promise<void> {
    const { world, row, write } = this.pass;
    const now = world.clock.now();
    if (report.state === 'RUNNING') this.steps.begin(report.name, now);
    const previous = this.steps.get(report.name);
    const next = nextCondition(previous, report, { generation: row.generation, now });
    if (next === null) return;
    this.steps.set(next.condition, now);
    await write(async (tx) => {
      await saveCondition(tx, this.subject, next.condition, previous !== undefined);
      await this.tellWhole(tx, previous, { ...next, now });
      if (!next.told) return;
      await this.tellSuspect(tx, report, now);
      await this.tellStep(tx, report, now);
      for (const operation of this.operations) await this.saveRunning(tx, operation);
      this.tellChange(tx);
    });
  }

  /** That nothing is done while it lasts, or that it is over. Nodes are too many to tell it one by one. */
  async tellHold(hold: Hold): Promise<void> {
    const told = this.steps.get(hold.name);
    if (this.pass.kind.kind === 'NODE' || (hold.what === null && (told === undefined || told.state === 'REMOVED'))) return;
    await this.record(holdReport(hold));
    // What was asked for since the hold was first told waits for it as well.
    const asked = hold.what === null || told?.state !== 'WAITING' ? [] : this.operations.filter(({ state }) => state === 'PENDING');
    if (asked.length === 0) return;
    await this.pass.write(async (tx) => {
      for (const operation of asked) await this.saveRunning(tx, operation);
      this.tellChange(tx);
    });
  }

  async settle(summary: PassSummary, state: string): Promise<void> {
    const { world, kind, row, write, removing } = this.pass;
    const now = world.clock.now();
    const carriedOut = (summary.settled && this.operations.every((operation) => this.isEnded(operation))) || isMade(row, summary);
    const observedGeneration = carriedOut ? row.generation : row.observedGeneration;
    const deletedAt = summary.settled && removing ? now : null;
    const closing = closingOf(row, summary);
    const open = this.operations.filter((operation) => this.isOpen(operation, closing, summary));
    const isNews = state !== row.state || observedGeneration !== row.observedGeneration || deletedAt !== null;
    const ends = isNews || (closing !== null && open.length > 0);
    // Asked for while nothing new came of the steps: they are what it waits for.
    const silent = this.operations.filter(
      (one) => one.state === 'PENDING' && !this.shown.has(one.id) && (closing === null || !open.includes(one)),
    );
    if (!ends && silent.length === 0) return;
    await write(async (tx) => {
      // What was asked for during the pass has a pass of its own to come, and its state is not this one's to say. It may be of this same commit.
      if ((await kind.load(tx.db, row.id))?.generation !== row.generation) return;
      for (const operation of silent) await this.saveRunning(tx, operation);
      if (!ends) return;
      await kind.save(tx, row, { state, observedGeneration, deletedAt, updatedAt: now }, summary);
      await this.wakeParent(tx, now);
      if (closing !== null) for (const operation of open) await this.saveClosed(tx, operation, closing, { summary, now });
      await this.tellState(tx, state, closing, { summary, now });
      this.tellChange(tx, deletedAt === null ? 'CHANGED' : 'DELETED');
    });
  }

  private isEnded({ kind }: OperationRow): boolean {
    const { held } = this.pass;
    return held === undefined || held.ends.includes(kind);
  }

  private isOpen(operation: OperationRow, closing: ReturnType<typeof closingOf>, { failure }: PassSummary): boolean {
    if (!this.isEnded(operation) || operation.generation > this.pass.row.generation) return false;
    return closing !== operation.state || failure?.message !== operation.problem?.message;
  }

  private async saveRunning(tx: Tx, operation: OperationRow): Promise<void> {
    const { problem } = operation;
    this.shown.add(operation.id);
    const percent = Math.min(99, this.steps.percent());
    await updateOperation(tx, operation, { state: 'RUNNING', percent, steps: this.steps.list(), problem, finishedAt: null });
  }

  private async saveClosed(tx: Tx, operation: OperationRow, state: 'SUCCEEDED' | 'FAILED', { summary, now }: Told): Promise<void> {
    const isWell = state === 'SUCCEEDED';
    await updateOperation(tx, operation, {
      state,
      percent: isWell ? 100 : Math.min(99, this.steps.percent()),
      steps: this.steps.list(),
      problem: isWell ? null : (summary.failure?.problem ?? null),
      finishedAt: now,
    });
  }

  private async tellStep(tx: Tx, { name, title, state, message, problem }: StepReport, now: number): Promise<void> {
    const of = { operationId: this.latest?.id ?? null, requestId: this.pass.requestId };
    await appendEvent(tx, this.subject, {
      at: now,
      step: name,
      title,
      state,
      percent: this.steps.percent(),
      message,
      problem,
      ...of,
      settled: false,
    });
  }

  private async tellState(tx: Tx, state: string, closing: ReturnType<typeof closingOf>, { summary, now }: Told): Promise<void> {
    const { subject, pass } = this;
    await appendEvent(tx, subject, {
      at: now,
      step: null,
      title: null,
      state,
      percent: summary.settled ? 100 : this.steps.percent(),
      message: summary.failure?.message ?? sentenceOf(pass.kind.kind, subject.name, state),
      problem: summary.failure?.problem ?? null,
      operationId: this.latest?.id ?? null,
      requestId: pass.requestId,
      // A part at rest says nothing of the whole: only the stream's owner settles it.
      settled: subject.id === subject.streamId && SETTLED_STATES.has(state) && (summary.settled || closing !== null),
    });
  }

  /** Trouble that comes, goes or changes is the whole's to look at. */
  private async tellWhole(
    tx: Tx,
    previous: Condition | undefined,
    { condition, told, now }: { condition: Condition; told: boolean; now: number },
  ): Promise<void> {
    const wasTrouble = previous !== undefined && isTrouble(previous);
    // The same trouble of another generation, too: the whole takes no notice of what an earlier one met.
    const isNews = told || previous?.observedGeneration !== condition.observedGeneration;
    if (wasTrouble !== isTrouble(condition) || (wasTrouble && isNews)) await this.wakeParent(tx, now);
  }

  private async tellSuspect(tx: Tx, { problem }: StepReport, now: number): Promise<void> {
    const { kind, row } = this.pass;
    const suspect = problem === null ? undefined : kind.suspect?.(row, problem);
    if (suspect !== undefined) await enqueue(tx, suspect.kind, suspect.id, now);
  }

  private async wakeParent(tx: Tx, now: number): Promise<void> {
    const { kind, row } = this.pass;
    const parent = kind.parent?.(row);
    if (parent !== undefined) await enqueue(tx, parent.kind, parent.id, now);
  }

  private tellChange(tx: Tx, what: 'CHANGED' | 'DELETED' = 'CHANGED'): void {
    const { kind, row } = this.pass;
    tx.changes.push(changed(kind.kind, row, this.subject.clusterId, this.subject.projectId, what));
  }
}

interface Told {
  summary: PassSummary;
  now: number;
}

const NOUNS: Record<ObjectKind, string> = {
  SEED: 'Seed',
  CLUSTER: 'Cluster',
  NODE_GROUP: 'Node group',
  NODE: 'Node',
  ORPHANS: 'Orphans',
  BACKUP: 'Backup',
};

const sentenceOf = (kind: ObjectKind, name: string, state: string): string =>
  `${NOUNS[kind]} ${name} is ${state.toLowerCase().replaceAll('_', ' ')}.`;
