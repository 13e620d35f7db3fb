/** What may reach the workers: each other, the API servers' way to the kubelets, node ports from the nodes' own range. */
import { nodeCidrOf, nodeCidrV6Of } from '../../../domain/cluster.ts';
import { isDualStack } from '../../../domain/template.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { type RuleSpec, type SecurityGroup, sameRule } from '../../../openstack/securityGroup.ts';
import { descriptionOf, resourceName, tagOf } from '../../names.ts';
import { ensureResource, findUnlessGone, presentId, removeResource } from '../../resource.ts';
import { addedRules, addedTags, sayAdditions } from '../additions.ts';
import { untilDeadline } from '../deletionStage.ts';
import { type ClusterScope, wakeWaitingNodes } from '../scope.ts';
import { unlessForServers } from '../standingServers.ts';
import { placement } from './placement.ts';
import { quotas } from './quotas.ts';

export const securityGroup: Step<ClusterScope> = {
  name: 'SecurityGroupReady',
  title: 'Make the security group',
  usuallyMs: 10_000,
  needs: [quotas, placement],
  ensure: async (scope) => {
    const { row } = scope;
    const { network: api } = scope.cloud();
    const names = { name: resourceName(row), description: descriptionOf(row) };
    const seed = await scope.seedRow();
    const nodeCidr = nodeCidrOf(row);
    if (nodeCidr === null) return waiting('the range of the given subnet', 2_000);
    const nodeCidrV6 = nodeCidrV6Of(row);
    if (nodeCidrV6 === null && isDualStack(row.spec)) return waiting('the range of the given IPv6 subnet', 2_000);
    const chosen = scope.groups.flatMap((group) => group.resolved?.subnets ?? []).map(({ cidr }) => cidr);
    const nodeCidrs = [...new Set([nodeCidr, ...chosen])];
    const wanted = (id: string): RuleSpec[] => [
      ...rulesOf(id, nodeCidrs, seed.facts?.nodeAddresses ?? []),
      ...(nodeCidrV6 === null ? [] : rulesOfV6(id, nodeCidrV6)),
    ];
    const missing = ({ id, rules }: SecurityGroup): RuleSpec[] => wanted(id).filter((one) => !rules.some((rule) => sameRule(rule, one)));
    const addRules = async (group: SecurityGroup) => {
      for (const rule of missing(group)) await api.createSecurityGroupRule(group.id, rule);
    };
    const before = await presentId(scope.db, securityGroupKey(scope));
    // A group can choose its subnets when the rules have long been made.
    const groupId = await ensureResource(chosen.length > 0 ? { ...scope, look: 'full' } : scope, {
      key: securityGroupKey(scope),
      find: async () => (await api.listSecurityGroups(names))[0],
      create: () => api.createSecurityGroup(names),
      complete: async (id) => {
        await addRules(await api.getSecurityGroup(id));
        await api.addTag('security-groups', id, tagOf(row));
      },
      isThere: async (id) => {
        const seen = (await scope.networkSight()).securityGroups.get(id);
        if (seen?.tags.includes(tagOf(row)) && missing(seen).length === 0) return true;
        const group = await findUnlessGone(api.getSecurityGroup(id));
        if (group === undefined) return false;
        await addRules(group);
        if (!group.tags.includes(tagOf(row))) await api.addTag('security-groups', id, tagOf(row));
        return true;
      },
    });
    if (groupId !== before) await wakeWaitingNodes(scope);
    const added = await sayAdditions(scope, securityGroup.name, async () => {
      const seen = (await scope.networkSight()).securityGroups.get(groupId);
      return seen === undefined ? [] : [...addedRules(seen, wanted(groupId)), ...addedTags(scope, 'security group', seen)];
    });
    return done(added);
  },
  remove: (scope) => untilDeadline(scope, { stage: 'NETWORK', work: () => unlessForServers(scope, () => removeOwn(scope)) }),
};

const removeOwn = async (scope: ClusterScope): Promise<Outcome> => {
  const { row } = scope;
  await removeResource(scope, {
    key: securityGroupKey(scope),
    find: async () => (await scope.cloud().network.listSecurityGroups({ name: resourceName(row), description: descriptionOf(row) }))[0],
    remove: async (id) => {
      await scope.cloud().network.deleteSecurityGroup(id);
      return true;
    },
  });
  return done();
};

const securityGroupKey = (scope: Pick<ClusterScope, 'row' | 'key'>) => scope.key('NETWORK', 'security-group', resourceName(scope.row));

const ingress = { direction: 'ingress', etherType: 'IPv4', remoteCidr: null, remoteGroupId: null, portMin: null, portMax: null } as const;

/** The same for IPv6, but for the seed, which calls the kubelets by IPv4. Neutron itself lets in the router's announcements. */
const rulesOfV6 = (groupId: string, nodeCidr: string): RuleSpec[] => {
  const ingressV6 = { ...ingress, etherType: 'IPv6' } as const;
  const nodePorts = { ...ingressV6, portMin: 30_000, portMax: 32_767, remoteCidr: nodeCidr, description: NODE_PORTS };
  return [
    { ...ingressV6, protocol: null, remoteGroupId: groupId, description: 'Nodes among themselves' },
    { ...ingressV6, protocol: 'ipv6-icmp', description: 'Path MTU and ping' },
    { ...nodePorts, protocol: 'tcp' },
    { ...nodePorts, protocol: 'udp' },
  ];
};

const NODE_PORTS = 'Node ports, from load balancers in the subnet';

const rulesOf = (groupId: string, nodeCidrs: readonly string[], seedAddresses: readonly string[]): RuleSpec[] => [
  { ...ingress, protocol: null, remoteGroupId: groupId, description: 'Nodes among themselves' },
  { ...ingress, protocol: 'icmp', description: 'Path MTU and ping' },
  ...nodeCidrs.flatMap((remoteCidr) =>
    ['tcp', 'udp'].map((protocol) => ({
      ...ingress,
      protocol,
      portMin: 30_000,
      portMax: 32_767,
      remoteCidr,
      description: NODE_PORTS,
    })),
  ),
  // Logs and exec go from the API servers in the seed to the kubelets until a tunnel carries them.
  ...seedAddresses.map((address) => ({
    ...ingress,
    protocol: 'tcp',
    portMin: 10_250,
    portMax: 10_250,
    remoteCidr: `${address}/32`,
    description: 'Kubelets, from the API servers',
  })),
];
