/** Traefik as ingress controller: requests from outside go by Ingresses of its class to Services of the cluster. */
import type { ReachableCluster } from '../controlPlane/hostedCluster.ts';
import { imageFrom } from '../controlPlane/images.ts';
import type { KubernetesObject } from '../controlPlane/object.ts';
import { rule } from '../controlPlane/rbac.ts';
import { type Addon, type Reader, versionOf } from './addon.ts';
import { type Parts, partsOf } from './parts.ts';

const COMPONENT = 'ingress-controller';
/** Not "traefik": whoever installed it by hand has a namespace of that name. */
const NAMESPACE = COMPONENT;
const NAME = 'traefik';
const ROLE = `${COMPONENT}:${NAME}`;
const CLASS = NAME;
const SELECTOR = { 'app.kubernetes.io/name': NAME, 'app.kubernetes.io/instance': COMPONENT };
/** What it listens on inside its pods, where it is nobody in particular and may not have ports below 1024. */
const PORTS = { web: 8000, websecure: 8443, traefik: 8080 };
/** So long a pod that is to end goes on taking requests, for nodes hear late that it is not ready any more; then it ends those that it has. */
const TAKES_ON_SECONDS = 10;
const ENDS_WITHIN_SECONDS = 60;

export const ingressController: Addon = {
  name: 'ingressController',
  objects: (cluster) => {
    const parts = partsOf(cluster, COMPONENT, NAMESPACE);
    const namespace = parts.clusterMeta(NAMESPACE);
    return [
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { ...namespace, labels: { ...namespace.labels, 'pod-security.kubernetes.io/enforce': 'restricted' } },
      },
      parts.serviceAccount(NAME),
      parts.clusterRole(ROLE, [
        // Certificates of Ingresses lie in Secrets of any namespace.
        rule('', 'nodes secrets services', 'get list watch'),
        rule('discovery.k8s.io', 'endpointslices', 'list watch'),
        rule('networking.k8s.io', 'ingressclasses ingresses', 'get list watch'),
        rule('networking.k8s.io', 'ingresses/status', 'update'),
      ]),
      parts.bindCluster(ROLE, ROLE, NAME),
      buildClass(cluster, parts),
      buildService(cluster, parts),
      buildDeployment(cluster, parts),
      {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: parts.meta(NAME),
        spec: { maxUnavailable: 1, selector: { matchLabels: SELECTOR } },
      },
    ];
  },
  keptFor: async (kube: Reader) => {
    const { items } = await kube.list({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' });
    const served = items.filter(isServed).length;
    return served === 0 ? null : `${served} Ingresses of the class ${CLASS} to be deleted or given another class: nobody would serve them`;
  },
};

const isServed = ({ metadata, spec }: KubernetesObject): boolean => {
  const { ingressClassName } = (spec ?? {}) as { ingressClassName?: string };
  return (ingressClassName ?? metadata.annotations?.['kubernetes.io/ingress.class']) === CLASS;
};

const buildClass = (cluster: ReachableCluster, parts: Parts): KubernetesObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IngressClass',
  metadata: {
    ...parts.clusterMeta(CLASS),
    annotations: { 'ingressclass.kubernetes.io/is-default-class': String(cluster.addons.ingressController.defaultClass) },
  },
  spec: { controller: 'traefik.io/ingress-controller' },
});

const buildService = (cluster: ReachableCluster, parts: Parts): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: parts.meta(NAME),
  spec: {
    type: cluster.addons.ingressController.serviceType === 'LOAD_BALANCER' ? 'LoadBalancer' : 'NodePort',
    selector: SELECTOR,
    ports: [
      { name: 'http', port: 80, protocol: 'TCP', targetPort: 'web' },
      { name: 'https', port: 443, protocol: 'TCP', targetPort: 'websecure' },
    ],
  },
});

const buildDeployment = (cluster: ReachableCluster, parts: Parts): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: parts.meta(NAME),
  spec: {
    replicas: cluster.addons.ingressController.replicas,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    selector: { matchLabels: SELECTOR },
    template: {
      metadata: { labels: parts.labels(SELECTOR) },
      spec: {
        serviceAccountName: NAME,
        enableServiceLinks: false,
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [apartByHost] } },
        terminationGracePeriodSeconds: ENDS_WITHIN_SECONDS,
        // Its image names no user.
        securityContext: { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [containerOf(cluster)],
        volumes: [{ name: 'tmp', emptyDir: {} }],
      },
    },
  },
});

const apartByHost = { weight: 100, podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: SELECTOR } } };

const containerOf = (cluster: ReachableCluster): object => ({
  name: NAME,
  image: imageFrom(cluster, `docker.io/library/traefik:${versionOf(cluster, 'ingressController')}`),
  imagePullPolicy: 'IfNotPresent',
  args: [
    '--global.checknewversion=false',
    '--global.sendanonymoususage=false',
    '--log.level=INFO',
    '--ping=true',
    ...Object.entries(PORTS).map(([name, port]) => `--entrypoints.${name}.address=:${port}/tcp`),
    ...['web', 'websecure'].flatMap((name) => [
      `--entrypoints.${name}.transport.lifecycle.requestacceptgracetimeout=${TAKES_ON_SECONDS}s`,
      `--entrypoints.${name}.transport.lifecycle.gracetimeout=${ENDS_WITHIN_SECONDS - TAKES_ON_SECONDS - 5}s`,
    ]),
    '--entrypoints.websecure.http.tls=true',
    '--providers.kubernetesingress=true',
    // Without it, Ingresses that name no class would be its own even where it is not the default.
    `--providers.kubernetesingress.ingressclass=${CLASS}`,
    `--providers.kubernetesingress.ingressendpoint.publishedservice=${NAMESPACE}/${NAME}`,
    // A Service that has no pods right now is there, and answers 503.
    '--providers.kubernetesingress.allowemptyservices=true',
    // Kubernetes' meaning of the path type Prefix: /a does not stand for /ab.
    '--providers.kubernetesingress.strictprefixmatching=true',
  ],
  ports: Object.entries(PORTS).map(([name, containerPort]) => ({ name, containerPort, protocol: 'TCP' })),
  readinessProbe: { httpGet: { path: '/ping', port: 'traefik', scheme: 'HTTP' }, periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 1 },
  livenessProbe: {
    httpGet: { path: '/ping', port: 'traefik', scheme: 'HTTP' },
    initialDelaySeconds: 10,
    periodSeconds: 10,
    timeoutSeconds: 5,
  },
  resources: { requests: { cpu: '100m', memory: '64Mi' } },
  securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
  volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
});
