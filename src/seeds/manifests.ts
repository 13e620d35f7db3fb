/** Reads manifests as kubectl would, from YAML of many documents, and refuses what only a trick needs. */
import { isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, parseAllDocuments } from 'yaml';
import { MAX_MANIFEST_KIB, MAX_OBJECTS, type Manifest, nameOfObject } from '../domain/addonBundle.ts';
import { UserError } from '../domain/errors.ts';
import type { Json } from '../lib/json.ts';
import { findResource, groupOf } from './kinds.ts';

/** The parser recurses once a level, and its end is V8's (see yamlTree.ts): what can open a level is counted before it sees the text. */
const MAX_INDENT = 250;
const MAX_INDICATORS = 64;
const MAX_BRACKET_DEPTH = 32;
const MAX_DEPTH = 100;
const MAX_NODES = 50_000;

const refused = (message: string, line = 0): UserError =>
  new UserError('INVALID_INPUT', `The manifests ${message}${line > 0 ? ` (line ${line})` : ''}.`, { field: ['manifests'] });

/** Objects in the order of the text; lists are taken apart. @throws UserError INVALID_INPUT that says where, and what to do. */
export const parseManifests = (text: string): Manifest[] => {
  const objects = read(text).flatMap((value, i) => flatten(value, `Manifest ${i + 1}`));
  if (objects.length === 0) throw refused('hold no object; give at least one');
  if (objects.length > MAX_OBJECTS) throw refused(`hold ${objects.length} objects; at most ${MAX_OBJECTS} are allowed`);
  checkKinds(objects);
  return objects;
};

const read = (text: string): Json[] => {
  if (Buffer.byteLength(text, 'utf8') > MAX_MANIFEST_KIB * 1024)
    throw refused(`are larger than ${MAX_MANIFEST_KIB} KiB; make two bundles of them, or take comments and descriptions out`);
  refuseDepth(text);
  const lines = new LineCounter();
  const walk: Walk = { lines, nodes: 0 };
  try {
    const documents = parseAllDocuments(text, { ...AS_KUBECTL, lineCounter: lines });
    return (Array.isArray(documents) ? documents : []).flatMap((document) => {
      const [fault] = document.errors;
      if (fault !== undefined) throw refused('are not well-formed YAML', lines.linePos(fault.pos[0]).line);
      const value = jsonOf(document.contents, walk, 0);
      // What stands before the first "---" and after the last one is often nothing.
      return value === null ? [] : [value];
    });
  } catch (error) {
    throw error instanceof UserError ? error : refused('are not well-formed YAML');
  }
};

/** The parser's own search for equal keys compares every pair; ours does not. */
const AS_KUBECTL = { strict: true, uniqueKeys: false, merge: false, schema: 'core', version: '1.2', prettyErrors: false } as const;

const refuseDepth = (text: string): void => {
  text.split('\n').forEach((line, index) => {
    const indent = line.length - line.trimStart().length;
    const indicators = (line.match(/[-?:](?=\s|$)/g) ?? []).length;
    if (indent > MAX_INDENT || indicators > MAX_INDICATORS) throw refused('are nested too deeply', index + 1);
  });
  let depth = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') depth += 1;
    if (token === ']' || token === '}') depth -= 1;
    if (depth > MAX_BRACKET_DEPTH) throw refused('are nested too deeply');
  }
};

interface Walk {
  lines: LineCounter;
  nodes: number;
}

const jsonOf = (node: unknown, walk: Walk, depth: number): Json => {
  const line = lineOf(node, walk);
  walk.nodes += 1;
  if (walk.nodes > MAX_NODES) throw refused('have too many parts', line);
  if (depth > MAX_DEPTH) throw refused('are nested too deeply', line);
  if (isAlias(node)) throw refused('use a YAML alias; write the value out', line);
  if (isScalar(node) || isMap(node) || isSeq(node)) {
    if (node.anchor !== undefined) throw refused('use a YAML anchor; write the value out', line);
    if (node.tag !== undefined) throw refused('use a YAML tag; remove it', line);
  }
  if (isSeq(node)) return node.items.map((item) => jsonOf(item, walk, depth + 1));
  if (isMap(node)) {
    const entries = new Map<string, Json>();
    for (const { key, value } of node.items) {
      const name = keyOf(key, walk, line);
      if (entries.has(name)) throw refused(`have the key ${JSON.stringify(name.slice(0, 80))} twice in one place`, lineOf(key, walk));
      entries.set(name, jsonOf(value, walk, depth + 1));
    }
    return Object.fromEntries(entries);
  }
  return isScalar(node) ? scalarOf(node, line) : null;
};

const keyOf = (key: unknown, walk: Walk, mapLine: number): string => {
  const line = lineOf(key, walk) || mapLine;
  // A number or a word like true is a key as it is written.
  const name = isScalar(key) ? (typeof key.value === 'string' ? key.value : key.source) : undefined;
  if (name === undefined || (isScalar(key) && (key.anchor ?? key.tag) !== undefined)) throw refused('have a key that is not text', line);
  if (name === '<<') throw refused('use a YAML merge key; write the values out', line);
  if (name === '__proto__') throw refused('have the key "__proto__", which is not allowed', line);
  return name;
};

/** Kubernetes' programs read YAML 1.1 here: 0644 is octal, and yes and no are not text. */
const scalarOf = (node: { value: unknown; type?: string | null; source?: string }, line: number): Json => {
  const { value, source = '' } = node;
  if (node.type === 'PLAIN') {
    if (/^0[0-7]+$/.test(source)) return Number.parseInt(source, 8);
    if (/^(?:yes|Yes|YES|on|On|ON)$/.test(source)) return true;
    if (/^(?:no|No|NO|off|Off|OFF)$/.test(source)) return false;
  }
  if (typeof value === 'number' && (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))))
    throw refused('have a number that cannot be kept; write it as text, in quotes', line);
  return value === undefined ? null : (value as Json);
};

const lineOf = (node: unknown, { lines }: Walk): number => {
  const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
  return range ? lines.linePos(range[0]).line : 0;
};

const isObject = (value: unknown): value is { [key: string]: Json } => value !== null && typeof value === 'object' && !Array.isArray(value);

const flatten = (value: Json, where: string): Manifest[] => {
  const wrong = (message: string) => new UserError('INVALID_INPUT', `${where} ${message}.`, { field: ['manifests'] });
  if (!isObject(value)) throw wrong('is no object; it must have apiVersion, kind and metadata');
  const { apiVersion, kind, metadata, items } = value;
  if (typeof apiVersion !== 'string' || !/^(?:[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?\/)?v\d[a-z0-9]{0,20}$/.test(apiVersion))
    throw wrong('has no apiVersion such as apps/v1');
  if (typeof kind !== 'string' || !/^[A-Z][A-Za-z0-9]{0,62}$/.test(kind)) throw wrong('has no kind such as Deployment');
  if (kind.endsWith('List') && Array.isArray(items)) return items.flatMap((item, i) => flatten(item, `${where}, item ${i + 1},`));
  if (!isObject(metadata) || typeof metadata.name !== 'string' || metadata.name === '')
    throw wrong(`(${kind}) has no metadata.name; generateName is not taken`);
  const { namespace, labels, annotations, creationTimestamp: _, ...rest } = metadata;
  if (namespace != null && (typeof namespace !== 'string' || namespace === '')) throw wrong(`(${kind}) has a namespace that is not text`);
  for (const map of [labels, annotations])
    if (map != null && (!isObject(map) || Object.values(map).some((one) => typeof one !== 'string')))
      throw wrong(`(${kind} ${metadata.name}) has labels or annotations that are not text; put them in quotes`);
  const { status: _status, ...body } = value;
  return [
    {
      ...body,
      apiVersion,
      kind,
      metadata: {
        ...rest,
        name: metadata.name,
        ...(namespace != null && { namespace }),
        ...(labels != null && { labels: labels as Record<string, string> }),
        ...(annotations != null && { annotations }),
      },
    },
  ];
};

/** Groups that every cluster serves, and whose kinds are all known. Others of k8s.io come by definitions, as gateway.networking.k8s.io does. */
const isOfKubernetes = (group: string): boolean =>
  !group.includes('.') || /^(?:[a-z]+|rbac\.authorization|(?:flowcontrol|internal)\.apiserver)\.k8s\.io$/.test(group);

const checkKinds = (objects: readonly Manifest[]): void => {
  const own = new Map(objects.flatMap(definedBy));
  for (const object of objects) {
    const { apiVersion, kind, metadata } = object;
    const wrong = (message: string) => new UserError('INVALID_INPUT', `${nameOfObject(object)}: ${message}.`, { field: ['manifests'] });
    const namespaced = findResource(object)?.namespaced ?? own.get(`${apiVersion}/${kind}`);
    if (namespaced === undefined && isOfKubernetes(groupOf(apiVersion)))
      throw wrong(
        `${apiVersion} has no kind ${kind} that Seedbed can keep; look at the spelling, and use a version that all offered releases serve`,
      );
    if (namespaced === true && metadata.namespace === undefined) throw wrong('It needs metadata.namespace');
    if (namespaced === false && metadata.namespace !== undefined) throw wrong('It is for the whole cluster; leave metadata.namespace out');
  }
};

/** Kinds that a CustomResourceDefinition brings, and whether they lie in namespaces. */
const definedBy = ({ kind, spec }: Manifest): [string, boolean][] => {
  if (kind !== 'CustomResourceDefinition' || !isObject(spec) || !isObject(spec.names) || !Array.isArray(spec.versions)) return [];
  const { group, names, scope, versions } = spec;
  return versions
    .filter(isObject)
    .filter(({ served }) => served === true)
    .map(({ name }): [string, boolean] => [`${String(group)}/${String(name)}/${String(names.kind)}`, scope === 'Namespaced']);
};
