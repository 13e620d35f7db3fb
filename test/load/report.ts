/** Figures of the benchmark as a table. */

export interface Row {
  what: string;
  figure: string;
  goal: string;
  /** Null: told for comparison only. */
  met: boolean | null;
}

export const percentile = (values: readonly number[], p: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))] ?? Number.NaN;
};

export const median = (values: readonly number[]): number => percentile(values, 50);

export const print = (rows: readonly Row[]): void => {
  const width = (pick: (row: Row) => string) => Math.max(...rows.map((row) => pick(row).length));
  const [what, figure, goal] = [width((r) => r.what), width((r) => r.figure), width((r) => r.goal)];
  for (const row of rows) {
    const verdict = row.met === null ? '' : row.met ? 'met' : 'MISSED';
    console.log(`${row.what.padEnd(what)}  ${row.figure.padStart(figure)}  ${row.goal.padEnd(goal)}  ${verdict}`);
  }
};
