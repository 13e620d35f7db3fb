import { stripVTControlCharacters } from 'node:util';
import { expect, test, vi } from 'vitest';
import { createBoard } from '../../src/cli/board.ts';
import { isLive, startDrawing } from '../../src/cli/progress.ts';
import { ageOf, fields, table } from '../../src/cli/table.ts';
import type { Event, Operation, OperationStep } from '../../src/client/types.ts';

const AT = Date.UTC(2026, 0, 2, 3, 4, 5);
const iso = (ms: number) => new Date(AT + ms).toISOString();

const step = (name: string, state: string, more: Partial<OperationStep> = {}): OperationStep => ({
  name,
  title: `Make ${name}`,
  state,
  startedAt: state === 'PENDING' ? null : iso(0),
  finishedAt: state === 'DONE' ? iso(1500) : null,
  message: '',
  waitingFor: null,
  ...more,
});

const operation = (percent: number, steps: OperationStep[], more: Partial<Operation> = {}): Operation => ({
  id: 'o',
  uuid: 'o',
  kind: 'CREATE_CLUSTER',
  targetKind: 'CLUSTER',
  state: 'RUNNING',
  percent,
  reason: null,
  requestedBy: 'ada',
  requestId: null,
  requestedAt: iso(0),
  finishedAt: null,
  problem: null,
  steps,
  cluster: { uuid: 'c', name: 'web' },
  ...more,
});

const waiting = (more: object = {}) =>
  step('etcd', 'WAITING', {
    waitingFor: { what: 'etcd to be ready', since: iso(0), usuallySeconds: 60, whoMustAct: 'CLOUD_ADMIN', ...more },
  });

const worker = (state: string, ms: number): Event => ({
  number: 1,
  at: iso(ms),
  subjectKind: 'NODE',
  subjectName: 'web-0',
  step: null,
  title: null,
  state,
  percent: null,
  message: 'A sentence.',
  problem: null,
  settled: false,
});

test('a board says what changed, and nothing of what did not', () => {
  const board = createBoard(() => AT + 1000);
  const first = operation(10, [step('network', 'DONE'), waiting(), step('api', 'PENDING')]);
  expect(board.takeOperation(first).map((row) => [row.key, row.mark])).toEqual([
    ['network', 'done'],
    ['etcd', 'busy'],
    ['api', 'todo'],
  ]);
  expect(board.takeOperation(first)).toEqual([]);
  expect(
    board.takeOperation(operation(60, [step('network', 'DONE'), step('etcd', 'DONE'), step('api', 'PENDING')])).map((r) => r.key),
  ).toEqual(['etcd']);
  expect(board.percent()).toBe(60);
});

test('whose move it is, is said once waiting is no longer usual', () => {
  const early = createBoard(() => AT + 1000).takeOperation(operation(1, [waiting()]));
  const late = createBoard(() => AT + 61_000).takeOperation(operation(1, [waiting()]));
  const open = createBoard(() => AT).takeOperation(operation(1, [waiting({ usuallySeconds: null, whoMustAct: 'CUSTOMER' })]));
  expect(early[0]?.note).toBe('waiting for etcd to be ready (usually 60 s)');
  expect(late[0]?.note).toContain('the cloud administrator must act');
  expect(open[0]?.note).toContain('your move');
});

test('a step that is not wanted is not drawn; in a deletion its being gone is the aim', () => {
  const steps = [step('volume', 'REMOVED'), step('port', 'DONE')];
  const made = createBoard(() => AT);
  made.takeOperation(operation(50, steps));
  expect(made.rows().map((row) => row.key)).toEqual(['port']);
  const removed = createBoard(() => AT);
  removed.takeOperation(operation(50, [step('volume', 'REMOVED'), step('port', 'WAITING')], { kind: 'DELETE_CLUSTER' }));
  expect(removed.rows().map((row) => row.mark)).toEqual(['done', 'busy']);
});

test('what was so before the operation is no row of it, and comes up once it changes', () => {
  const board = createBoard(() => AT + 9000);
  const later = { kind: 'UPDATE_CLUSTER', requestedAt: iso(5000) };
  const steps = [step('network', 'DONE'), step('etcd', 'DONE', { finishedAt: iso(6000) }), step('dns', 'PENDING')];
  expect(board.takeOperation(operation(90, steps, later)).map((row) => row.key)).toEqual(['etcd', 'dns']);
  expect(board.rows().map((row) => row.key)).toEqual(['etcd', 'dns']);
  const again = [step('network', 'WAITING', { startedAt: iso(7000) }), ...steps.slice(1)];
  expect(board.takeOperation(operation(90, again, later)).map((row) => row.key)).toEqual(['network']);
  const removed = createBoard(() => AT + 9000);
  const gone = [step('dns', 'REMOVED', { finishedAt: iso(1000) }), step('etcd', 'REMOVED', { finishedAt: iso(6000) })];
  removed.takeOperation(operation(50, gone, { ...later, kind: 'DELETE_CLUSTER' }));
  expect(removed.rows().map((row) => row.key)).toEqual(['etcd']);
});

test('workers stand below the steps and keep when they began', () => {
  const board = createBoard(() => AT);
  board.takeEvent(worker('CREATING', 1000));
  board.takeEvent(worker('READY', 4000));
  expect(board.rows()).toEqual([
    { key: 'web-0', title: 'worker web-0', mark: 'done', startedAt: AT + 1000, finishedAt: AT + 4000, note: 'ready', indent: 1 },
  ]);
  expect(board.takeEvent({ ...worker('FAILED', 5000), problem: null })[0]).toMatchObject({ mark: 'failed', note: 'A sentence.' });
});

const screen = (live: boolean, rows = 24, columns = 40) => {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  return { written, live, write, columns: () => columns, rows: () => rows, now: () => AT + 2000 };
};

test('without a terminal each change is a line with its time, and has no control characters', () => {
  const out = screen(false);
  const board = createBoard(out.now);
  const drawing = startDrawing(out, board, 'Create cluster web');
  drawing.changed(
    board.takeOperation(operation(10, [step('network', 'DONE'), waiting({ what: 'a\u001b[2Jtrick\n' }), step('api', 'PENDING')])),
  );
  drawing.end();
  expect(out.written.join('')).toBe(
    [
      '03:04:07 Create cluster web',
      '03:04:07  10 %  done     Make network (1.5 s)',
      '03:04:07  10 %  running  Make etcd (2.0 s): waiting for a [2Jtrick  (usually 60 s)',
      '',
    ].join('\n'),
  );
});

test('without a terminal a finished operation says so, also when no step had anything to do', () => {
  const out = screen(false);
  const board = createBoard(out.now);
  const drawing = startDrawing(out, board, 'Update cluster web');
  drawing.changed(board.takeOperation(operation(100, [step('network', 'DONE', { finishedAt: iso(-1) })])));
  drawing.end();
  expect(out.written.join('')).toBe('03:04:07 Update cluster web\n03:04:07 100 %  done     Update cluster web\n');
});

test('on a terminal the list is drawn anew over itself, and never wider or higher than the screen', () => {
  vi.useFakeTimers();
  try {
    const out = screen(true, 6);
    const board = createBoard(out.now);
    const drawing = startDrawing(out, board, 'Create cluster web');
    const steps = Array.from({ length: 20 }, (_, i) => step(`a-step-with-a-long-name-of-its-own-${i}`, i < 15 ? 'DONE' : 'RUNNING'));
    drawing.changed(board.takeOperation(operation(75, steps)));
    vi.advanceTimersByTime(100);
    drawing.end();
    const last = out.written.at(-1) ?? '';
    const lines = stripVTControlCharacters(last).trimEnd().split('\n');
    expect(last.startsWith('\u001b[5A\u001b[0J')).toBe(true);
    expect(lines).toHaveLength(5);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(40);
    expect(lines[0]).toContain('Create cluster web');
    expect(lines[1]).toContain('Make a-step-with-a-long-name');
    expect(lines[4]).toContain('and 17 more');
    vi.advanceTimersByTime(1000);
    expect(out.written.at(-1)).toBe(last);
  } finally {
    vi.useRealTimers();
  }
});

test.each([
  [0, 0, 'Make etcd (2.0 s): waiting for etcd to be ready (usually 60 s)', 3],
  [2, 40, 'Create cluster web', 1],
])('a terminal of %i rows and %i columns shows what it can', (rows, columns, text, height) => {
  const out = screen(true, rows, columns);
  const board = createBoard(out.now);
  board.takeOperation(operation(10, [step('network', 'DONE'), waiting()]));
  startDrawing(out, board, 'Create cluster web').end();
  const lines = stripVTControlCharacters(out.written.at(-1) ?? '')
    .trimEnd()
    .split('\n');
  expect(lines).toHaveLength(height);
  expect(lines.at(-1)).toContain(text);
});

test('a lost server is said on both kinds of screen, and taken back', () => {
  for (const live of [false, true]) {
    const out = screen(live, 24, 120);
    const drawing = startDrawing(out, createBoard(out.now), 'Create cluster web');
    drawing.connection(true);
    drawing.end();
    expect(stripVTControlCharacters(out.written.at(-1) ?? '')).toContain('The server does not answer; trying again.');
    drawing.connection(false);
    drawing.end();
    expect(out.written.at(-1)).not.toContain('trying again');
  }
});

test.each([
  [true, {}, true],
  [false, {}, false],
  [true, { NO_COLOR: '1' }, false],
  [true, { TERM: 'dumb' }, false],
  [true, { NO_COLOR: '' }, true],
])('a terminal %s with %j is live: %s', (tty, environment, live) => {
  expect(isLive(tty, environment)).toBe(live);
});

test('tables align, show dashes for nothing, and let no control character through', () => {
  expect(
    table(
      ['NAME', 'N'],
      [
        ['web', 3],
        ['a\u001b[31m', null],
      ],
      'None.',
    ),
  ).toBe('NAME    N\nweb     3\na [31m  -\n');
  expect(table(['NAME'], [], 'None.')).toBe('None.\n');
  expect(
    fields([
      ['a', true],
      ['longer', ''],
    ]),
  ).toBe('a       true\nlonger  -\n');
});

test.each([
  [5_000, '5s'],
  [119_000, '119s'],
  [600_000, '10m'],
  [7_200_000 * 2, '4h'],
  [86_400_000 * 3, '3d'],
  [-5_000, '0s'],
])('%i ms is an age of %s', (ms, text) => {
  expect(ageOf(new Date(AT).toISOString(), AT + ms)).toBe(text);
});
