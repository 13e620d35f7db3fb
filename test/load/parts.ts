/** The parts of the benchmark: which are asked for, and all that can be said when some of them fail. */
import { inspect } from 'node:util';
import type { Row } from './report.ts';

export type Parts = Readonly<Record<string, () => Promise<Row[]>>>;

/** Those that are named, in the order in which they are measured; all when none is. Throws on a name of none, which would cost hours. */
export const choose = (parts: Parts, words: readonly string[]): Parts => {
  const unknown = words.filter((word) => !(word in parts));
  if (unknown.length > 0) throw new Error(`There is no part ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}.`);
  return Object.fromEntries(Object.entries(parts).filter(([name]) => words.length === 0 || words.includes(name)));
};

/** One after the other. What throws is told at once, and takes nothing from the others, whose figures are worth having all the same. */
export const measureAll = async (parts: Parts, tell: (text: string) => void): Promise<{ rows: Row[]; failed: string[] }> => {
  const rows: Row[] = [];
  const failed: string[] = [];
  for (const [name, part] of Object.entries(parts)) {
    try {
      rows.push(...(await part()));
    } catch (error) {
      failed.push(name);
      tell(`${name} could not be measured: ${inspect(error)}\n`);
    }
  }
  return { rows, failed };
};
