/** What stands in a fresh seed: nodes, a storage class, DNS, and the rights of the login that Seedbed gets. */
import type { Cluster } from './cluster.ts';
import { systemContext } from './controllers/ownedPods.ts';
import { CLUSTER_ROLE, CLUSTER_ROLE_BINDING, DEPLOYMENT, type Kind, NODE, SERVICE, STORAGE_CLASS } from './kinds.ts';
import { type Dict, timestamp } from './objects.ts';
import { createObject } from './resources.ts';

const STORAGE_CLASS_NAME = 'sandbox';
export const LIMITED_USER = 'seedbed';
/** Enough for about a thousand clusters at their usual requests. */
const NODE_SIZE = { cpu: '400', memory: '2Ti', pods: '4000', 'ephemeral-storage': '10Ti' };

const rule = (apiGroups: string, resources: string, verbs: string): Dict => ({
  apiGroups: [apiGroups],
  resources: resources.split(' '),
  verbs: verbs.split(' '),
});

/** The rights that a control plane manager needs in a seed, and no more; the same as a production seed would give. */
const LIMITED_RULES: Dict[] = [
  rule('', 'namespaces', 'create get list watch patch update delete'),
  rule('', 'secrets configmaps services serviceaccounts pods pods/log events persistentvolumeclaims resourcequotas limitranges', '*'),
  rule('apps', 'deployments deployments/scale statefulsets statefulsets/scale replicasets', '*'),
  rule('batch', 'jobs cronjobs', '*'),
  rule('policy', 'poddisruptionbudgets', '*'),
  rule('networking.k8s.io', 'networkpolicies', '*'),
  rule('coordination.k8s.io', 'leases', '*'),
  rule('', 'nodes persistentvolumes', 'get list watch'),
  rule('storage.k8s.io', 'storageclasses', 'get list watch'),
  rule('scheduling.k8s.io', 'priorityclasses', 'get list watch'),
  rule('authorization.k8s.io', 'selfsubjectaccessreviews', 'create'),
];

const nodeObject = (index: number, address: string, version: string, now: string): Dict => {
  const name = `seed-${index}`;
  return {
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'topology.kubernetes.io/zone': `zone-${index}`,
      },
    },
    spec: { podCIDR: `10.244.${index}.0/24`, podCIDRs: [`10.244.${index}.0/24`] },
    status: {
      capacity: NODE_SIZE,
      allocatable: NODE_SIZE,
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: name },
      ],
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
          lastHeartbeatTime: now,
          lastTransitionTime: now,
        },
      ],
      nodeInfo: {
        kubeletVersion: version,
        kubeProxyVersion: '',
        osImage: 'Seedbed sandbox',
        kernelVersion: 'sandbox',
        containerRuntimeVersion: 'sandbox://1',
        operatingSystem: 'linux',
        architecture: 'amd64',
        machineID: name,
        systemUUID: name,
        bootID: name,
      },
    },
  };
};

const dns = { 'k8s-app': 'kube-dns' };

const fixedObjects = (): [Kind, string, Dict][] => [
  [
    STORAGE_CLASS,
    '',
    {
      metadata: { name: STORAGE_CLASS_NAME, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'sandbox.seedbed.io/volume',
      volumeBindingMode: 'WaitForFirstConsumer',
      allowVolumeExpansion: true,
    },
  ],
  [CLUSTER_ROLE, '', { metadata: { name: 'seedbed-control-api' }, rules: LIMITED_RULES }],
  [
    CLUSTER_ROLE_BINDING,
    '',
    {
      metadata: { name: 'seedbed-control-api' },
      roleRef: { kind: 'ClusterRole', name: 'seedbed-control-api' },
      subjects: [{ kind: 'User', name: LIMITED_USER }],
    },
  ],
  [
    SERVICE,
    'kube-system',
    {
      metadata: { name: 'kube-dns', labels: dns },
      spec: {
        clusterIP: '10.96.0.10',
        selector: dns,
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53 },
        ],
      },
    },
  ],
  [
    DEPLOYMENT,
    'kube-system',
    {
      metadata: { name: 'coredns', labels: dns },
      spec: {
        replicas: 1,
        selector: { matchLabels: dns },
        template: {
          metadata: { labels: dns },
          spec: {
            containers: [
              {
                name: 'coredns',
                image: 'registry.k8s.io/coredns/coredns:v1.14.2',
                resources: { requests: { cpu: '100m', memory: '70Mi' } },
              },
            ],
          },
        },
      },
    },
  ],
];

/** Idempotent: only what is missing is made. */
export const ensureSeedObjects = (cluster: Cluster, nodeAddresses: readonly string[]): void => {
  const missing = (kind: Kind, namespace: string, object: Dict): boolean =>
    cluster.store.get(kind, namespace, String((object.metadata as Dict).name)) === undefined;
  const all: [Kind, string, Dict][] = [
    ...nodeAddresses.map((a, i): [Kind, string, Dict] => [NODE, '', nodeObject(i + 1, a, cluster.version, timestamp(cluster.now()))]),
    ...fixedObjects(),
  ];
  for (const [kind, namespace, object] of all)
    if (missing(kind, namespace, object)) createObject(cluster, kind, namespace, object, systemContext());
};
