/** The disruption controller: what each budget allows now, and whether a pod may be evicted. */
import type { Cluster } from '../cluster.ts';
import { POD, POD_DISRUPTION_BUDGET } from '../kinds.ts';
import { type KubeObject, labelsOf, namespaceOf, number, spec, status } from '../objects.ts';
import { selectorMatch } from '../selectors.ts';
import { StatusError } from '../statusError.ts';
import { isActive, isReady, portion, putStatus } from './ownedPods.ts';

/** The budgets that count a pod. */
export const budgetsOf = (cluster: Cluster, pod: KubeObject): KubeObject[] =>
  cluster.store.list(POD_DISRUPTION_BUDGET, namespaceOf(pod)).filter((b) => selectorMatch(spec(b).selector)(labelsOf(pod)));

export const reconcileDisruptionBudget = (cluster: Cluster, namespace: string, name: string): void => {
  const budget = cluster.store.get(POD_DISRUPTION_BUDGET, namespace, name);
  if (!budget || budget.metadata.deletionTimestamp) return;
  const matches = selectorMatch(spec(budget).selector);
  const pods = cluster.store.list(POD, namespace).filter((p) => isActive(p) && matches(labelsOf(p)));
  const { minAvailable, maxUnavailable } = spec(budget);
  const expectedPods = pods.length;
  const desiredHealthy =
    maxUnavailable === undefined
      ? portion(minAvailable ?? 1, expectedPods, true)
      : expectedPods - portion(maxUnavailable, expectedPods, true);
  const currentHealthy = pods.filter(isReady).length;
  putStatus(cluster, POD_DISRUPTION_BUDGET, budget, {
    observedGeneration: budget.metadata.generation ?? 1,
    expectedPods,
    desiredHealthy: Math.max(0, desiredHealthy),
    currentHealthy,
    disruptionsAllowed: Math.max(0, currentHealthy - Math.max(0, desiredHealthy)),
  });
};

/** Throws 429 when a budget has nothing left for this pod. One that is not ready may go if the others suffice. */
export const requireBudget = (cluster: Cluster, pod: KubeObject): void => {
  for (const budget of budgetsOf(cluster, pod)) {
    const { disruptionsAllowed, currentHealthy, desiredHealthy } = status(budget);
    const enough = number(currentHealthy, 0) >= number(desiredHealthy, 0);
    if (number(disruptionsAllowed, 0) > 0 || (!isReady(pod) && enough)) continue;
    throw new StatusError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.");
  }
};
