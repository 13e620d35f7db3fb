/** Reads YAML that a stranger wrote as JSON, as programs that speak YAML 1.1 would, and refuses what only a trick needs: anchors, tags, merge keys, depth. */
import { isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, parseAllDocuments } from 'yaml';
import type { Json } from './json.ts';

/** The parser recurses once a level, and its end is V8's (see seeds/yamlTree.ts): what can open a level is counted before it sees the text. */
const MAX_INDENT = 250;
const MAX_INDICATORS = 64;
const MAX_BRACKET_DEPTH = 32;
const MAX_DEPTH = 100;
const MAX_NODES = 50_000;

/** Why the text is refused: what its parts do or are, such as "use a YAML tag; remove it". `line` counts from 1; 0 is the whole text. */
export type Refuse = (message: string, line?: number) => Error;

interface ReadOptions {
  refuse: Refuse;
  /**
   * A key that is a number or a word like true, and a value that is a number to readers of one version of YAML only (0o17, 1_000, 1:30):
   * taken as it is written, or refused.
   */
  odd: 'take' | 'refuse';
}

/** The documents that hold something. @throws what `refuse` makes. */
export const readStrictYaml = (text: string, { refuse, odd }: ReadOptions): Json[] => {
  refuseDepth(text, refuse);
  const lines = new LineCounter();
  const walk: Walk = { lines, nodes: 0, refuse, odd };
  const documents = parsed(text, lines, refuse);
  return documents.flatMap((document) => {
    const [fault] = document.errors;
    if (fault !== undefined) throw refuse('are not well-formed YAML', lines.linePos(fault.pos[0]).line);
    const value = jsonOf(document.contents, walk, 0);
    // What stands before the first "---" and after the last one is often nothing.
    return value === null ? [] : [value];
  });
};

const parsed = (text: string, lineCounter: LineCounter, refuse: Refuse) => {
  try {
    const documents = parseAllDocuments(text, { ...STRICT, lineCounter });
    return Array.isArray(documents) ? documents : [];
  } catch {
    throw refuse('are not well-formed YAML');
  }
};

/** The parser's own search for equal keys compares every pair; ours does not. */
const STRICT = { strict: true, uniqueKeys: false, merge: false, schema: 'core', version: '1.2', prettyErrors: false } as const;

const refuseDepth = (text: string, refuse: Refuse): void => {
  text.split('\n').forEach((line, index) => {
    const indent = line.length - line.trimStart().length;
    const indicators = (line.match(/[-?:](?=\s|$)/g) ?? []).length;
    if (indent > MAX_INDENT || indicators > MAX_INDICATORS) throw refuse('are nested too deeply', index + 1);
  });
  let depth = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') depth += 1;
    if (token === ']' || token === '}') depth -= 1;
    if (depth > MAX_BRACKET_DEPTH) throw refuse('are nested too deeply');
  }
};

interface Walk {
  lines: LineCounter;
  nodes: number;
  refuse: Refuse;
  odd: ReadOptions['odd'];
}

const jsonOf = (node: unknown, walk: Walk, depth: number): Json => {
  const line = lineOf(node, walk);
  walk.nodes += 1;
  if (walk.nodes > MAX_NODES) throw walk.refuse('have too many parts', line);
  if (depth > MAX_DEPTH) throw walk.refuse('are nested too deeply', line);
  if (isAlias(node)) throw walk.refuse('use a YAML alias; write the value out', line);
  if (isScalar(node) || isMap(node) || isSeq(node)) {
    if (node.anchor !== undefined) throw walk.refuse('use a YAML anchor; write the value out', line);
    if (node.tag !== undefined) throw walk.refuse('use a YAML tag; remove it', line);
  }
  if (isSeq(node)) return node.items.map((item) => jsonOf(item, walk, depth + 1));
  if (isMap(node)) {
    const entries = new Map<string, Json>();
    for (const { key, value } of node.items) {
      const name = keyOf(key, walk, line);
      if (entries.has(name)) throw walk.refuse(`have the key ${JSON.stringify(name.slice(0, 80))} twice in one place`, lineOf(key, walk));
      entries.set(name, jsonOf(value, walk, depth + 1));
    }
    return Object.fromEntries(entries);
  }
  return isScalar(node) ? scalarOf(node, walk, line) : null;
};

const keyOf = (key: unknown, walk: Walk, mapLine: number): string => {
  const line = lineOf(key, walk) || mapLine;
  // A number or a word like true is a key as it is written.
  const name = isScalar(key) ? (typeof key.value === 'string' ? key.value : key.source) : undefined;
  const isOdd = isScalar(key) && (typeof key.value !== 'string' || (key.type === 'PLAIN' && BOOLEAN.test(key.value)));
  if (name === undefined || (isOdd && walk.odd === 'refuse') || (isScalar(key) && (key.anchor ?? key.tag) !== undefined))
    throw walk.refuse('have a key that is not text', line);
  if (name === '<<') throw walk.refuse('use a YAML merge key; write the values out', line);
  if (name === '__proto__') throw walk.refuse('have the key "__proto__", which is not allowed', line);
  return name;
};

/** What YAML 1.1 takes for a boolean. */
const BOOLEAN = /^(?:yes|no|on|off)$/i;

/** A number to readers of YAML 1.1 (https://yaml.org/type/int.html, float.html) or of 1.2, and those of them that are the same to both. */
const NUMBER =
  /^[-+]?(?:0b[01_]+|0o[0-7]+|0x[\da-fA-F_]+|\d[\d_]*(?::[0-5]?\d)*(?:\.[\d_]*)?(?:[eE][-+]?\d+)?|\.\d[\d_]*(?:[eE][-+]?\d+)?)$/;
const PLAIN_NUMBER = /^(?:[-+]?(?:0|[1-9]\d*)|0[0-7]+|0x[\da-fA-F]+|[-+]?\d+\.\d*(?:[eE][-+]\d+)?)$/;

/** Kubernetes' programs and cloud-init read YAML 1.1 here: 0644 is octal, and yes and no are not text. */
const scalarOf = (node: { value: unknown; type?: string | null; source?: string }, walk: Walk, line: number): Json => {
  const { value, source = '' } = node;
  if (node.type === 'PLAIN') {
    if (walk.odd === 'refuse' && NUMBER.test(source) && !PLAIN_NUMBER.test(source))
      throw walk.refuse('have a value that is a number to some readers only; put it in quotes, or write the number in digits', line);
    if (/^0[0-7]+$/.test(source)) return Number.parseInt(source, 8);
    if (/^(?:yes|Yes|YES|on|On|ON)$/.test(source)) return true;
    if (/^(?:no|No|NO|off|Off|OFF)$/.test(source)) return false;
  }
  if (typeof value === 'number' && (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))))
    throw walk.refuse('have a number that cannot be kept; write it as text, in quotes', line);
  return value === undefined ? null : (value as Json);
};

const lineOf = (node: unknown, { lines }: Walk): number => {
  const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
  return range ? lines.linePos(range[0]).line : 0;
};
