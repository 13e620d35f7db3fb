/** The kinds in which Calico keeps pools, addresses, settings and policies. Their fields are open: its own programs judge them. */
import type { KubernetesObject } from '../../controlPlane/object.ts';
import type { Parts } from '../parts.ts';

export const GROUP = 'crd.projectcalico.org';

interface Definition {
  kind: string;
  plural: string;
  namespaced?: true;
  /** Its status is written apart from it. */
  statusApart?: true;
  /** What the API server fills in where `spec` says nothing, which the programs count on. */
  defaults?: Record<string, string>;
}

const TIER = { tier: 'default' };
const STAGED = { stagedAction: 'Set' };

const DEFINITIONS: readonly Definition[] = [
  { kind: 'BGPConfiguration', plural: 'bgpconfigurations', defaults: { logSeverityScreen: 'Info' } },
  { kind: 'BGPFilter', plural: 'bgpfilters' },
  { kind: 'BGPPeer', plural: 'bgppeers' },
  { kind: 'BlockAffinity', plural: 'blockaffinities' },
  { kind: 'CalicoNodeStatus', plural: 'caliconodestatuses' },
  { kind: 'ClusterInformation', plural: 'clusterinformations' },
  { kind: 'FelixConfiguration', plural: 'felixconfigurations' },
  { kind: 'GlobalNetworkPolicy', plural: 'globalnetworkpolicies', defaults: TIER },
  { kind: 'GlobalNetworkSet', plural: 'globalnetworksets' },
  { kind: 'HostEndpoint', plural: 'hostendpoints' },
  { kind: 'IPAMBlock', plural: 'ipamblocks' },
  { kind: 'IPAMConfig', plural: 'ipamconfigs' },
  { kind: 'IPAMHandle', plural: 'ipamhandles' },
  { kind: 'IPPool', plural: 'ippools', defaults: { assignmentMode: 'Automatic' } },
  { kind: 'IPReservation', plural: 'ipreservations' },
  { kind: 'KubeControllersConfiguration', plural: 'kubecontrollersconfigurations', statusApart: true },
  { kind: 'NetworkPolicy', plural: 'networkpolicies', namespaced: true, defaults: TIER },
  { kind: 'NetworkSet', plural: 'networksets', namespaced: true },
  { kind: 'StagedGlobalNetworkPolicy', plural: 'stagedglobalnetworkpolicies', defaults: { ...STAGED, ...TIER } },
  { kind: 'StagedKubernetesNetworkPolicy', plural: 'stagedkubernetesnetworkpolicies', namespaced: true, defaults: STAGED },
  { kind: 'StagedNetworkPolicy', plural: 'stagednetworkpolicies', namespaced: true, defaults: { ...STAGED, ...TIER } },
  { kind: 'Tier', plural: 'tiers', defaults: { defaultAction: 'Deny' } },
];

export const buildKinds = (parts: Parts): KubernetesObject[] => [
  ...DEFINITIONS.map(({ kind, plural, namespaced, statusApart = false, defaults = {} }) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: parts.clusterMeta(`${plural}.${GROUP}`),
    spec: {
      group: GROUP,
      names: namesOf(kind, plural),
      scope: namespaced ? 'Namespaced' : 'Cluster',
      versions: [versionOf('v1', statusApart, defaults)],
    },
  })),
  buildClusterNetworkPolicies(parts),
];

/** Of Kubernetes' own network people and not of Calico, whose node program watches it all the same. */
const buildClusterNetworkPolicies = (parts: Parts): KubernetesObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    ...parts.clusterMeta('clusternetworkpolicies.policy.networking.k8s.io'),
    // The API server takes no kind of a *.k8s.io group without it.
    annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/network-policy-api/pull/347' },
  },
  spec: {
    group: 'policy.networking.k8s.io',
    names: { ...namesOf('ClusterNetworkPolicy', 'clusternetworkpolicies'), shortNames: ['cnp'] },
    scope: 'Cluster',
    versions: [versionOf('v1alpha2', true, {})],
  },
});

const namesOf = (kind: string, plural: string): object => ({ kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() });

const versionOf = (name: string, statusApart: boolean, defaults: Record<string, string>): object => ({
  name,
  served: true,
  storage: true,
  ...(statusApart && { subresources: { status: {} } }),
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: { type: 'object' },
        spec: {
          ...OPEN,
          ...(Object.keys(defaults).length > 0 && {
            properties: Object.fromEntries(Object.entries(defaults).map(([field, value]) => [field, { type: 'string', default: value }])),
          }),
        },
        status: OPEN,
      },
    },
  },
});

const OPEN = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
