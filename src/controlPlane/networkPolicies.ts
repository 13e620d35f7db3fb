/**
 * Who may speak to whom in the cluster's namespace; everything else is shut, both ways. So nothing here reaches the seed's own API,
 * its nodes' metadata or another cluster's namespace. A seed whose network plugin enforces no policies keeps these without effect.
 */
import { isIpv4, PRIVATE_CIDRS } from '../domain/cidr.ts';
import { apiPortOf, type ReachableCluster } from './hostedCluster.ts';
import { KEYSTONE_AUTH_PORT } from './keystoneGuard.ts';
import { AGENT_PORT } from './konnectivity.ts';
import { type Component, type KubernetesObject, seedMeta } from './object.ts';
import { selectorOf } from './workload.ts';

const LINK_LOCAL = '169.254.0.0/16';

export const buildNetworkPolicies = (cluster: ReachableCluster): KubernetesObject[] => {
  const podsOf = (component: Component): object => ({ podSelector: { matchLabels: selectorOf(cluster, component) } });
  const apiPort = apiPortOf(cluster);
  const toApiServer = { to: [podsOf('kube-apiserver')], ports: tcp(apiPort) };
  return [
    policy(cluster, 'default-deny', {}, { ingress: [], egress: [] }),
    policy(cluster, 'dns', {}, { egress: [names] }),
    // From anywhere: load balancers may show their own address, the node's or the client's.
    policy(cluster, 'api-server', podsOf('kube-apiserver'), {
      ingress: [{ ports: tcp(apiPort, ...(cluster.tunnel === 'NONE' ? [] : [AGENT_PORT])) }],
      egress: [
        { to: [podsOf('etcd')], ports: tcp(2379) },
        ...(cluster.tunnel === 'NONE' ? [workersOf(cluster)] : []),
        ...calledByApiServer(cluster),
        ...(cluster.keystoneAuth ? [{ to: [podsOf('keystone-auth')], ports: tcp(KEYSTONE_AUTH_PORT) }] : []),
      ],
    }),
    policy(cluster, 'etcd', podsOf('etcd'), {
      ingress: [
        { from: [podsOf('kube-apiserver'), podsOf('etcd-task')], ports: tcp(2379) },
        { from: [podsOf('etcd')], ports: tcp(2379, 2380) },
      ],
      egress: [{ to: [podsOf('etcd')], ports: tcp(2379, 2380) }],
    }),
    policy(cluster, 'etcd-task', podsOf('etcd-task'), { egress: [{ to: [podsOf('etcd')], ports: tcp(2379) }] }),
    policy(cluster, 'controller-manager', podsOf('kube-controller-manager'), { egress: [toApiServer] }),
    policy(cluster, 'scheduler', podsOf('kube-scheduler'), { egress: [toApiServer] }),
  ];
};

/**
 * A controller of the cloud's reaches the API server and the cloud's services. These are known by their ports alone: names can point anywhere,
 * and the seed's own API is at none of them.
 */
export const buildCloudPolicy = (cluster: ReachableCluster, component: Component, ports: readonly number[]): KubernetesObject => {
  const podSelector = { matchLabels: selectorOf(cluster, component) };
  return policy(
    cluster,
    component,
    { podSelector },
    {
      egress: [
        { to: [{ podSelector: { matchLabels: selectorOf(cluster, 'kube-apiserver') } }], ports: tcp(apiPortOf(cluster)) },
        { to: [{ ipBlock: { cidr: '0.0.0.0/0', except: [LINK_LOCAL] } }], ports: tcp(...ports) },
      ],
    },
  );
};

/** The autoscaler reaches the API server and Seedbed, and nothing else; a host by name is known by its port alone. */
export const buildProviderPolicy = (
  cluster: ReachableCluster,
  component: Component,
  { host, port }: { host: string; port: number },
): KubernetesObject =>
  policy(
    cluster,
    component,
    { podSelector: { matchLabels: selectorOf(cluster, component) } },
    {
      egress: [
        { to: [{ podSelector: { matchLabels: selectorOf(cluster, 'kube-apiserver') } }], ports: tcp(apiPortOf(cluster)) },
        { to: [{ ipBlock: isIpv4(host) ? { cidr: `${host}/32` } : { cidr: '0.0.0.0/0', except: [LINK_LOCAL] } }], ports: tcp(port) },
      ],
    },
  );

/** API servers ask it, and it asks Keystone, which is known by its port alone, as the cloud's services are. */
export const buildKeystonePolicy = (
  cluster: ReachableCluster,
  component: Component,
  port: number,
  keystonePort: number,
): KubernetesObject =>
  policy(
    cluster,
    component,
    { podSelector: { matchLabels: selectorOf(cluster, component) } },
    {
      ingress: [{ from: [{ podSelector: { matchLabels: selectorOf(cluster, 'kube-apiserver') } }], ports: tcp(port) }],
      egress: [{ to: [{ ipBlock: { cidr: '0.0.0.0/0', except: [LINK_LOCAL] } }], ports: tcp(keystonePort) }],
    },
  );

export const tcp = (...ports: number[]): object[] => ports.map((port) => ({ protocol: 'TCP', port }));

/** The seed's own resolvers live there, whatever they are called. */
const names = {
  to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } }],
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};

/** Without a tunnel the API server dials kubelets, pods and Services itself; in a network of the customer's own they can be anywhere. */
const workersOf = ({ nodeCidr, podCidr, serviceCidr }: ReachableCluster): object => ({
  to:
    nodeCidr === null
      ? [{ ipBlock: { cidr: '0.0.0.0/0', except: [LINK_LOCAL] } }]
      : [nodeCidr, podCidr, serviceCidr].map((cidr) => ({ ipBlock: { cidr } })),
});

/** The customer's audit webhook and token issuers. */
const calledByApiServer = ({ audit, issuers, egressCidrs }: ReachableCluster): object[] => {
  const urls = [...(audit.webhook === null ? [] : [audit.webhook.url]), ...issuers.map(({ url }) => url)];
  if (urls.length === 0) return [];
  const ports = new Set(urls.map((url) => Number(new URL(url).port || 443)));
  const open = [{ cidr: '0.0.0.0/0', except: PRIVATE_CIDRS }, ...egressCidrs.map((cidr) => ({ cidr }))];
  return [{ to: open.map((ipBlock) => ({ ipBlock })), ports: tcp(...ports) }];
};

interface Rules {
  ingress?: object[];
  egress?: object[];
}

export const policy = (cluster: ReachableCluster, name: string, pods: { podSelector?: object }, rules: Rules): KubernetesObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: seedMeta(cluster, `${cluster.shortId}-${name}`, 'network-policy'),
  spec: {
    podSelector: pods.podSelector ?? {},
    policyTypes: [...(rules.ingress === undefined ? [] : ['Ingress']), ...(rules.egress === undefined ? [] : ['Egress'])],
    // An empty list and none mean the same, and the API server keeps neither.
    ...(rules.ingress?.length ? { ingress: rules.ingress } : {}),
    ...(rules.egress?.length ? { egress: rules.egress } : {}),
  },
});
