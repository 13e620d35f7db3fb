/** Reads what the project's files import and export, for the checks that hold its shape. TypeScript 7 has no API to ask. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Path from the project's root (with forward slashes) to text. A map, so that a test can plant sources without touching the disk. */
export type Sources = ReadonlyMap<string, string>;

export interface ImportLine {
  /** As written: './x.ts' or 'undici'. */
  from: string;
  /** True when nothing of it is left at run time. */
  typeOnly: boolean;
  /** Exported names asked for; '*' for a namespace, a dynamic import or a re-export of everything. */
  names: readonly string[];
}

/** What other people's clients and servers need is in packages of their own, with types of their own. */
const APART = ['test/clients/', 'test/load/peers/'];

/** Every .ts file below the folders, which are given from the root, but what stands apart. */
export const readSources = (root: string, folders: readonly string[]): Sources => {
  const found = new Map<string, string>();
  for (const folder of folders) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).sort()) {
      const path = `${folder}/${entry}`;
      if (path.endsWith('.ts') && !APART.some((folder) => path.startsWith(folder))) found.set(path, readFileSync(join(root, path), 'utf8'));
    }
  }
  return found;
};

// The formatter puts each statement at the start of a line, and a clause holds neither quotes nor semicolons.
const STATIC = /^(?:import|export)\s+(type\s+)?([\w$*{}\s,]+?)\s+from\s+'([^']+)'/gm;
const BARE = /^import\s+'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*'([^']+)'\s*\)/g;

/** Static, bare and dynamic imports and re-exports of one file. */
export const readImports = (text: string): ImportLine[] => [
  ...[...text.matchAll(STATIC)].map(([, type, clause = '', from = '']) => ({ from, ...readClause(clause, type !== undefined) })),
  ...[...text.matchAll(BARE), ...text.matchAll(DYNAMIC)].map(([, from = '']) => ({ from, typeOnly: false, names: ['*'] })),
];

const DECLARED = /^export\s+(?:declare\s+)?(?:async\s+|abstract\s+)?(?:function\*?|const|let|class|interface|type)\s+([\w$]+)/gm;
const LISTED = /^export\s+(?:type\s+)?\{([^}]*)\}/gm;

/** Names that other files can import. */
export const readExports = (text: string): string[] => [
  ...[...text.matchAll(DECLARED)].map(([, name = '']) => name),
  ...[...text.matchAll(LISTED)].flatMap(([, list = '']) => splitNames(list).map((part) => part.replace(/^.*\sas\s+/, ''))),
  ...(/^export\s+default\b/m.test(text) ? ['default'] : []),
];

/** 'src/a/b.ts' + '../c.ts' → 'src/c.ts'. */
export const resolveRelative = (file: string, from: string): string => join(file, '..', from).replaceAll('\\', '/');

/** '@scope/name/sub' → '@scope/name'. */
export const packageOf = (from: string): string => from.split('/', from.startsWith('@') ? 2 : 1).join('/');

const splitNames = (list: string): string[] =>
  list
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => part.replace(/^type\s+/, ''));

const readClause = (clause: string, type: boolean): Omit<ImportLine, 'from'> => {
  const braces = /\{([^}]*)\}/.exec(clause)?.[1];
  const rest = clause
    .replace(/\{[^}]*\}/, '')
    .replaceAll(',', ' ')
    .trim();
  const names = braces === undefined ? [] : splitNames(braces).map((part) => part.replace(/\sas\s.*$/, ''));
  if (rest.startsWith('*')) names.push('*');
  else if (rest !== '') names.push('default');
  const allTypes = rest === '' && braces !== undefined && braces.split(',').every((part) => /^\s*(type\s|$)/.test(part));
  return { typeOnly: type || allTypes, names };
};
