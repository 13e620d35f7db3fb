/** Which PodDisruptionBudget keeps a pod: the API that refuses its eviction need not say. */
import { SeedbedError } from '../../domain/errors.ts';
import type { Kubernetes } from '../../seeds/connection.ts';
import type { KubernetesObject } from '../../seeds/kinds.ts';

/** "namespace/name" of the first that counts the pod and lets none go now; undefined when none is found, or they cannot be asked. */
export const findBudget = async (kube: Kubernetes, { metadata }: KubernetesObject): Promise<string | undefined> => {
  const { namespace = 'default', labels = {} } = metadata;
  try {
    const { items } = await kube.list({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', namespace });
    const holds = (budget: Budget) => matches(budget.spec?.selector, labels) && (budget.status?.disruptionsAllowed ?? 0) < 1;
    const found = items.find((item) => holds(item as Budget));
    return found && `${namespace}/${found.metadata.name}`;
  } catch (error) {
    // The refusal itself has been told; only its author is missing.
    if (error instanceof SeedbedError) return undefined;
    throw error;
  }
};

interface Budget {
  spec?: { selector?: Selector };
  status?: { disruptionsAllowed?: number };
}

interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

/** As Kubernetes reads it in policy/v1: an empty selector counts every pod, and a missing one none. */
export const matches = (selector: Selector | undefined, labels: Readonly<Record<string, string>>): boolean =>
  selector !== undefined &&
  Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
  (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = labels[key];
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      default:
        return value === undefined;
    }
  });
