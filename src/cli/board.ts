/** The state of an operation as rows to draw: its steps, then the workers. Pure; the terminal is elsewhere. */
import type { Event, Operation, OperationStep } from '../client/types.ts';

export type Mark = 'todo' | 'busy' | 'done' | 'failed';

export interface Row {
  key: string;
  title: string;
  mark: Mark;
  /** Milliseconds since the epoch; null: not begun. */
  startedAt: number | null;
  finishedAt: number | null;
  /** What is waited for, or what went wrong; may be empty. */
  note: string;
  indent: number;
}

export interface Board {
  /** Take news in; return the rows that differ from before. */
  takeOperation(operation: Operation): Row[];
  takeEvent(event: Event): Row[];
  rows(): Row[];
  percent(): number;
}

const READY_STATES: readonly string[] = ['READY', 'DELETED'];
const FAILED_STATES: readonly string[] = ['FAILED', 'NOT_READY'];

/** `now`: milliseconds since the epoch, to tell usual waiting from waiting that somebody must end. */
export const createBoard = (now: () => number): Board => {
  const steps = new Map<string, Row>();
  const workers = new Map<string, Row>();
  let percent = 0;
  const put = (rows: Map<string, Row>, row: Row): Row[] => {
    const before = rows.get(row.key);
    rows.set(row.key, row);
    return before !== undefined && before.mark === row.mark && before.note === row.note ? [] : [row];
  };
  return {
    takeOperation: (operation) => {
      percent = operation.percent;
      const removing = REMOVING.test(operation.kind);
      // A step that is rightly not there is work done in a deletion, and no work at all otherwise; nor is what was so before.
      const wanted = operation.steps.filter((step) => (removing || step.state !== 'REMOVED') && !wasBefore(step, operation));
      for (const key of [...steps.keys()]) if (!wanted.some((step) => step.name === key)) steps.delete(key);
      return wanted.flatMap((step) => put(steps, rowOfStep(step, operation, removing, now())));
    },
    takeEvent: (event) => {
      if (event.subjectKind !== 'NODE' || event.step !== null) return [];
      const row = rowOfWorker(event, workers.get(event.subjectName));
      return put(workers, row);
    },
    rows: () => [...steps.values(), ...workers.values()],
    percent: () => percent,
  };
};

const REMOVING = /^(DELETE|UNREGISTER)_/;
const timeOf = (iso: string | null): number | null => (iso === null ? null : Date.parse(iso));

const wasBefore = ({ finishedAt }: OperationStep, { requestedAt }: Operation): boolean =>
  finishedAt !== null && Date.parse(finishedAt) < Date.parse(requestedAt);

const rowOfStep = (step: OperationStep, operation: Operation, removing: boolean, now: number): Row => ({
  key: step.name,
  title: removing ? `Undo: ${step.title}` : step.title,
  mark: markOf(step, removing),
  startedAt: timeOf(step.startedAt),
  finishedAt: timeOf(step.finishedAt),
  note: noteOf(step, operation, now),
  indent: 0,
});

const markOf = (step: OperationStep, removing: boolean): Mark => {
  if (step.state === (removing ? 'REMOVED' : 'DONE')) return 'done';
  if (step.state === 'FAILED') return 'failed';
  return step.state === 'PENDING' || step.startedAt === null ? 'todo' : 'busy';
};

const WHOSE_MOVE: Readonly<Record<string, string>> = { CUSTOMER: ' — your move', CLOUD_ADMIN: ' — the cloud administrator must act' };

const noteOf = (step: OperationStep, operation: Operation, now: number): string => {
  const { waitingFor } = step;
  if (waitingFor !== null) {
    const overdue = waitingFor.usuallySeconds === null || now - Date.parse(waitingFor.since) > waitingFor.usuallySeconds * 1000;
    const usually = waitingFor.usuallySeconds === null ? '' : ` (usually ${secondsText(waitingFor.usuallySeconds)})`;
    return `waiting for ${waitingFor.what}${usually}${overdue ? (WHOSE_MOVE[waitingFor.whoMustAct] ?? '') : ''}`;
  }
  if (step.state !== 'FAILED') return '';
  return `${step.message}${WHOSE_MOVE[operation.problem?.whoMustAct ?? ''] ?? ''}`;
};

const rowOfWorker = (event: Event, before: Row | undefined): Row => {
  const at = Date.parse(event.at);
  const ready = READY_STATES.includes(event.state);
  const failed = FAILED_STATES.includes(event.state);
  return {
    key: event.subjectName,
    title: `worker ${event.subjectName}`,
    mark: ready ? 'done' : failed ? 'failed' : 'busy',
    startedAt: before?.startedAt ?? at,
    finishedAt: ready ? at : null,
    note: failed ? (event.problem?.message ?? event.message) : event.state.toLowerCase().replaceAll('_', ' '),
    indent: 1,
  };
};

/** "0.4 s", "12 s", "3 min 20 s". */
export const secondsText = (seconds: number): string => {
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
};
