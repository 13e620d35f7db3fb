/** What openstack-cloud-controller-manager, which runs in the seed, may do in the cluster. */
import type { KubernetesObject } from '../controlPlane/object.ts';
import { rule } from '../controlPlane/rbac.ts';
import type { Addon } from './addon.ts';
import { partsOf } from './parts.ts';

const COMPONENT = 'cloud-controller-manager';
const NAMESPACE = 'kube-system';
const ROLE = 'system:cloud-controller-manager';

export const cloudController: Addon = {
  name: 'cloudController',
  objects: (cluster) => {
    const parts = partsOf(cluster, COMPONENT, NAMESPACE);
    return [
      parts.clusterRole(ROLE, [
        rule('coordination.k8s.io', 'leases', 'get create update'),
        rule('', 'events', 'create patch update'),
        rule('', 'nodes', 'get list watch create update patch delete'),
        rule('', 'nodes/status', 'patch'),
        rule('', 'services', 'get list patch update watch'),
        rule('', 'services/status', 'patch'),
        rule('', 'serviceaccounts', 'create get'),
        rule('', 'serviceaccounts/token', 'create'),
        rule('', 'persistentvolumes', 'get list watch update patch'),
        rule('', 'endpoints', 'create get list watch update'),
        rule('', 'configmaps secrets', 'get list watch'),
      ]),
      parts.bindUser(null, ROLE, ROLE, ROLE),
      parts.bindUser(NAMESPACE, `${ROLE}:auth-reader`, 'extension-apiserver-authentication-reader', ROLE),
      parts.bindUser(null, `${ROLE}:auth-delegator`, 'system:auth-delegator', ROLE),
    ];
  },
  keptFor: async (kube) => {
    const { items } = await kube.list({ apiVersion: 'v1', kind: 'Service' });
    const balanced = items.filter(isBalanced);
    return balanced.length === 0
      ? null
      : `${balanced.length} Services of type LoadBalancer to be deleted: nobody would look after their load balancers`;
  },
};

/** Of that type, or still with a load balancer of the time when it was. */
const isBalanced = ({ metadata, spec }: KubernetesObject): boolean =>
  (spec as { type?: string } | undefined)?.type === 'LoadBalancer' ||
  ((metadata['finalizers'] ?? []) as string[]).includes('service.kubernetes.io/load-balancer-cleanup');
