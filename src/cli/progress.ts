/** Draws a board: live on a terminal, as lines with times everywhere else. */
import { type Board, type Mark, type Row, secondsText } from './board.ts';
import { plain } from './table.ts';

export interface Screen {
  /** Where progress goes: stderr in commands, so that stdout holds data alone. */
  write(text: string): void;
  /** A terminal that can move its cursor, and a user who wants that. */
  live: boolean;
  columns(): number;
  rows(): number;
  now(): number;
}

export interface Drawing {
  /** Rows that have changed; a live drawing draws everything anyway. */
  changed(rows: readonly Row[]): void;
  /** The server is lost, or there again. */
  connection(lost: boolean): void;
  /** Draws the last state and leaves it on the screen. */
  end(): void;
}

/** A terminal that redraws: no pipe, not "dumb", and NO_COLOR (no-color.org) is taken as a wish for plain text. */
export const isLive = (isTty: boolean, environment: Readonly<Record<string, string | undefined>>): boolean =>
  isTty && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';

const FRAME_MS = 100;
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const COLOR: Readonly<Record<Mark, string>> = { todo: '\u001b[2m', busy: '\u001b[36m', done: '\u001b[32m', failed: '\u001b[31m' };
const RESET = '\u001b[0m';

/** Also for what is printed beside a drawing. */
export const LOST = 'The server does not answer; trying again.';
export const BACK = 'The server answers again.';

/** `title`: a phrase such as "Create cluster hello". Call `end` when it is over. */
export const startDrawing = (screen: Screen, board: Board, title: string): Drawing =>
  screen.live ? drawLive(measured(screen), board, title) : drawLines(screen, board, title);

/** A terminal that does not know its size says 0. */
const measured = (screen: Screen): Screen => ({ ...screen, columns: () => screen.columns() || 80, rows: () => screen.rows() || 24 });

const drawLines = (screen: Screen, board: Board, title: string): Drawing => {
  const line = (text: string) => screen.write(`${new Date(screen.now()).toISOString().slice(11, 19)} ${text}\n`);
  line(title);
  const words: Readonly<Record<Mark, string>> = { todo: 'pending', busy: 'running', done: 'done', failed: 'failed' };
  return {
    changed: (rows) => {
      for (const row of rows) {
        if (row.mark === 'todo') continue;
        const percent = `${String(board.percent()).padStart(3)} %`;
        line(`${percent}  ${words[row.mark].padEnd(7)}  ${textOf(row, screen.now())}`);
      }
    },
    connection: (lost) => line(lost ? LOST : BACK),
    end: () => {
      if (board.percent() === 100) line(`100 %  done     ${title}`);
    },
  };
};

const drawLive = (screen: Screen, board: Board, title: string): Drawing => {
  const began = screen.now();
  let height = 0;
  let frame = 0;
  let isLost = false;
  const draw = () => {
    const lines = fitted(linesOf(screen, board, isLost ? `${title}: ${LOST}` : title, began, frame), screen.rows() - 1);
    screen.write(`${height > 0 ? `\u001b[${height}A` : ''}\u001b[0J${lines.join('\n')}\n`);
    height = lines.length;
    frame += 1;
  };
  draw();
  const timer = setInterval(draw, FRAME_MS);
  return {
    changed: () => {},
    connection: (lost) => {
      isLost = lost;
    },
    end: () => {
      clearInterval(timer);
      draw();
    },
  };
};

const linesOf = (screen: Screen, board: Board, title: string, began: number, frame: number): string[] => {
  const elapsed = secondsText((screen.now() - began) / 1000);
  const head = `${title}  ${bar(board.percent())} ${board.percent()} %  ${elapsed}`;
  return [cut(head, screen.columns()), ...board.rows().map((row) => paint(row, screen, frame))];
};

const MARKS: Readonly<Record<Exclude<Mark, 'busy'>, string>> = { todo: '·', done: '✓', failed: '✗' };

const paint = (row: Row, screen: Screen, frame: number): string => {
  const mark = row.mark === 'busy' ? (SPINNER[frame % SPINNER.length] ?? '') : MARKS[row.mark];
  const text = cut(`${'  '.repeat(row.indent + 1)}${mark} ${textOf(row, screen.now())}`, screen.columns());
  return `${COLOR[row.mark]}${text}${RESET}`;
};

const textOf = (row: Row, now: number): string => {
  const took = row.startedAt === null ? '' : ` (${secondsText(((row.finishedAt ?? now) - row.startedAt) / 1000)})`;
  return plain(`${row.title}${row.mark === 'todo' ? '' : took}${row.note === '' ? '' : `: ${row.note}`}`);
};

const BAR_WIDTH = 20;
const bar = (percent: number): string => {
  const full = Math.round((percent / 100) * BAR_WIDTH);
  return `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}`;
};

/** A line that wraps would be counted as one and leave its rest behind at the next frame. */
const cut = (text: string, columns: number): string => (text.length < columns ? text : `${text.slice(0, Math.max(0, columns - 2))}…`);

/** More than fits: what is done goes first, for what is going on is at stake. */
const fitted = (lines: readonly string[], height: number): string[] => {
  if (lines.length <= height) return [...lines];
  const [head = '', ...rest] = lines;
  if (height < 3) return [head];
  const open = rest.filter((line) => !line.startsWith(COLOR.done));
  return [head, ...open.slice(0, height - 2), `  … and ${lines.length - 1 - Math.min(open.length, height - 2)} more`];
};
