/** Whether aggregated APIs can be reached: in life the API server itself finds out; here the pods behind the Service tell. */
import type { Cluster } from '../cluster.ts';
import { API_SERVICE, ENDPOINTS, SERVICE } from '../kinds.ts';
import { at, dict, dicts, type KubeObject, spec, status, text, timestamp, withCondition } from '../objects.ts';
import { putStatus } from './ownedPods.ts';

interface Finding {
  status: 'True' | 'False';
  reason: string;
  message: string;
}

/** The real one's reasons and sentences. */
const look = (cluster: Cluster, apiService: KubeObject): Finding => {
  const service = dict(spec(apiService).service);
  if (spec(apiService).service === undefined) return { status: 'True', reason: 'Local', message: 'Local APIServices are always available' };
  const [namespace, name] = [text(service.namespace), text(service.name)];
  if (!cluster.store.get(SERVICE, namespace, name))
    return { status: 'False', reason: 'ServiceNotFound', message: `service/${name} in "${namespace}" is not present` };
  const ready = dicts(cluster.store.get(ENDPOINTS, namespace, name)?.subsets).flatMap((s) => dicts(s.addresses));
  return ready.length > 0
    ? { status: 'True', reason: 'Passed', message: 'all checks passed' }
    : {
        status: 'False',
        reason: 'MissingEndpoints',
        message: `endpoints for service/${name} in "${namespace}" have no addresses with port name "${text(at(service, 'portName')) || 'https'}"`,
      };
};

export const reconcileApiService = (cluster: Cluster, _namespace: string, name: string): void => {
  const apiService = cluster.store.get(API_SERVICE, '', name);
  if (!apiService) return;
  const condition = { type: 'Available', ...look(cluster, apiService) };
  putStatus(cluster, API_SERVICE, apiService, {
    conditions: withCondition(status(apiService).conditions, condition, timestamp(cluster.now())),
  });
};
