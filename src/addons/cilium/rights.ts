/** What Cilium's programs may do. Of Kubernetes' own kinds nothing that its load balancers, gateways and meshes would need: they are off. */
import type { KubernetesObject } from '../../controlPlane/object.ts';
import { type Rule, rule } from '../../controlPlane/rbac.ts';
import type { Parts } from '../parts.ts';

export const AGENT = 'cilium';
export const OPERATOR = 'cilium-operator';
export const CONFIG = 'cilium-config';

const GROUP = 'cilium.io';
const DEFINITIONS = 'apiextensions.k8s.io';
const READ = 'get list watch';
const OWN = `${READ} create update delete patch`;

/** The operator makes and renews all of them, whatever is on. */
const KINDS = [
  'ciliumbgpadvertisements',
  'ciliumbgpclusterconfigs',
  'ciliumbgpnodeconfigoverrides',
  'ciliumbgpnodeconfigs',
  'ciliumbgppeerconfigs',
  'ciliumcidrgroups',
  'ciliumclusterwideenvoyconfigs',
  'ciliumclusterwidenetworkpolicies',
  'ciliumdatapathplugins',
  'ciliumegressgatewaypolicies',
  'ciliumendpoints',
  'ciliumendpointslices',
  'ciliumenvoyconfigs',
  'ciliumgatewayclassconfigs',
  'ciliumidentities',
  'ciliuml2announcementpolicies',
  'ciliumloadbalancerippools',
  'ciliumlocalredirectpolicies',
  'ciliumnetworkpolicies',
  'ciliumnodeconfigs',
  'ciliumnodes',
  'ciliumpodippools',
];

const AGENT_RULES: Rule[] = [
  rule('', 'namespaces services pods nodes', READ),
  rule('discovery.k8s.io', 'endpointslices', READ),
  rule('networking.k8s.io', 'networkpolicies', READ),
  // It waits until the operator has made its kinds.
  rule(DEFINITIONS, 'customresourcedefinitions', READ),
  rule(GROUP, KINDS.join(' '), 'list watch'),
  rule(GROUP, 'ciliumidentities ciliumendpoints ciliumnodes', 'create'),
  rule(GROUP, 'ciliumidentities', 'update'),
  rule(GROUP, 'ciliumendpoints', 'get delete'),
  rule(GROUP, 'ciliumendpoints ciliumendpoints/status', 'patch'),
  rule(GROUP, 'ciliumnodes ciliumnodes/status', 'get update'),
];

const OPERATOR_RULES: Rule[] = [
  rule('', 'pods nodes namespaces serviceaccounts services', READ),
  // A node is told of as without a network until its agent is up.
  rule('', 'nodes/status', 'patch'),
  rule('discovery.k8s.io', 'endpointslices', READ),
  rule(DEFINITIONS, 'customresourcedefinitions', `${READ} create`),
  rule(
    DEFINITIONS,
    'customresourcedefinitions customresourcedefinitions/status',
    'update',
    KINDS.map((plural) => `${plural}.${GROUP}`).join(' '),
  ),
  rule(GROUP, 'ciliumnetworkpolicies ciliumclusterwidenetworkpolicies', `${READ} create update patch deletecollection`),
  rule(GROUP, 'ciliumnetworkpolicies/status ciliumclusterwidenetworkpolicies/status', 'update patch'),
  // What pods and nodes that are gone leave behind.
  rule(GROUP, 'ciliumendpoints ciliumidentities', `${READ} update delete`),
  rule(GROUP, 'ciliumnodes', `${READ} create update delete`),
  rule(GROUP, 'ciliumnodes/status', 'update'),
  rule(GROUP, 'ciliumendpointslices', 'deletecollection'),
  // Its own kinds of what is off, too: upstream's operator is never without them.
  rule(
    GROUP,
    `ciliumendpointslices ciliumcidrgroups ciliumenvoyconfigs ${KINDS.filter((kind) => kind.startsWith('ciliumbgp')).join(' ')}`,
    OWN,
  ),
  rule(GROUP, 'ciliumpodippools ciliumloadbalancerippools ciliumdatapathplugins', READ),
];

export const buildRights = (parts: Parts, namespace: string): KubernetesObject[] => [
  parts.serviceAccount(AGENT),
  parts.clusterRole(AGENT, AGENT_RULES),
  parts.bindCluster(AGENT, AGENT, AGENT),
  // Settings of single nodes may lie in ConfigMaps beside its own.
  parts.role(namespace, 'cilium-config-agent', [rule('', 'configmaps', READ)]),
  parts.bindIn(namespace, 'cilium-config-agent', 'cilium-config-agent', AGENT),
  parts.serviceAccount(OPERATOR),
  parts.clusterRole(OPERATOR, OPERATOR_RULES),
  parts.bindCluster(OPERATOR, OPERATOR, OPERATOR),
  parts.role(namespace, OPERATOR, [
    rule('coordination.k8s.io', 'leases', 'get create update'),
    rule('', 'configmaps', 'patch', CONFIG),
    // With ztunnel off it looks, at each start, for one that is to be taken away.
    rule('apps', 'daemonsets', `${READ} delete`),
  ]),
  parts.bindIn(namespace, OPERATOR, OPERATOR, OPERATOR),
];
