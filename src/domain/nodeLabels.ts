/** Which labels and taints a node group may carry: what the API server accepts, and what a kubelet may set on its own node. */
import { UserError } from './errors.ts';
import type { Taint } from './nodeGroup.ts';

// Kubernetes, "Labels and Selectors": an optional DNS subdomain, a slash, a name; values may be empty.
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;
const SUBDOMAIN = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

// The admission plugin NodeRestriction lets a kubelet set these of the reserved domains; it sets hostname, os and arch by itself.
const KUBELET_MAY_SET = new Set(['topology.kubernetes.io/zone', 'topology.kubernetes.io/region', 'node.kubernetes.io/instance-type']);
const SET_BY_KUBELET = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
]);
const KUBELET_DOMAINS = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
const RESERVED_DOMAINS = ['kubernetes.io', 'k8s.io'];
/** Everything travels in one kubelet flag and in the user data. */
const MAX_LABELS = 64;
const EFFECTS = new Set(['NoSchedule', 'PreferNoSchedule', 'NoExecute']);

/** @throws UserError INVALID_INPUT that names the label, says why, and what would do. */
export const validateNodeLabels = (labels: Readonly<Record<string, string>>, field: string[]): void => {
  if (Object.keys(labels).length > MAX_LABELS) throw invalid(`At most ${MAX_LABELS} labels are allowed.`, field);
  for (const [key, value] of Object.entries(labels)) {
    const at = [...field, key];
    refuseMalformedKey('Label', key, at);
    if (!VALUE.test(value))
      throw invalid(
        `Label ${shown(key)} has a value that is not empty or at most 63 letters, digits, "-", "_" and "." between letters or digits.`,
        at,
      );
    if (SET_BY_KUBELET.has(key)) throw invalid(`Label ${shown(key)} is set by the kubelet itself; leave it out.`, at);
    if (isReserved(key))
      throw invalid(
        `Label ${shown(key)} is in a domain that nodes may not use for themselves; use a domain of your own, such as example.org/role.`,
        at,
      );
  }
};

/** @throws UserError INVALID_INPUT that names the taint. */
export const validateTaints = (taints: readonly Taint[], field: string[]): void => {
  if (taints.length > MAX_LABELS) throw invalid(`At most ${MAX_LABELS} taints are allowed.`, field);
  const seen = new Set<string>();
  for (const [i, { key, value, effect }] of taints.entries()) {
    const at = [...field, String(i)];
    refuseMalformedKey('Taint', key, at);
    if (!VALUE.test(value ?? ''))
      throw invalid(`Taint ${shown(key)} has a value that is not empty or at most 63 letters, digits, "-", "_" and ".".`, at);
    if (!EFFECTS.has(effect))
      throw invalid(`Taint ${shown(key)} has an unknown effect; use NoSchedule, PreferNoSchedule or NoExecute.`, at);
    if (seen.has(`${key}:${effect}`)) throw invalid(`Taint ${shown(key)} with effect ${effect} is there twice.`, at);
    seen.add(`${key}:${effect}`);
  }
};

const refuseMalformedKey = (what: string, key: string, field: string[]): void => {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  const domain = parts.length === 2 ? parts[0] : undefined;
  const domainOk = parts.length === 1 || (domain !== undefined && domain.length <= 253 && SUBDOMAIN.test(domain));
  if (!domainOk || !NAME.test(name)) {
    throw invalid(
      `${what} ${shown(key)} is not a name of at most 63 letters, digits, "-", "_" and ".", with an optional DNS domain and "/" before it.`,
      field,
    );
  }
};

const within = (domain: string, parent: string): boolean => domain === parent || domain.endsWith(`.${parent}`);

const isReserved = (key: string): boolean => {
  const domain = key.includes('/') ? (key.split('/')[0] ?? '') : '';
  if (KUBELET_MAY_SET.has(key) || KUBELET_DOMAINS.some((d) => within(domain, d))) return false;
  return RESERVED_DOMAINS.some((d) => within(domain, d));
};

const shown = (key: string): string => JSON.stringify(key.length > 80 ? `${key.slice(0, 80)}…` : key);

const invalid = (message: string, field: string[]): UserError => new UserError('INVALID_INPUT', message, { field });
