/** What `kubeadm init` leaves in its cluster: how others join it, kube-proxy and CoreDNS. */
import { stringify } from 'yaml';
import { addressText, parseCidr } from '../addresses.ts';
import type { Dict } from '../objects.ts';

type Made = Dict & { kind: string; apiVersion: string };

export interface InitialFacts {
  server: string;
  caPem: string;
  clusterConfiguration: string;
  kubeletConfiguration: string;
  serviceCidr: string;
  kubernetesVersion: string;
}

const RBAC = { apiVersion: 'rbac.authorization.k8s.io/v1' };
const BOOTSTRAPPERS = group('system:bootstrappers:kubeadm:default-node-token');
const CSR = 'system:certificates.k8s.io:certificatesigningrequests';

export const createInitialObjects = (facts: InitialFacts): Made[] => [
  clusterWide('kubeadm:cluster-admins', 'cluster-admin', group('kubeadm:cluster-admins')),
  clusterWide('kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', BOOTSTRAPPERS),
  clusterWide('kubeadm:node-autoapprove-bootstrap', `${CSR}:nodeclient`, BOOTSTRAPPERS),
  clusterWide('kubeadm:node-autoapprove-certificate-rotation', `${CSR}:selfnodeclient`, group('system:nodes')),
  {
    ...RBAC,
    kind: 'ClusterRole',
    metadata: { name: 'kubeadm:get-nodes' },
    rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['get'] }],
  },
  clusterWide('kubeadm:get-nodes', 'kubeadm:get-nodes', BOOTSTRAPPERS),
  ...readable('kube-public', 'cluster-info', { kubeconfig: clusterInfo(facts) }, { kind: 'User', name: 'system:anonymous' }),
  ...readable('kube-system', 'kubeadm-config', { ClusterConfiguration: facts.clusterConfiguration }, BOOTSTRAPPERS),
  ...readable('kube-system', 'kubelet-config', { kubelet: facts.kubeletConfiguration }, BOOTSTRAPPERS),
  ...kubeProxy(facts),
  ...coreDns(facts),
];

function group(name: string): Dict {
  return { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name };
}

const clusterWide = (name: string, role: string, subject: Dict): Made => ({
  ...RBAC,
  kind: 'ClusterRoleBinding',
  metadata: { name },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
  subjects: [subject],
});

const readable = (namespace: string, name: string, data: Dict, subject: Dict): Made[] => [
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data },
  {
    ...RBAC,
    kind: 'Role',
    metadata: { name: `kubeadm:${name}`, namespace },
    rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [name], verbs: ['get'] }],
  },
  {
    ...RBAC,
    kind: 'RoleBinding',
    metadata: { name: `kubeadm:${name}`, namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: `kubeadm:${name}` },
    subjects: [subject, group('system:nodes')],
  },
];

const clusterInfo = ({ server, caPem }: InitialFacts): string =>
  stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: '', cluster: { server, 'certificate-authority-data': Buffer.from(caPem).toString('base64') } }],
    },
    { lineWidth: 0 },
  );

const kubeProxy = ({ kubernetesVersion }: InitialFacts): Made[] => {
  const labels = { 'k8s-app': 'kube-proxy' };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'kube-proxy', namespace: 'kube-system' } },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'kube-proxy', namespace: 'kube-system', labels },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            hostNetwork: true,
            priorityClassName: 'system-node-critical',
            serviceAccountName: 'kube-proxy',
            tolerations: [{ operator: 'Exists' }],
            containers: [{ name: 'kube-proxy', image: `registry.k8s.io/kube-proxy:${kubernetesVersion}` }],
          },
        },
      },
    },
  ];
};

const coreDns = ({ serviceCidr }: InitialFacts): Made[] => {
  const labels = { 'k8s-app': 'kube-dns' };
  const clusterIP = addressText((parseCidr(serviceCidr)?.base ?? 0) + 10);
  const ports = [
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'dns-tcp', port: 53, protocol: 'TCP' },
  ];
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'coredns', namespace: 'kube-system' } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'kube-dns', namespace: 'kube-system', labels },
      spec: { clusterIP, selector: labels, ports },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'coredns', namespace: 'kube-system', labels },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: 'coredns',
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
  ];
};
