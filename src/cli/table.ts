/** Tables and lists of fields for people: aligned columns, no lines, nothing cut off. */

const GAP = '  ';

/** `rows` as columns under `head`; an empty list says so in a sentence instead. Ends with a newline. */
export const table = (head: readonly string[], rows: readonly (readonly (string | number | null)[])[], empty: string): string => {
  if (rows.length === 0) return `${empty}\n`;
  const cells = [head, ...rows.map((row) => row.map(text))];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column] ?? ''))));
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, column) => pad(cell, widths[column] ?? 0))
          .join(GAP)
          .trimEnd()}\n`,
    )
    .join('');
};

/** One field a line, values aligned; null shows as a dash. Ends with a newline. */
export const fields = (entries: readonly (readonly [string, string | number | boolean | null])[]): string => {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}${GAP}${text(value)}\n`).join('');
};

/** How long ago, in the largest unit that is not zero, as kubectl shows ages. */
export const ageOf = (iso: string, now: number): string => {
  const seconds = Math.max(0, Math.floor((now - Date.parse(iso)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
};

// Names come from other people: no control character of theirs may reach the terminal.
const CONTROL = /\p{Cc}/gu;
export const plain = (value: string): string => value.replace(CONTROL, ' ');

const text = (value: string | number | boolean | null): string => (value === null || value === '' ? '-' : plain(String(value)));
const widthOf = (cell: string): number => [...cell].length;
const pad = (cell: string, width: number): string => cell + ' '.repeat(Math.max(0, width - widthOf(cell)));
