/** What Calico's programs may do, without what changes of its data store and upgrades from its older versions would need. */
import type { KubernetesObject } from '../../controlPlane/object.ts';
import { type Rule, rule } from '../../controlPlane/rbac.ts';
import type { Parts } from '../parts.ts';
import { GROUP } from './kinds.ts';

export const NODE = 'calico-node';
export const CONTROLLERS = 'calico-kube-controllers';
/** What the program that kubelets call for each pod logs in as; the node's program issues its tokens and asks for this name. */
const PLUGIN = 'calico-cni-plugin';

const KUBEVIRT = 'kubevirt.io';
const READ = 'get list watch';
const OWN = 'get list create update delete';
const ADDRESSES = 'blockaffinities ipamblocks ipamhandles';
const POLICIES = 'networkpolicies stagednetworkpolicies globalnetworkpolicies stagedglobalnetworkpolicies';

const NODE_RULES: Rule[] = [
  rule('', 'serviceaccounts/token', 'create', PLUGIN),
  rule('', 'nodes pods namespaces serviceaccounts services endpoints', READ),
  rule('', 'configmaps', 'get'),
  // Its address and its tunnel's are kept at the node, and so is whether its network works.
  rule('', 'nodes/status', 'patch update'),
  rule('', 'pods/status', 'patch'),
  rule('discovery.k8s.io', 'endpointslices', 'list watch'),
  rule('networking.k8s.io', 'networkpolicies', 'list watch'),
  rule('policy.networking.k8s.io', 'clusternetworkpolicies', 'list watch'),
  rule(
    GROUP,
    `felixconfigurations bgpconfigurations bgppeers bgpfilters ippools ipreservations ipamblocks blockaffinities ${POLICIES} stagedkubernetesnetworkpolicies globalnetworksets networksets clusterinformations hostendpoints caliconodestatuses tiers`,
    READ,
  ),
  // Asked for in every cluster: "not found" is an answer that the node's program goes on with, "forbidden" is none.
  rule(KUBEVIRT, 'virtualmachineinstancemigrations', READ),
  rule(GROUP, 'tiers', 'create'),
  rule(GROUP, 'ippools felixconfigurations bgpconfigurations clusterinformations', 'create update'),
  rule(GROUP, 'caliconodestatuses', 'update'),
  rule(GROUP, ADDRESSES, OWN),
  rule(GROUP, 'ipamconfigs', 'get create'),
];

const PLUGIN_RULES: Rule[] = [
  rule('', 'pods nodes namespaces', 'get'),
  rule('', 'pods/status', 'patch'),
  rule(GROUP, `${ADDRESSES} clusterinformations ippools ipreservations ipamconfigs`, OWN),
  // Of a virtual machine, the address stays when its pod does not.
  rule(KUBEVIRT, 'virtualmachines virtualmachineinstances', 'get'),
];

const CONTROLLER_RULES: Rule[] = [
  rule('', 'nodes pods namespaces', READ),
  rule('', 'services services/status', `${READ} update`),
  rule(GROUP, 'ippools', 'list watch'),
  rule(GROUP, 'ipreservations', 'list'),
  rule(GROUP, `${ADDRESSES} ipamconfigs tiers hostendpoints ${POLICIES}`, `${OWN} watch`),
  rule(GROUP, 'clusterinformations kubecontrollersconfigurations', `${READ} create update`),
  rule(GROUP, 'kubecontrollersconfigurations/status', 'get update'),
  // Both may come later, and are waited for in every cluster: virtual machines, and the kind that orders a change of the data store.
  rule(KUBEVIRT, 'virtualmachines virtualmachineinstances', READ),
  rule('apiextensions.k8s.io', 'customresourcedefinitions', READ),
];

export const buildRights = (parts: Parts): KubernetesObject[] =>
  Object.entries({ [NODE]: NODE_RULES, [PLUGIN]: PLUGIN_RULES, [CONTROLLERS]: CONTROLLER_RULES }).flatMap(([name, rules]) => [
    parts.serviceAccount(name),
    parts.clusterRole(name, rules),
    parts.bindCluster(name, name, name),
  ]);
