/** cert-manager: certificates for workloads, from any issuer that customers name. */
import type { ReachableCluster } from '../controlPlane/hostedCluster.ts';
import { imageFrom } from '../controlPlane/images.ts';
import type { KubernetesObject } from '../controlPlane/object.ts';
import { type Addon, type Reader, versionOf } from './addon.ts';
import { buildKinds, GROUP, KEPT } from './certManager/kinds.ts';
import { buildRights, CAINJECTOR, CONTROLLER, WEBHOOK } from './certManager/rights.ts';
import { type Parts, partsOf } from './parts.ts';

const NAMESPACE = 'cert-manager';

export const certManager: Addon = {
  name: 'certManager',
  objects: (cluster) => {
    const parts = partsOf(cluster, 'cert-manager', NAMESPACE);
    const namespace = parts.clusterMeta(NAMESPACE);
    return [
      ...buildKinds(parts),
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { ...namespace, labels: { ...namespace.labels, 'pod-security.kubernetes.io/enforce': 'restricted' } },
      },
      ...buildRights(parts),
      ...buildServices(parts),
      buildDeployment(cluster, parts, CONTROLLER, controllerOf(cluster)),
      buildDeployment(cluster, parts, CAINJECTOR, cainjectorOf(cluster)),
      buildDeployment(cluster, parts, WEBHOOK, webhookOf(cluster)),
      ...buildWebhooks(parts),
    ];
  },
  keptFor: async (kube: Reader) => {
    for (const kind of KEPT) {
      const { items } = await kube.list({ apiVersion: `${GROUP}/v1`, kind });
      if (items.length > 0) return `${items.length} of the kind ${kind} to be deleted: they would be lost with cert-manager`;
    }
    return null;
  },
};

const selectorOf = (name: string) => ({ 'app.kubernetes.io/name': name, 'app.kubernetes.io/instance': 'cert-manager' });

const buildServices = (parts: Parts): KubernetesObject[] => [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: parts.meta(CONTROLLER),
    spec: { selector: selectorOf(CONTROLLER), ports: [{ name: 'metrics', port: 9402, protocol: 'TCP', targetPort: 'http-metrics' }] },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: parts.meta(WEBHOOK),
    spec: {
      selector: selectorOf(WEBHOOK),
      ports: [
        { name: 'https', port: 443, protocol: 'TCP', targetPort: 'https' },
        { name: 'metrics', port: 9402, protocol: 'TCP', targetPort: 'http-metrics' },
      ],
    },
  },
];

const buildDeployment = (cluster: ReachableCluster, parts: Parts, name: string, container: object): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: parts.meta(name),
  spec: {
    replicas: cluster.addons.certManager.replicas,
    selector: { matchLabels: selectorOf(name) },
    template: {
      metadata: { labels: parts.labels(selectorOf(name)) },
      spec: {
        serviceAccountName: name,
        enableServiceLinks: false,
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [container],
      },
    },
  },
});

const imageOf = (cluster: ReachableCluster, program: string): string =>
  imageFrom(cluster, `quay.io/jetstack/cert-manager-${program}:${versionOf(cluster, 'certManager')}`);

const COMMON = {
  imagePullPolicy: 'IfNotPresent',
  env: [{ name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }],
  securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
};
const METRICS = { name: 'http-metrics', containerPort: 9402, protocol: 'TCP' };
const LEADER = '--leader-election-namespace=$(POD_NAMESPACE)';

const controllerOf = (cluster: ReachableCluster): object => ({
  ...COMMON,
  name: 'cert-manager-controller',
  image: imageOf(cluster, 'controller'),
  args: [
    '--v=2',
    '--cluster-resource-namespace=$(POD_NAMESPACE)',
    LEADER,
    `--acme-http01-solver-image=${imageOf(cluster, 'acmesolver')}`,
    '--max-concurrent-challenges=60',
    ...(cluster.addons.certManager.ownerReferences ? ['--enable-certificate-owner-ref=true'] : []),
  ],
  ports: [METRICS, { name: 'http-healthz', containerPort: 9403, protocol: 'TCP' }],
  // It tells of a clock that jumped or a lease that was lost.
  livenessProbe: {
    httpGet: { path: '/livez', port: 'http-healthz', scheme: 'HTTP' },
    initialDelaySeconds: 10,
    periodSeconds: 10,
    timeoutSeconds: 15,
    failureThreshold: 8,
  },
  resources: { requests: { cpu: '10m', memory: '64Mi' } },
});

const cainjectorOf = (cluster: ReachableCluster): object => ({
  ...COMMON,
  name: CAINJECTOR,
  image: imageOf(cluster, 'cainjector'),
  args: ['--v=2', LEADER],
  ports: [METRICS],
  resources: { requests: { cpu: '10m', memory: '64Mi' } },
});

const webhookOf = (cluster: ReachableCluster): object => ({
  ...COMMON,
  name: WEBHOOK,
  image: imageOf(cluster, 'webhook'),
  args: [
    '--v=2',
    '--secure-port=10250',
    '--dynamic-serving-ca-secret-namespace=$(POD_NAMESPACE)',
    `--dynamic-serving-ca-secret-name=${WEBHOOK}-ca`,
    ...[WEBHOOK, `${WEBHOOK}.$(POD_NAMESPACE)`, `${WEBHOOK}.$(POD_NAMESPACE).svc`].map((name) => `--dynamic-serving-dns-names=${name}`),
  ],
  ports: [{ name: 'https', containerPort: 10250, protocol: 'TCP' }, { name: 'healthcheck', containerPort: 6080, protocol: 'TCP' }, METRICS],
  livenessProbe: { httpGet: { path: '/livez', port: 'healthcheck', scheme: 'HTTP' }, initialDelaySeconds: 60, periodSeconds: 10 },
  readinessProbe: { httpGet: { path: '/healthz', port: 'healthcheck', scheme: 'HTTP' }, initialDelaySeconds: 5, periodSeconds: 5 },
  resources: { requests: { cpu: '10m', memory: '32Mi' } },
});

/** cert-manager-cainjector puts the authority's certificate into `caBundle`, which is why nothing is said of it here. */
const buildWebhooks = (parts: Parts): KubernetesObject[] => {
  const metadata = {
    ...parts.clusterMeta(WEBHOOK),
    annotations: { 'cert-manager.io/inject-ca-from-secret': `${NAMESPACE}/${WEBHOOK}-ca` },
  };
  const webhook = (path: string, rules: object[], namespaceSelector: object) => ({
    name: 'webhook.cert-manager.io',
    clientConfig: { service: { namespace: NAMESPACE, name: WEBHOOK, path } },
    rules,
    ...namespaceSelector,
    admissionReviewVersions: ['v1'],
    matchPolicy: 'Equivalent',
    timeoutSeconds: 30,
    failurePolicy: 'Fail',
    sideEffects: 'None',
  });
  const both = { apiGroups: [GROUP, `acme.${GROUP}`], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['*/*'] };
  const requests = { apiGroups: [GROUP], apiVersions: ['v1'], operations: ['CREATE'], resources: ['certificaterequests'] };
  const unless = {
    namespaceSelector: { matchExpressions: [{ key: 'cert-manager.io/disable-validation', operator: 'NotIn', values: ['true'] }] },
  };
  const kindOf = (kind: string, webhooks: object[]) => ({ apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata, webhooks });
  return [
    kindOf('MutatingWebhookConfiguration', [webhook('/mutate', [requests], {})]),
    kindOf('ValidatingWebhookConfiguration', [webhook('/validate', [both], unless)]),
  ];
};
