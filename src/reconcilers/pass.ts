/** One pass over one object: load, run the flow, store each report as it comes, and settle. The same for all four kinds. */
import { type Condition, isTrouble, type ObjectKind } from '../domain/condition.ts';
import type { Problem } from '../domain/errors.ts';
import { HIBERNATION_OVER } from '../domain/hibernation.ts';
import { type OperationStep, percentOf } from '../domain/operation.ts';
import { PAUSE_OVER, pauseOf } from '../domain/pause.ts';
import type { Claim } from '../domain/work.ts';
import { driftDelayMs, soonestRetryMs } from '../engine/backoff.ts';
import { type Flow, LeaseLost, runFlow, type StepReport } from '../engine/flow.ts';
import { nextCondition, type PassSummary, summarize } from '../engine/progress.ts';
import type { Handler } from '../engine/worker.ts';
import { newId, openstackRequestId } from '../lib/ids.ts';
import type { Tx } from '../store/open.ts';
import {
  appendEvent,
  loadConditions,
  loadRequestId,
  loadTrackedOperations,
  type OperationRow,
  type Subject,
  saveCondition,
  updateOperation,
} from '../store/progress.ts';
import { type ClusterRow, changed } from '../store/reconcile.ts';
import { enqueue, holdsLease } from '../store/workItems.ts';
import { type Held, type Hold, haltAtHold, hibernationHold, holdReport, pauseHold } from './holds.ts';
import { type World, worldOf } from './world.ts';

export interface ObjectRow {
  id: string;
  generation: number;
  observedGeneration: number;
  deleteRequestedAt: number | null;
  deletedAt: number | null;
  state: string;
}

/** What makes one kind of object different from the others. */
export interface Kind<Row extends ObjectRow, Scope> {
  kind: ObjectKind;
  flow: Flow<Scope>;
  load(id: string): Promise<Row | undefined>;
  /**
   * Everything the steps look at; `write` runs a transaction that is refused once the lease is lost, and the clouds of `world` tell the
   * request that the pass is for.
   */
  open(row: Row, write: Write, world: World): Promise<Scope>;
  subject(row: Row, scope: Scope): Subject;
  /** The state to show after the pass. */
  stateOf(scope: Scope, row: Row, summary: PassSummary): string;
  /** What runs instead of its flow; 'REST': nothing runs, and who ends that wakes it. Undefined: its flow runs. */
  held?(row: Row, scope: Scope): Promise<Held<Scope> | 'REST' | undefined>;
  /** In milliseconds since the epoch, for what nobody but Seedbed changes; null: until somebody asks. undefined: it is looked at as usual. */
  restsUntil?(row: Row, settled: boolean): number | null | undefined;
  /** When it is to be looked at again at the latest, in milliseconds since the epoch; null: no sooner than others. */
  lookAt?(row: Row): number | null;
  /** The cluster that it belongs to, as it was when the pass began: while that is paused, no step is begun. */
  cluster?(row: Row, scope: Scope): ClusterRow;
  /** Ids of what it is a part of, at most two and the nearest first: their operations have it worked on, too. */
  partOf?(row: Row): readonly string[];
  /** The whole that waits for this object. */
  parent?(row: Row): { kind: ObjectKind; id: string };
  /** The object whose trouble this problem may be: it is looked at when the problem appears. */
  suspect?(row: Row, problem: Problem): { kind: ObjectKind; id: string } | undefined;
  /** Writes state, observedGeneration, deletedAt. */
  save(tx: Tx, row: Row, patch: Settled, summary: PassSummary): Promise<void>;
  /** After the object's end: close what was open for it. */
  forget?(row: Row): void;
}

export interface Settled {
  state: string;
  observedGeneration: number;
  deletedAt: number | null;
  updatedAt: number;
}

export type Write = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;

const OVERDUE_LOOK_MS = 60_000;

/** Who ends it wakes it; this is for a wake that was lost. */
const REST_MS = 600_000;

const SETTLED_STATES = new Set(['READY', 'NOT_READY', 'DEGRADED', 'HIBERNATED', 'FAILED', 'DELETED']);

export const createHandler = <Row extends ObjectRow, Scope>(world: World, kind: Kind<Row, Scope>): Handler => {
  return async ({ claim, signal, onWake }) => {
    const row = await kind.load(claim.id);
    if (row === undefined || row.deletedAt !== null) return { dueInMs: null, failed: false };
    const write = fencedWrite(world, claim);
    const removing = row.deleteRequestedAt !== null;
    const asked = await loadRequestId(world.store.db, row.id, kind.partOf?.(row) ?? []);
    // What nobody asked for is found in OpenStack's logs, too.
    const requestId = asked ?? openstackRequestId(newId());
    const scope = await kind.open(row, write, worldOf(world, requestId));
    const held = await kind.held?.(row, scope);
    if (held === 'REST') return { dueInMs: REST_MS, failed: false };
    const recorder = await openRecorder(world, kind, row, scope, write, { removing, held, requestId });
    const cluster = kind.cluster?.(row, scope);
    const now = world.clock.now();
    const pause = cluster === undefined ? null : pauseOf(cluster, now);
    await recorder.tellHold(pauseHold(pause));
    await recorder.tellHold(hibernationHold(held?.hibernation ?? null));
    // That nobody can see it is told all the same: nothing else is done then either.
    if (pause !== null && held?.tells !== true) return { dueInMs: Math.min(pause.until - now, LONGEST_REST_MS), failed: false };
    const flow = held === undefined ? kind.flow : held.flow;
    if (flow === null) return { dueInMs: REST_MS, failed: false };
    const halt = new AbortController();
    const stop = AbortSignal.any([signal, halt.signal]);
    const onHold = haltAtHold(world, cluster, halt, onWake);
    const reports = await runFlow(flow, scope, { removing, signal: stop, onReport: recorder.record, onWake: onHold });
    if (stop.aborted) return { dueInMs: 0, failed: false };
    const summary = summarize(reports, removing);
    await recorder.settle(summary, held?.stateOf(summary) ?? kind.stateOf(scope, row, summary));
    if (summary.settled && removing) {
      kind.forget?.(row);
      return { dueInMs: null, failed: false };
    }
    const until = removing ? undefined : kind.restsUntil?.(row, summary.settled);
    if (until !== undefined) return { dueInMs: until === null ? null : Math.max(0, until - world.clock.now()), failed: false };
    const lookInMs = (kind.lookAt?.(row) ?? Number.POSITIVE_INFINITY) - world.clock.now();
    // What is due and could not be done yet is no reason to hurry.
    const soonestMs = lookInMs > 0 ? lookInMs : OVERDUE_LOOK_MS;
    return { dueInMs: Math.min(dueIn(world, summary, reports, recorder.attempts), soonestMs), failed: summary.failure !== null };
  };
};

/** What nobody wakes at a pause's end looks again after so long. */
const LONGEST_REST_MS = 60_000;

const dueIn = (world: World, summary: PassSummary, reports: readonly StepReport[], attempts: (step: string) => number): number => {
  if (summary.settled) return driftDelayMs(world.random()) * world.settings.driftFactor;
  const failed = reports.filter((r) => r.state === 'FAILED').map(({ error, name }) => ({ error, attempts: attempts(name) }));
  return Math.min(soonestRetryMs(failed, world.random), summary.retryAfterMs ?? Number.POSITIVE_INFINITY, 60_000);
};

/** Transactions that are refused once the lease is lost. */
export const fencedWrite =
  (world: World, claim: Claim): Write =>
  (work) =>
    world.store.transaction(async (tx) => {
      if (!(await holdsLease(tx, claim))) throw new LeaseLost(`${claim.kind}/${claim.id}`);
      return work(tx);
    });

interface Recorder {
  record(report: StepReport): Promise<void>;
  /** That nothing is done while it lasts, or that it is over. */
  tellHold(hold: Hold): Promise<void>;
  settle(summary: PassSummary, state: string): Promise<void>;
  /** How often a step has failed in a row. */
  attempts(step: string): number;
}

const openRecorder = async <Row extends ObjectRow, Scope>(
  world: World,
  kind: Kind<Row, Scope>,
  row: Row,
  scope: Scope,
  write: Write,
  { removing, held, requestId }: { removing: boolean; held: Held<Scope> | undefined; requestId: string },
): Promise<Recorder> => {
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
  const began = new Map<string, number>();
  const turnAt = new Map<string, number>();
  const atRest = ({ state }: Condition) => state === 'REMOVED' || (state === 'DONE' && !removing);
  // Taking away what was done is a new beginning, and what an operation finds at work it works on from its own beginning.
  for (const condition of conditions.values()) {
    const { name, state, lastTransitionAt } = condition;
    if (state === 'PENDING' || (removing && state === 'DONE')) continue;
    began.set(name, atRest(condition) ? lastTransitionAt : Math.max(lastTransitionAt, latest?.requestedAt ?? 0));
  }
  // A condition knows when it changed last; when its step began is in the operation.
  for (const { name, startedAt } of latest?.steps ?? []) if (startedAt !== null) began.set(name, startedAt);

  const wakeParent = async (tx: Tx, now: number) => {
    const parent = kind.parent?.(row);
    if (parent !== undefined) await enqueue(tx, parent.kind, parent.id, now);
  };
  const shown = held?.alone === true ? new Set([PAUSE_OVER, HIBERNATION_OVER, ...(held.flow?.steps ?? []).map(({ name }) => name)]) : null;
  const ordered = (): Condition[] =>
    [...conditions.values()].filter(({ name }) => shown === null || shown.has(name)).sort((a, b) => a.ordinal - b.ordinal);
  const percent = () => percentOf(stepsOf(ordered(), began, removing), removing);

  const record = async (report: StepReport) => {
    const now = world.clock.now();
    if (report.state === 'RUNNING') turnAt.set(report.name, now);
    if (report.state === 'RUNNING' && !began.has(report.name)) began.set(report.name, now);
    const previous = conditions.get(report.name);
    const next = nextCondition(previous, report, { generation: row.generation, now });
    if (next === null) return;
    if (previous !== undefined && atRest(previous) && next.condition.state !== previous.state)
      began.set(report.name, turnAt.get(report.name) ?? now);
    conditions.set(report.name, next.condition);
    await write(async (tx) => {
      await saveCondition(tx, subject, next.condition, previous !== undefined);
      const wasTrouble = previous !== undefined && isTrouble(previous);
      // The same trouble of another generation, too: the whole takes no notice of what an earlier one met.
      const isNews = next.told || previous?.observedGeneration !== next.condition.observedGeneration;
      if (wasTrouble !== isTrouble(next.condition) || (wasTrouble && isNews)) await wakeParent(tx, now);
      if (!next.told) return;
      const suspect = report.problem === null ? undefined : kind.suspect?.(row, report.problem);
      if (suspect !== undefined) await enqueue(tx, suspect.kind, suspect.id, now);
      await appendEvent(tx, subject, {
        at: now,
        step: report.name,
        title: report.title,
        state: report.state,
        percent: percent(),
        message: report.message,
        problem: report.problem,
        operationId: latest?.id ?? null,
        requestId,
        settled: false,
      });
      for (const op of operations) {
        const steps = stepsOf(ordered(), began, removing);
        await updateOperation(tx, op, { state: 'RUNNING', percent: Math.min(99, percent()), steps, problem: op.problem, finishedAt: null });
      }
      tx.changes.push(changed(kind.kind, row, subject.clusterId, subject.projectId));
    });
  };

  const settle = async (summary: PassSummary, state: string) => {
    const now = world.clock.now();
    const isEnded = ({ kind }: OperationRow): boolean => held === undefined || held.ends.includes(kind);
    const carriedOut = (summary.settled && operations.every(isEnded)) || isMade(row, summary);
    const observedGeneration = carriedOut ? row.generation : row.observedGeneration;
    const deletedAt = summary.settled && removing ? now : null;
    const closing = closingOf(row, summary);
    const open = operations.filter(
      (op) => isEnded(op) && op.generation <= row.generation && (closing !== op.state || summary.failure?.message !== op.problem?.message),
    );
    if (
      state === row.state &&
      observedGeneration === row.observedGeneration &&
      deletedAt === null &&
      (closing === null || open.length === 0)
    )
      return;
    await write(async (tx) => {
      // What was asked for during the pass has a pass of its own to come, and its state is not this one's to say.
      if ((await kind.load(row.id))?.generation !== row.generation) return;
      await kind.save(tx, row, { state, observedGeneration, deletedAt, updatedAt: now }, summary);
      await wakeParent(tx, now);
      if (closing !== null) {
        for (const op of open) {
          await updateOperation(tx, op, {
            state: closing,
            percent: closing === 'SUCCEEDED' ? 100 : Math.min(99, percent()),
            steps: stepsOf(ordered(), began, removing),
            problem: closing === 'SUCCEEDED' ? null : (summary.failure?.problem ?? null),
            finishedAt: now,
          });
        }
      }
      await appendEvent(tx, subject, {
        at: now,
        step: null,
        title: null,
        state,
        percent: summary.settled ? 100 : percent(),
        message: summary.failure?.message ?? sentenceOf(kind.kind, subject.name, state),
        problem: summary.failure?.problem ?? null,
        operationId: latest?.id ?? null,
        requestId,
        // A part at rest says nothing of the whole: only the stream's owner settles it.
        settled: subject.id === subject.streamId && SETTLED_STATES.has(state) && (summary.settled || closing !== null),
      });
      tx.changes.push(changed(kind.kind, row, subject.clusterId, subject.projectId, deletedAt === null ? 'CHANGED' : 'DELETED'));
    });
  };
  // Nodes are too many to tell it one by one.
  const tellHold = async (hold: Hold) => {
    const told = conditions.get(hold.name);
    if (kind.kind === 'NODE' || (hold.what === null && (told === undefined || told.state === 'REMOVED'))) return;
    await record(holdReport(hold));
    // What was asked for since the hold was first told waits for it as well.
    const asked = hold.what === null || told?.state !== 'WAITING' ? [] : operations.filter(({ state }) => state === 'PENDING');
    if (asked.length === 0) return;
    await write(async (tx) => {
      const steps = stepsOf(ordered(), began, removing);
      for (const op of asked)
        await updateOperation(tx, op, { state: 'RUNNING', percent: Math.min(99, percent()), steps, problem: op.problem, finishedAt: null });
      tx.changes.push(changed(kind.kind, row, subject.clusterId, subject.projectId));
    });
  };
  return { record, tellHold, settle, attempts: (step) => Math.max(1, conditions.get(step)?.attempts ?? 1) };
};

/** Before a step's first turn. */
const firstOf = (step: { name: string; title: string }, ordinal: number, observedGeneration: number, now: number): Condition => ({
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

/** For the first time; what is missing is not what was to be made. */
const isMade = (row: ObjectRow, summary: PassSummary): boolean => row.observedGeneration === 0 && summary.made;

/** An optional step's failure is no failure of the making. */
const isBlocked = (row: ObjectRow, { failure }: PassSummary): boolean =>
  failure?.problem?.retryable === false && !(row.observedGeneration === 0 && failure.optional === true);

/** Done, or stopped until somebody acts; null while it goes on by itself. */
const closingOf = (row: ObjectRow, summary: PassSummary): 'SUCCEEDED' | 'FAILED' | null => {
  if (summary.settled || isMade(row, summary)) return 'SUCCEEDED';
  return isBlocked(row, summary) ? 'FAILED' : null;
};

const stepsOf = (conditions: readonly Condition[], began: ReadonlyMap<string, number>, removing: boolean): OperationStep[] => {
  // What is not wanted is no step of what is done.
  const shown = removing ? conditions : conditions.filter((c) => c.state !== 'REMOVED');
  return shown.map((c) => {
    const over = c.state === 'REMOVED' || (c.state === 'DONE' && !removing);
    return {
      name: c.name,
      title: c.title,
      state: removing && c.state === 'DONE' ? 'PENDING' : c.state,
      startedAt: began.get(c.name) ?? null,
      finishedAt: over ? c.lastTransitionAt : null,
      message: c.message,
      waitingFor: c.waitingFor,
    };
  });
};

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

/** The state most kinds share: what is wanted against what has been seen. `updating`: a change below the object is under way. */
export const commonState = (row: ObjectRow, summary: PassSummary, updating = false): string => {
  if (row.deleteRequestedAt !== null) return summary.settled ? 'DELETED' : 'DELETING';
  if (summary.settled) return 'READY';
  const blocked = isBlocked(row, summary);
  if (isMade(row, summary)) return 'DEGRADED';
  if (row.observedGeneration === 0) return blocked ? 'FAILED' : 'CREATING';
  if (blocked || summary.failure !== null) return 'DEGRADED';
  return updating || row.generation > row.observedGeneration ? 'UPDATING' : 'DEGRADED';
};
