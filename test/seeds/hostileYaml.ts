/** A program that feeds the kubeconfig parser with text made to exhaust it, and prints as JSON how that went. */
import { UserError } from '../../src/domain/errors.ts';
import { parseKubeconfig } from '../../src/seeds/kubeconfig.ts';

const PATTERNS = [
  '[',
  '{a: ',
  '[a,',
  '{a,b:',
  '[[], ',
  '{}\n',
  '[\n',
  '{a:\n',
  '[ # ]\n',
  'x: [\n',
  ',',
  '- ',
  '- - - - ',
  '- - - - - - - - - -\n',
  '? ',
  '? a\n: b\n',
  ': ',
  'a: ',
  'a: b: ',
  'a:\n ',
  'a: b\n',
  'a: {b: {c: ',
  'a: |\n x\n',
  'a: >-\n\n\n',
  '|\n',
  '"',
  "'",
  "''",
  '"a\\\n',
  '\\',
  '&a ',
  '*a ',
  '!!a ',
  '- &a ',
  '? !a ',
  '# x\n',
  ' ',
  '\t',
  '\0',
  '\n',
  '\r',
  '- \r',
  '--- ',
  '%TAG ! x\n',
  '\u2028- ',
];
const fill = (pattern: string): string => pattern.repeat(Math.floor(65_000 / pattern.length));
const stairs = Array.from({ length: 127 }, (_, depth) => `${' '.repeat(depth)}-`).join('\n');
const texts = [
  ...PATTERNS.map(fill),
  ...PATTERNS.map((pattern) => `[${fill(pattern)}`),
  '['.repeat(199) + ']'.repeat(199),
  `${'{"a":'.repeat(199)}1${'}'.repeat(199)}`,
  Array.from({ length: 355 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
  `${stairs}\n${' '.repeat(127)}${'- '.repeat(15)}\n${' '.repeat(128)}${'[\n'.repeat(199)}`,
  Array.from({ length: 8_000 }, (_, index) => `k${index}: 1`)
    .join('\n')
    .slice(0, 65_000),
];

export interface Outcome {
  refused: number;
  taken: number;
  slowestCpuMs: number;
}

const outcome: Outcome = { refused: 0, taken: 0, slowestCpuMs: 0 };
for (const text of texts) {
  const start = process.cpuUsage();
  try {
    parseKubeconfig(text);
    outcome.taken += 1;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    outcome.refused += 1;
  }
  const { user, system } = process.cpuUsage(start);
  outcome.slowestCpuMs = Math.max(outcome.slowestCpuMs, (user + system) / 1000);
}
console.log(JSON.stringify(outcome));
