/** Reads what a service says about a failure: its sentence, its type, and the figures of a quota. */
import type { QuotaFigures } from '../domain/errors.ts';

export interface Fault {
  /** The service's own sentence, short and free of secrets; '' when it gave none. */
  text: string;
  /** Neutron's error type, such as OverQuota; null elsewhere. */
  type: string | null;
}

const LONGEST_TEXT = 600;

/**
 * The fault in an answer. Forms: Nova and Cinder {"badRequest": {"code", "message"}}, Neutron {"NeutronError": {"type", "message"}},
 * Keystone {"error": {"message"}}, Octavia {"faultstring"}, Placement {"errors": [{"detail"}]}, and HTML from proxies.
 */
export const faultOf = (body: unknown, text: string): Fault => {
  const inner = innerFault(body);
  if (inner !== null) return { text: clean(inner.message), type: inner.type };
  return { text: body === undefined ? clean(stripMarkup(text)) : '', type: null };
};

const isRecord = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object' && !Array.isArray(value);

const MESSAGE_KEYS = ['message', 'faultstring', 'detail', 'title'];

const messageIn = (value: Record<string, unknown>): string | null => {
  for (const key of MESSAGE_KEYS) {
    const found = value[key];
    if (typeof found === 'string' && found !== '') return found;
  }
  return null;
};

const innerFault = (body: unknown): { message: string; type: string | null } | null => {
  if (!isRecord(body)) return null;
  const candidates = [body, ...Object.values(body).map((value) => (Array.isArray(value) ? value[0] : value))];
  for (const candidate of candidates) {
    if (!isRecord(candidate)) continue;
    const message = messageIn(candidate);
    if (message !== null) return { message, type: typeof candidate.type === 'string' ? candidate.type : null };
  }
  return typeof body.NeutronError === 'string' ? { message: body.NeutronError, type: null } : null;
};

const stripMarkup = (text: string): string => text.replace(/<(style|script)[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ');

/**
 * One line, bounded. Services echo refused input (Nova prints "Value: <user data>"), so everything as long as a token, a key or
 * encoded user data is cut out, and so is whatever follows the name of a secret field.
 */
const clean = (text: string): string =>
  text
    .replace(/<br ?\/?>|\s+/g, ' ')
    .replace(/((?:user_data|password|adminPass|secret|token)['"]?\s*[:=]\s*)(['"]?)[^\s'",}]+\2/gi, '$1[removed]')
    .replace(/(attribute (?:user_data|adminPass|password)\. Value: ).*?(?=\. |$)/gi, '$1[removed]')
    .replace(/[A-Za-z0-9+/=_-]{80,}/g, '[removed]')
    .trim()
    .slice(0, LONGEST_TEXT);

/** The figures of a quota fault, one for each resource that it names; none when the text speaks of no quota. */
export const quotasOf = (text: string): QuotaFigures[] => {
  const several = novaQuotas(text);
  const one = several.length > 0 ? null : (cinderQuota(text) ?? namedQuota(text) ?? vagueQuota(text));
  return [...several, ...(one === null ? [] : [one])].map((figures) => ({ source: 'OPENSTACK', ...figures }));
};

const numberAt = (list: string | undefined, index = 0): number | null => {
  const value = Number.parseInt((list ?? '').split(',')[index] ?? '', 10);
  return Number.isNaN(value) ? null : value;
};

/** Nova: "Quota exceeded for cores, ram: Requested 2, 512, but already used 20, 0 of 20, 9 cores, ram". */
const novaQuotas = (text: string): QuotaFigures[] => {
  const m = /Quota exceeded for ([\w, ]+?): Requested ([\d, ]+), but already used ([\d, ]+) of (-?[\d, ]+)/i.exec(text);
  if (m === null) return [];
  const figures = (resource: string, i: number): QuotaFigures => ({
    resource: resource.trim(),
    requested: numberAt(m[2], i),
    used: numberAt(m[3], i),
    limit: numberAt(m[4], i),
  });
  return (m[1] ?? '').split(',').map(figures);
};

/** Cinder: "…exceeds allowed gigabytes quota. Requested 20G, quota is 10G and 5G has been consumed." */
const cinderQuota = (text: string): QuotaFigures | null => {
  const m = /exceeds allowed (\w+) quota\. Requested (\d+)G, quota is (\d+)G and (\d+)G has been consumed/i.exec(text);
  if (m !== null) return { resource: m[1] ?? 'gigabytes', requested: numberAt(m[2]), limit: numberAt(m[3]), used: numberAt(m[4]) };
  const count = /Maximum number of (\w+) allowed \((\d+)\) exceeded/i.exec(text);
  if (count === null) return null;
  return { resource: count[1] ?? 'volumes', requested: 1, limit: numberAt(count[2]), used: numberAt(count[2]) };
};

/** Neutron: "Quota exceeded for resources: ['port']"; Octavia: "Quota has been met for resources: Load Balancer". No figures. */
const namedQuota = (text: string): QuotaFigures | null => {
  const m = /quota (?:exceeded|has been met) for resources?:? \[?'?([\w -]+?)'?(?:[\],.]|$)/i.exec(text);
  return m === null ? null : { resource: (m[1] ?? '').trim(), used: null, limit: null, requested: null };
};

/** Nova: "Quota exceeded, too many server groups.", "Maximum number of ports exceeded" and whatever else names a quota. */
const vagueQuota = (text: string): QuotaFigures | null => {
  const named = /quota exceeded,? too many ([\w -]+)|maximum number of ([\w -]+?) (?:is )?exceeded/i.exec(text);
  if (named !== null) return { resource: (named[1] ?? named[2] ?? '').trim(), used: null, limit: null, requested: null };
  return /quota/i.test(text) && /exceed|limit|too many|reached/i.test(text)
    ? { resource: 'unknown', used: null, limit: null, requested: null }
    : null;
};
