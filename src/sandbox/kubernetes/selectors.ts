/** Label and field selectors, in the query's text form and in the objects' form. */

import { at, dict, dicts, type KubeObject, labelsOf, namespaceOf, text, texts } from './objects.ts';
import { badRequest } from './statusError.ts';

export type Match = (object: KubeObject) => boolean;
type LabelMatch = (labels: Record<string, string>) => boolean;

const everything: LabelMatch = () => true;

/** Splits at commas outside parentheses. */
const termsOf = (selector: string): string[] => selector.match(/(?:[^,(]|\([^)]*\))+/g)?.map((t) => t.trim()) ?? [];

const labelTerm = (term: string): LabelMatch => {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(term);
  if (set?.[1] && set[3] !== undefined) {
    const [key, wanted] = [set[1], new Set(set[3].split(',').map((v) => v.trim()))];
    return set[2] === 'in' ? (l) => l[key] !== undefined && wanted.has(l[key]) : (l) => l[key] === undefined || !wanted.has(l[key]);
  }
  const equal = /^([^\s!=]+)\s*(==?|!=)\s*(\S*)$/.exec(term);
  if (equal?.[1]) {
    const [key, value] = [equal[1], equal[3] ?? ''];
    return equal[2] === '!=' ? (l) => l[key] !== value : (l) => l[key] === value;
  }
  const key = term.replace(/^!\s*/, '');
  if (!/^[\w./-]+$/.test(key)) throw badRequest(`unable to parse requirement: found '${term}'`);
  return term.startsWith('!') ? (l) => l[key] === undefined : (l) => l[key] !== undefined;
};

/** `a=b,c!=d,e in (f,g),!h`: throws BadRequest when it cannot be read. */
const parseLabelSelector = (selector: string): LabelMatch => {
  const terms = termsOf(selector).map(labelTerm);
  return terms.length === 0 ? everything : (labels) => terms.every((t) => t(labels));
};

/** The `matchLabels`/`matchExpressions` form. An empty selector fits everything. */
export const selectorMatch = (selector: unknown): LabelMatch => {
  const wanted = Object.entries(dict(dict(selector).matchLabels));
  const terms = dicts(dict(selector).matchExpressions).map((e): LabelMatch => {
    const [key, values] = [text(e.key), new Set(texts(e.values))];
    if (e.operator === 'In') return (l) => l[key] !== undefined && values.has(l[key]);
    if (e.operator === 'NotIn') return (l) => l[key] === undefined || !values.has(l[key]);
    return e.operator === 'Exists' ? (l) => l[key] !== undefined : (l) => l[key] === undefined;
  });
  return (labels) => wanted.every(([k, v]) => labels[k] === v) && terms.every((t) => t(labels));
};

/** A plain map of labels, as in a Service; an empty map fits nothing. */
export const mapMatch = (selector: unknown): LabelMatch => {
  const wanted = Object.entries(dict(selector));
  return (labels) => wanted.length > 0 && wanted.every(([k, v]) => labels[k] === v);
};

const FIELDS: Record<string, (object: KubeObject) => string> = {
  'metadata.name': (o) => o.metadata.name,
  'metadata.namespace': namespaceOf,
  'spec.nodeName': (o) => text(at(o, 'spec', 'nodeName')),
  'spec.schedulerName': (o) => text(at(o, 'spec', 'schedulerName')),
  'spec.restartPolicy': (o) => text(at(o, 'spec', 'restartPolicy')),
  'spec.serviceAccountName': (o) => text(at(o, 'spec', 'serviceAccountName')),
  'spec.unschedulable': (o) => String(at(o, 'spec', 'unschedulable') ?? false),
  'spec.signerName': (o) => text(at(o, 'spec', 'signerName')),
  'spec.type': (o) => text(at(o, 'spec', 'type')),
  'status.phase': (o) => text(at(o, 'status', 'phase')),
  'status.podIP': (o) => text(at(o, 'status', 'podIP')),
  type: (o) => text(o.type),
  reason: (o) => text(o.reason),
  'involvedObject.name': (o) => text(at(o, 'involvedObject', 'name')),
  'involvedObject.namespace': (o) => text(at(o, 'involvedObject', 'namespace')),
  'involvedObject.kind': (o) => text(at(o, 'involvedObject', 'kind')),
  'involvedObject.uid': (o) => text(at(o, 'involvedObject', 'uid')),
  'involvedObject.fieldPath': (o) => text(at(o, 'involvedObject', 'fieldPath')),
  'involvedObject.apiVersion': (o) => text(at(o, 'involvedObject', 'apiVersion')),
  'involvedObject.resourceVersion': (o) => text(at(o, 'involvedObject', 'resourceVersion')),
};

const fieldTerm = (term: string): Match => {
  const parts = /^([^!=]+?)(==?|!=)(.*)$/.exec(term);
  const read = FIELDS[parts?.[1] ?? ''];
  if (!parts || !read) throw badRequest(`field label not supported: ${parts?.[1] ?? term}`);
  const value = parts[3] ?? '';
  return parts[2] === '!=' ? (o) => read(o) !== value : (o) => read(o) === value;
};

/** Both selectors of a list or watch request as one predicate; undefined when neither narrows anything. */
export const requestMatch = (query: URLSearchParams): Match | undefined => {
  const labels = query.get('labelSelector') ?? '';
  const fields = termsOf(query.get('fieldSelector') ?? '').map(fieldTerm);
  if (labels === '' && fields.length === 0) return undefined;
  const match = parseLabelSelector(labels);
  return (object) => match(labelsOf(object)) && fields.every((f) => f(object));
};
