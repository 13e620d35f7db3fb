/** What the three programs of cert-manager may do, and what its kinds add to the roles that people have. */
import type { KubernetesObject } from '../../controlPlane/object.ts';
import { type Rule, rule } from '../../controlPlane/rbac.ts';
import type { Parts } from '../parts.ts';

export const CONTROLLER = 'cert-manager';
export const CAINJECTOR = 'cert-manager-cainjector';
export const WEBHOOK = 'cert-manager-webhook';
/** Its own namespace: the chart's default is kube-system, where it would need more rights than it has use for. */
const NAMESPACE = 'cert-manager';

const [OWN, ACME] = ['cert-manager.io', 'acme.cert-manager.io'];
const READ = 'get list watch';
const EVENTS = rule('', 'events', 'create patch');

const issuerRules = (plural: string): Rule[] => [
  rule(OWN, `${plural} ${plural}/status`, 'update patch'),
  rule(OWN, plural, READ),
  rule('', 'secrets', `${READ} create update delete`),
  EVENTS,
];

/** One role for each of its loops, as upstream cuts them. */
const CONTROLLER_ROLES: Record<string, Rule[]> = {
  issuers: issuerRules('issuers'),
  clusterissuers: issuerRules('clusterissuers'),
  certificates: [
    rule(OWN, 'certificates certificates/status certificaterequests certificaterequests/status', 'update patch'),
    rule(OWN, 'certificates certificaterequests clusterissuers issuers', READ),
    rule(OWN, 'certificates/finalizers certificaterequests/finalizers', 'update'),
    rule(ACME, 'orders', `${READ} create delete`),
    rule('', 'secrets', `${READ} create update delete patch`),
    EVENTS,
  ],
  orders: [
    rule(ACME, 'orders orders/status', 'update patch'),
    rule(ACME, 'orders challenges', READ),
    rule(OWN, 'clusterissuers issuers', READ),
    rule(ACME, 'challenges', 'create delete'),
    rule(ACME, 'orders/finalizers', 'update'),
    rule(OWN, 'clusterissuers/finalizers issuers/finalizers', 'update'),
    rule('', 'secrets', READ),
    EVENTS,
  ],
  challenges: [
    rule(ACME, 'challenges challenges/status', 'update patch'),
    rule(ACME, 'challenges', READ),
    rule(OWN, 'issuers clusterissuers', READ),
    rule('', 'secrets', READ),
    EVENTS,
    rule('', 'pods services', `${READ} create delete`),
    rule('networking.k8s.io', 'ingresses', `${READ} create delete update`),
    rule('gateway.networking.k8s.io', 'httproutes', `${READ} create delete update`),
    rule(ACME, 'challenges/finalizers', 'update'),
  ],
  'ingress-shim': [
    rule(OWN, 'certificates certificaterequests', 'create update delete'),
    rule(OWN, 'certificates certificaterequests issuers clusterissuers', READ),
    rule('networking.k8s.io', 'ingresses', READ),
    rule('networking.k8s.io', 'ingresses/finalizers', 'update'),
    rule('gateway.networking.k8s.io', 'gateways httproutes', READ),
    rule('gateway.networking.k8s.io', 'gateways/finalizers httproutes/finalizers', 'update'),
    EVENTS,
  ],
  'approve:cert-manager-io': [rule(OWN, 'signers', 'approve', 'issuers.cert-manager.io/* clusterissuers.cert-manager.io/*')],
  certificatesigningrequests: [
    rule('certificates.k8s.io', 'certificatesigningrequests', `${READ} update`),
    rule('certificates.k8s.io', 'certificatesigningrequests/status', 'update patch'),
    rule('certificates.k8s.io', 'signers', 'sign', 'issuers.cert-manager.io/* clusterissuers.cert-manager.io/*'),
    rule('authorization.k8s.io', 'subjectaccessreviews', 'create'),
  ],
};

const CAINJECTOR_RULES = [
  rule(OWN, 'certificates', READ),
  rule('', 'secrets', READ),
  rule('', 'events', 'get create update patch'),
  rule('admissionregistration.k8s.io', 'validatingwebhookconfigurations mutatingwebhookconfigurations', `${READ} update patch`),
  rule('apiregistration.k8s.io', 'apiservices', `${READ} update patch`),
  rule('apiextensions.k8s.io', 'customresourcedefinitions', `${READ} update patch`),
];

const aggregateTo = (...roles: string[]) =>
  Object.fromEntries(roles.map((role) => [`rbac.authorization.k8s.io/aggregate-to-${role}`, 'true']));

export const buildRights = (parts: Parts): KubernetesObject[] => [
  ...[CONTROLLER, CAINJECTOR, WEBHOOK].map(parts.serviceAccount),
  ...Object.entries(CONTROLLER_ROLES).flatMap(([loop, rules]) => clusterWide(parts, `cert-manager-controller-${loop}`, rules, CONTROLLER)),
  ...clusterWide(parts, CAINJECTOR, CAINJECTOR_RULES, CAINJECTOR),
  ...clusterWide(parts, `${WEBHOOK}:subjectaccessreviews`, [rule('authorization.k8s.io', 'subjectaccessreviews', 'create')], WEBHOOK),
  ...inOwn(parts, `${CONTROLLER}:leaderelection`, leases('cert-manager-controller'), CONTROLLER),
  ...inOwn(
    parts,
    `${CAINJECTOR}:leaderelection`,
    leases('cert-manager-cainjector-leader-election cert-manager-cainjector-leader-election-core'),
    CAINJECTOR,
  ),
  ...inOwn(
    parts,
    `${WEBHOOK}:dynamic-serving`,
    [rule('', 'secrets', `${READ} update`, `${WEBHOOK}-ca`), rule('', 'secrets', 'create')],
    WEBHOOK,
  ),
  ...buildPeoplesRights(parts),
];

const clusterWide = (parts: Parts, name: string, rules: Rule[], account: string): KubernetesObject[] => [
  parts.clusterRole(name, rules),
  parts.bindCluster(name, name, account),
];

const inOwn = (parts: Parts, name: string, rules: Rule[], account: string): KubernetesObject[] => [
  parts.role(NAMESPACE, name, rules),
  parts.bindIn(NAMESPACE, name, name, account),
];

const leases = (names: string): Rule[] => [
  rule('coordination.k8s.io', 'leases', 'get update patch', names),
  rule('coordination.k8s.io', 'leases', 'create'),
];

/** Whoever may make or change Orders and Challenges by hand could read the secrets of a ClusterIssuer: upstream's advisory GHSA-8rvj-mm4h-c258. */
const buildPeoplesRights = (parts: Parts): KubernetesObject[] => [
  parts.clusterRole('cert-manager-cluster-view', [rule(OWN, 'clusterissuers', READ)], aggregateTo('cluster-reader')),
  parts.clusterRole(
    'cert-manager-view',
    [rule(OWN, 'certificates certificaterequests issuers', READ), rule(ACME, 'challenges orders', READ)],
    aggregateTo('view', 'edit', 'admin', 'cluster-reader'),
  ),
  parts.clusterRole(
    'cert-manager-edit',
    [
      rule(OWN, 'certificates certificaterequests issuers', 'create delete deletecollection patch update'),
      rule(OWN, 'certificates/status', 'update'),
      rule(ACME, 'challenges', 'delete deletecollection patch update'),
      rule(ACME, 'orders', 'delete deletecollection'),
    ],
    aggregateTo('edit', 'admin'),
  ),
];
