/** Reads YAML that a stranger wrote into a plain tree, refusing everything that only a trick needs: anchors, tags, merge keys, depth. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

export type Tree =
  | { kind: 'map'; line: number; entries: ReadonlyMap<string, Tree> }
  | { kind: 'list'; line: number; items: readonly Tree[] }
  | { kind: 'text'; line: number; value: string }
  /** A number, a boolean or null: its value is of no use to anybody here. */
  | { kind: 'other'; line: number };

/** Why the text is refused, in our own words only: never a piece of the text. `line` counts from 1; 0 is the whole text. */
export class TreeRefused extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

const MAX_NODES = 2_000;
/**
 * The parser recurses once a level, and V8 ends the process (no exception) when it has to compile a regular expression close to the end
 * of its stack: 64 KiB of "? " did that. So what can open a level is counted before the parser sees it, quoted or not: brackets in the
 * whole text, indicators in a line, and columns of indentation. A kubeconfig of a few dozen entries stays far below.
 */
const MAX_BRACKETS = 200;
const MAX_INDICATORS = 16;
const MAX_INDENT = 128;

interface Walk {
  lines: LineCounter;
  maxDepth: number;
  nodes: number;
}

/**
 * The tree of one YAML 1.2 document. Keys are kept in a Map, so no key can touch a prototype, and uniqueness is checked here because
 * the parser's own check compares every pair of keys. Throws TreeRefused and nothing else.
 */
export const parseYamlTree = (text: string, limits: { maxBytes: number; maxDepth: number }): Tree => {
  if (Buffer.byteLength(text, 'utf8') > limits.maxBytes) throw new TreeRefused(`is larger than ${limits.maxBytes / 1024} KiB`, 0);
  if (text.includes('\uFEFF')) throw new TreeRefused('has a byte order mark; save it as plain UTF-8', 0);
  refuseDepth(text);
  const lines = new LineCounter();
  let root: Node | null;
  try {
    // At the level 'silent' the parser would also say nothing of a second document.
    const document = parseDocument(text, {
      strict: true,
      uniqueKeys: false,
      merge: false,
      schema: 'core',
      version: '1.2',
      prettyErrors: false,
      lineCounter: lines,
      logLevel: 'error',
    });
    const fault = document.errors[0] ?? document.warnings[0];
    if (fault) throw new TreeRefused('is not well-formed YAML', lines.linePos(fault.pos[0]).line);
    root = document.contents;
  } catch (error) {
    // The parser may fail in ways of its own on hostile text (its stack, for one); its words may quote the text.
    throw error instanceof TreeRefused ? error : new TreeRefused('is not well-formed YAML', 0);
  }
  return treeOf(root, { lines, maxDepth: limits.maxDepth, nodes: 0 }, 0);
};

const refuseDepth = (text: string): void => {
  if ((text.match(/[[{]/g) ?? []).length > MAX_BRACKETS) throw new TreeRefused('is nested too deeply', 0);
  // JSON is YAML too, and opens levels by brackets only; its one line may hold all its colons.
  if (isJson(text)) return;
  text.split('\n').forEach((line, index) => {
    const indent = line.length - line.trimStart().length;
    const indicators = (line.match(/[-?:](?=\s|$)/g) ?? []).length;
    if (indent > MAX_INDENT || indicators > MAX_INDICATORS) throw new TreeRefused('is nested too deeply', index + 1);
  });
};

const isJson = (text: string): boolean => {
  try {
    return text.trimStart().startsWith('{') && JSON.parse(text) !== null;
  } catch {
    return false;
  }
};

const treeOf = (node: unknown, walk: Walk, depth: number): Tree => {
  const line = lineOf(node, walk);
  walk.nodes += 1;
  if (walk.nodes > MAX_NODES) throw new TreeRefused('has too many parts', line);
  if (depth > walk.maxDepth) throw new TreeRefused('is nested too deeply', line);
  if (isAlias(node)) throw new TreeRefused('uses a YAML alias; write the value out', line);
  if (isScalar(node) || isMap(node) || isSeq(node)) {
    if (node.anchor !== undefined) throw new TreeRefused('uses a YAML anchor; write the value out', line);
    if (node.tag !== undefined) throw new TreeRefused('uses a YAML tag; remove it', line);
  }
  if (isMap(node)) return { kind: 'map', line, entries: entriesOf(node.items, walk, depth, line) };
  if (isSeq(node)) return { kind: 'list', line, items: node.items.map((item) => treeOf(item, walk, depth + 1)) };
  return isScalar(node) && typeof node.value === 'string' ? { kind: 'text', line, value: node.value } : { kind: 'other', line };
};

const entriesOf = (pairs: readonly { key: unknown; value: unknown }[], walk: Walk, depth: number, mapLine: number): Map<string, Tree> => {
  const entries = new Map<string, Tree>();
  for (const pair of pairs) {
    const key = treeOf(pair.key, walk, depth + 1);
    const line = key.line || mapLine;
    if (key.kind !== 'text') throw new TreeRefused('has a key that is not a string', line);
    if (key.value === '<<') throw new TreeRefused('uses a YAML merge key; write the values out', line);
    if (entries.has(key.value)) throw new TreeRefused('has the same key twice', line);
    entries.set(key.value, treeOf(pair.value, walk, depth + 1));
  }
  return entries;
};

const lineOf = (node: unknown, walk: Walk): number => {
  const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
  return range ? walk.lines.linePos(range[0]).line : 0;
};
