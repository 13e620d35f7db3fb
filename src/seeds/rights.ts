/** Finds out which of the rights that Seedbed needs in a seed its credential lacks. */
import type { V1SelfSubjectRulesReview } from '@kubernetes/client-node';
import { NotFound, UserError } from '../domain/errors.ts';
import type { Kubernetes } from './connection.ts';

export interface NeededRight {
  group: string;
  resource: string;
  subresource?: string;
  verbs: readonly string[];
}

export interface RightFact extends NeededRight {
  /** Verbs that are refused. When `estimated`, only the first of `verbs` was asked for and stands for all. */
  missing: string[];
  estimated: boolean;
}

const READ = ['get', 'list', 'watch'];
const ALL = ['create', ...READ, 'patch', 'update', 'delete'];

/** All of what Seedbed does in a seed, in the words of RBAC; the role in the guide for administrators is made of the same. */
export const NEEDED_RIGHTS: readonly NeededRight[] = [
  { group: '', resource: 'namespaces', verbs: ALL },
  ...['secrets', 'configmaps', 'services', 'serviceaccounts', 'persistentvolumeclaims', 'resourcequotas', 'limitranges'].map(
    (resource) => ({
      group: '',
      resource,
      verbs: ALL,
    }),
  ),
  { group: '', resource: 'pods', verbs: [...READ, 'delete'] },
  { group: '', resource: 'pods', subresource: 'log', verbs: ['get'] },
  { group: '', resource: 'events', verbs: READ },
  { group: 'apps', resource: 'deployments', verbs: ALL },
  { group: 'apps', resource: 'statefulsets', verbs: ALL },
  { group: 'batch', resource: 'jobs', verbs: ALL },
  { group: 'batch', resource: 'cronjobs', verbs: ALL },
  { group: 'policy', resource: 'poddisruptionbudgets', verbs: ALL },
  { group: 'networking.k8s.io', resource: 'networkpolicies', verbs: ALL },
  { group: '', resource: 'nodes', verbs: READ },
  { group: 'storage.k8s.io', resource: 'storageclasses', verbs: READ },
];

/** What is asked for where a class is named, and not of every seed: one that was registered earlier goes on without. */
export const PRIORITY_RIGHT: NeededRight = { group: 'scheduling.k8s.io', resource: 'priorityclasses', verbs: ['get'] };

interface Rule {
  verbs: string[];
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
}

/**
 * One SelfSubjectRulesReview answers nearly all; every right it does not show is asked for by a SelfSubjectAccessReview, since
 * authorizers other than RBAC need not show their rules. At most 1 + NEEDED_RIGHTS.length requests.
 */
export const findRights = async (k: Kubernetes): Promise<RightFact[]> => {
  const rules = await findRules(k);
  return Promise.all(NEEDED_RIGHTS.map((right) => checkRight(k, right, rules)));
};

const checkRight = async (k: Kubernetes, right: NeededRight, rules: readonly Rule[]): Promise<RightFact> => {
  const missing = right.verbs.filter((verb) => !rules.some((rule) => grants(rule, right, verb)));
  const [verb] = missing;
  if (verb === undefined) return { ...right, missing: [], estimated: false };
  const { group, resource, subresource } = right;
  const allowed = await k.can({ verb, group, resource, ...(subresource !== undefined && { subresource }) });
  return { ...right, missing: allowed ? [] : missing, estimated: missing.length > 1 };
};

const findRules = async (k: Kubernetes): Promise<readonly Rule[]> => {
  try {
    // Namespaced rules would be those of this one namespace; it does not exist, so what is shown holds everywhere.
    const review = await k.create({
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectRulesReview',
      metadata: { name: '' },
      spec: { namespace: 'seedbed-preflight' },
    });
    return (review.status as V1SelfSubjectRulesReview['status'])?.resourceRules ?? [];
  } catch (error) {
    if (error instanceof UserError || error instanceof NotFound) return [];
    throw error;
  }
};

const grants = (rule: Rule, right: NeededRight, verb: string): boolean => {
  const resource = right.subresource === undefined ? right.resource : `${right.resource}/${right.subresource}`;
  return (
    (rule.resourceNames ?? []).length === 0 &&
    has(rule.verbs, verb) &&
    has(rule.apiGroups, right.group) &&
    (has(rule.resources, resource) || (right.subresource !== undefined && has(rule.resources, `*/${right.subresource}`)))
  );
};

const has = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes('*') || list.includes(value));
