/**
 * Logins with Keystone tokens: the API server asks a webhook in the seed whose a token is. Upstream's k8s-keystone-auth asks Keystone, and a
 * guard before it lets through what belongs to the cluster's project (keystoneGuard.ts). Rights come from RBAC in the cluster, by roles.
 */
import { stringify } from 'yaml';
import { cloudProviderVersion } from '../domain/addons.ts';
import type { ClusterPki } from '../pki/bundle.ts';
import { ROLES } from './access.ts';
import { buildDisruptionBudget } from './availability.ts';
import { type HostedCluster, namesOf, type ReachableCluster } from './hostedCluster.ts';
import { imageFrom } from './images.ts';
import { GUARD_FILES, GUARD_IMAGE, KEYSTONE_AUTH_PORT } from './keystoneGuard.ts';
import { buildKeystonePolicy } from './networkPolicies.ts';
import { type KubernetesObject, seedMeta, tenantMeta } from './object.ts';
import { containerSecurity } from './podSecurity.ts';
import { bind, groupSubject } from './rbac.ts';
import { buildFilesSecret } from './secrets.ts';
import { buildDeployment, type Mount, probesOf, type Sidecar, selectorOf, volumeMountsOf } from './workload.ts';

const COMPONENT = 'keystone-auth';
const FILES = '/etc/keystone-auth/files';
const GUARD = '/etc/keystone-auth/guard';
/** Of k8s-keystone-auth, for the guard beside it alone. */
const INNER_PORT = 9443;

export interface KeystoneAccess {
  /** Keystone's v3 root: with the version in it, k8s-keystone-auth need not ask for one at its start. */
  url: string;
  port: number;
  /** PEM of its own authority; null: what every system trusts. */
  caPem: string | null;
}

/** Secret, ConfigMap, Service, NetworkPolicy, Deployment and disruption budget in the seed. */
export const buildKeystoneAuth = (cluster: ReachableCluster, pki: ClusterPki, keystone: KeystoneAccess): KubernetesObject[] => {
  const name = namesOf(cluster).keystoneAuth;
  const files = buildFilesSecret(cluster, name, COMPONENT, {
    'server.crt': `${pki.leaves.keystoneAuth.cert}${pki.trust.chain}`,
    'server.key': pki.leaves.keystoneAuth.key,
    'ca.crt': pki.trust.ca,
    ...(keystone.caPem !== null && { 'keystone-ca.crt': keystone.caPem }),
  });
  const guard: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: seedMeta(cluster, `${name}-guard`, COMPONENT),
    data: GUARD_FILES,
  };
  const filesMount = { volume: 'files', path: FILES, source: files };
  const deployment = buildDeployment(cluster, {
    component: COMPONENT,
    name,
    image: imageFrom(cluster, GUARD_IMAGE),
    replicas: cluster.managerReplicas,
    command: ['node', `${GUARD}/guard.mjs`, FILES, String(KEYSTONE_AUTH_PORT), String(INNER_PORT), cluster.projectId],
    port: KEYSTONE_AUTH_PORT,
    probes: { live: '/livez', ready: '/readyz' },
    mounts: [filesMount, { volume: 'guard', path: GUARD, source: guard }],
    resources: { cpuMillicores: 5, memoryMiB: 48 },
    graceSeconds: null,
    sidecar: buildInner(cluster, keystone, [filesMount]),
  });
  return [
    files,
    guard,
    buildService(cluster),
    buildKeystonePolicy(cluster, COMPONENT, KEYSTONE_AUTH_PORT, keystone.port),
    deployment,
    ...buildDisruptionBudget(cluster, COMPONENT, name, cluster.managerReplicas),
  ];
};

const buildService = (cluster: ReachableCluster): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: seedMeta(cluster, namesOf(cluster).keystoneAuth, COMPONENT),
  spec: {
    type: 'ClusterIP',
    selector: selectorOf(cluster, COMPONENT),
    ports: [{ name: 'https', port: KEYSTONE_AUTH_PORT, targetPort: KEYSTONE_AUTH_PORT, protocol: 'TCP' }],
  },
});

const buildInner = (cluster: ReachableCluster, { url, caPem }: KeystoneAccess, mounts: Mount[]): Sidecar => ({
  container: {
    name: 'k8s-keystone-auth',
    image: imageFrom(cluster, `registry.k8s.io/provider-os/k8s-keystone-auth:${cloudProviderVersion(cluster.release)}`),
    imagePullPolicy: 'IfNotPresent',
    command: [
      '/bin/k8s-keystone-auth',
      `--listen=127.0.0.1:${INNER_PORT}`,
      `--tls-cert-file=${FILES}/server.crt`,
      `--tls-private-key-file=${FILES}/server.key`,
      `--keystone-url=${url}`,
      ...(caPem === null ? [] : [`--keystone-ca-file=${FILES}/keystone-ca.crt`]),
    ],
    // It has no health of its own to ask for; the guard asks whether it answers.
    ...livenessOf(probesOf('HTTPS', KEYSTONE_AUTH_PORT, { start: '/readyz', live: '/readyz', ready: '/readyz' })),
    resources: { requests: { cpu: '5m', memory: '32Mi' } },
    securityContext: containerSecurity,
    volumeMounts: volumeMountsOf(mounts),
  },
  mounts: [],
  volumes: [],
  volumeMounts: [],
});

/** Readiness is the guard's to say. */
const livenessOf = ({ startupProbe, livenessProbe }: ReturnType<typeof probesOf>) => ({ startupProbe, livenessProbe });

/**
 * In the cluster: what roles in the project allow. One binding for each of Kubernetes' own roles, for a binding can be given other groups and
 * never another role. Roles that are not in the list are groups, too, and the customer's to bind.
 */
export const buildKeystoneRoles = (cluster: HostedCluster): KubernetesObject[] =>
  Object.entries(ROLES).flatMap(([access, clusterRole]) => {
    const groups = cluster.keystoneRoles.filter((mapped) => mapped.access === access).map(({ role }) => groupSubject(`keystone:${role}`));
    const metadata = tenantMeta(cluster, `seedbed:keystone:${clusterRole}`, COMPONENT, null);
    return groups.length === 0 ? [] : [bind(metadata, 'ClusterRole', clusterRole, groups)];
  });

/** What the API server reads and how: by v1beta1, for k8s-keystone-auth knows no other; a token that was revoked is good for a minute. */
export const buildTokenWebhook = (
  cluster: HostedCluster,
  { trust }: ClusterPki,
  folder: string,
): { files: Record<string, string>; flags: string[] } =>
  cluster.keystoneAuth
    ? {
        files: { [WEBHOOK]: stringify(webhookOf(cluster, trust.ca), { lineWidth: 0 }) },
        flags: [
          `--authentication-token-webhook-config-file=${folder}/${WEBHOOK}`,
          '--authentication-token-webhook-version=v1beta1',
          '--authentication-token-webhook-cache-ttl=1m0s',
        ],
      }
    : { files: {}, flags: [] };

const WEBHOOK = 'keystone-auth.yaml';

const webhookOf = (cluster: HostedCluster, caPem: string): object => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [
    {
      name: COMPONENT,
      cluster: {
        server: `https://${namesOf(cluster).keystoneAuth}.${cluster.namespace}.svc:${KEYSTONE_AUTH_PORT}/webhook`,
        'certificate-authority-data': Buffer.from(caPem).toString('base64'),
      },
    },
  ],
  contexts: [{ name: COMPONENT, context: { cluster: COMPONENT, user: '' } }],
  'current-context': COMPONENT,
});
