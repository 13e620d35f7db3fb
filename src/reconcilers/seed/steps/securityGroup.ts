/** What may reach a made seed's machines: each other, the API, and the ports at which clusters' APIs are shown. */
import { SEED_API_PORT } from '../../../domain/madeSeed.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { type RuleSpec, sameRule } from '../../../openstack/securityGroup.ts';
import { ensureResource } from '../../resource.ts';
import { keyOf, marksOf, removeOwn, tagOf } from '../made.ts';
import type { SeedScope } from '../scope.ts';
import { machineNames } from './machineNames.ts';

export const securityGroup: Step<SeedScope> = {
  name: 'SecurityGroupReady',
  title: 'Make the security group',
  usuallyMs: 10_000,
  needs: [machineNames],
  ensure: async (scope) => {
    const { row } = scope;
    const { network: api } = scope.cloud();
    await ensureResource(scope, {
      key: keyOf(scope, 'NETWORK', 'security-group'),
      find: async () => (await api.listSecurityGroups(marksOf(row)))[0],
      create: () => api.createSecurityGroup(marksOf(row)),
      complete: async (id) => {
        const { rules } = await api.getSecurityGroup(id);
        for (const rule of rulesOf(id)) if (!rules.some((one) => sameRule(one, rule))) await api.createSecurityGroupRule(id, rule);
        await api.addTag('security-groups', id, tagOf(row));
      },
    });
    return done();
  },
  remove: async (scope) => {
    const { network: api } = scope.cloud();
    await removeOwn(scope, {
      key: keyOf(scope, 'NETWORK', 'security-group'),
      list: () => api.listSecurityGroups(marksOf(scope.row)),
      remove: api.deleteSecurityGroup,
    });
    return done();
  },
};

const ingress = { direction: 'ingress', etherType: 'IPv4', remoteCidr: null, remoteGroupId: null, portMin: null, portMax: null } as const;

/** The API answers nobody without a client certificate, but for its health and what machines join by; clusters' APIs are their customers' to reach from anywhere. */
const rulesOf = (groupId: string): RuleSpec[] => [
  { ...ingress, protocol: null, remoteGroupId: groupId, description: 'Machines among themselves' },
  { ...ingress, protocol: 'icmp', description: 'Path MTU and ping' },
  { ...ingress, protocol: 'tcp', portMin: SEED_API_PORT, portMax: SEED_API_PORT, description: "The seed's API" },
  { ...ingress, protocol: 'tcp', portMin: 30_000, portMax: 32_767, description: "Clusters' APIs and tunnels" },
];
