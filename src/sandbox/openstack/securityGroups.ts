/** Security groups and their rules in the simulated Neutron. */
import { familyOf, parseCidr, rangeText } from './addresses.ts';
import { ApiError, type Call, created, noContent, ok, type Route } from './http.ts';
import { envelope, type Fields, optionalInteger, optionalString, requiredString } from './input.ts';
import { addRule, defaultGroup, type NetworkDeps, type RuleFields, requireQuota } from './networkDeps.ts';
import { commonRoutes, getVisible, getWritable, notFound, ownOrAdmin, projectFor, type Resource, requireWrite } from './networkResource.ts';
import type { SecurityGroup, SecurityGroupRule } from './networkState.ts';
import { assignFields, refuseTags } from './networks.ts';

const groupResource = (deps: NetworkDeps): Resource<SecurityGroup> => ({
  singular: 'security_group',
  plural: 'security_groups',
  path: 'security-groups',
  kind: 'SecurityGroup',
  rows: deps.state.securityGroups,
  visible: ownOrAdmin,
  describe: (row) => ({ ...row, security_group_rules: deps.state.securityGroupRules.by('security_group_id', row.id) }),
  beforeList: (actor) => {
    if (actor.projectId !== '') defaultGroup(deps, actor.projectId);
  },
});

const ruleResource = (deps: NetworkDeps): Resource<SecurityGroupRule> => ({
  singular: 'security_group_rule',
  plural: 'security_group_rules',
  path: 'security-group-rules',
  kind: 'SecurityGroupRule',
  rows: deps.state.securityGroupRules,
  visible: ownOrAdmin,
  describe: (row) => row,
});

const createGroup = (deps: NetworkDeps, call: Call): SecurityGroup => {
  requireWrite(call.actor, 'create_security_group');
  const fields = envelope(call.body, 'security_group');
  refuseTags(fields);
  const projectId = projectFor(call.actor, fields, 'create_security_group');
  const name = requiredString(fields, 'name');
  defaultGroup(deps, projectId);
  if (name === 'default') throw new ApiError(409, 'Default security group already exists.', 'SecurityGroupDefaultAlreadyExists');
  requireQuota(deps, projectId, 'security_group', deps.state.securityGroups.countBy('project_id', projectId));
  const group = deps.state.securityGroups.put({
    ...deps.state.common(projectId, name, optionalString(fields, 'description') ?? ''),
    stateful: true,
    shared: false,
  });
  for (const ethertype of ['IPv4', 'IPv6']) addRule(deps, group, { direction: 'egress', ethertype });
  return group;
};

const WITH_PORTS = new Set(['tcp', 'udp', 'sctp', 'dccp', 'udplite', '6', '17', '132', '33', '136']);

const IPV6_ICMP = 'ipv6-icmp';
/** Other words for it, which Neutron replaces. */
const OF_IPV6_ICMP = new Set(['icmp', 'icmpv6']);

const cidrOf = (text: string | undefined): string | null => {
  if (text === undefined) return null;
  return rangeText(parseCidr(text.includes('/') ? text : `${text}/${familyOf(text) === 6 ? 128 : 32}`));
};

const readRule = (fields: Fields): Required<RuleFields> => {
  const direction = requiredString(fields, 'direction');
  if (direction !== 'ingress' && direction !== 'egress') {
    throw new ApiError(400, `Invalid input for direction. Reason: '${direction}' is not in ['ingress', 'egress'].`, 'HTTPBadRequest');
  }
  const protocol =
    typeof fields.protocol === 'number' ? String(fields.protocol) : (optionalString(fields, 'protocol')?.toLowerCase() ?? null);
  const min = optionalInteger(fields, 'port_range_min') ?? null;
  const max = optionalInteger(fields, 'port_range_max') ?? null;
  if ((min !== null || max !== null) && protocol === null)
    throw new ApiError(400, 'Must also specify protocol if port range is given.', 'SecurityGroupProtocolRequiredWithPorts');
  if (protocol !== null && WITH_PORTS.has(protocol) && (min === null) !== (max === null))
    throw new ApiError(400, 'For TCP/UDP protocols, port_range_min must be <= port_range_max', 'SecurityGroupInvalidPortRange');
  if (protocol !== null && WITH_PORTS.has(protocol) && min !== null && max !== null && (min > max || min < 1 || max > 65535)) {
    throw new ApiError(400, 'For TCP/UDP protocols, port_range_min must be <= port_range_max', 'SecurityGroupInvalidPortRange');
  }
  const prefix = cidrOf(optionalString(fields, 'remote_ip_prefix'));
  const remote = optionalString(fields, 'remote_group_id') ?? null;
  if (prefix !== null && remote !== null)
    throw new ApiError(400, 'Only remote_ip_prefix or remote_group_id may be provided.', 'SecurityGroupRemoteGroupAndRemoteIpPrefix');
  const ethertype = optionalString(fields, 'ethertype') ?? 'IPv4';
  if (prefix !== null && (familyOf(prefix) === 6) !== (ethertype === 'IPv6'))
    throw new ApiError(400, `Conflicting value ethertype ${ethertype} for CIDR ${prefix}`, 'SecurityGroupRuleParameterConflict');
  if (ethertype === 'IPv4' && (protocol === IPV6_ICMP || protocol === 'icmpv6'))
    throw new ApiError(400, `Invalid ethertype IPv4 for protocol ${protocol}.`, 'SecurityGroupEthertypeConflictWithProtocol');
  return {
    direction,
    ethertype,
    protocol: protocol === 'any' ? null : ethertype === 'IPv6' && OF_IPV6_ICMP.has(protocol ?? '') ? IPV6_ICMP : protocol,
    port_range_min: min,
    port_range_max: max,
    remote_ip_prefix: prefix,
    remote_group_id: remote,
    description: optionalString(fields, 'description') ?? '',
  };
};

const IDENTITY: (keyof RuleFields)[] = [
  'direction',
  'ethertype',
  'protocol',
  'port_range_min',
  'port_range_max',
  'remote_ip_prefix',
  'remote_group_id',
];

const createRule = (deps: NetworkDeps, call: Call): SecurityGroupRule => {
  requireWrite(call.actor, 'create_security_group_rule');
  const fields = envelope(call.body, 'security_group_rule');
  const group = getVisible(groupResource(deps), call.actor, requiredString(fields, 'security_group_id'));
  const rule = readRule(fields);
  if (rule.remote_group_id !== null && !canSee(deps, call, rule.remote_group_id)) throw notFound('Security group', rule.remote_group_id);
  const siblings = deps.state.securityGroupRules.by('security_group_id', group.id);
  const twin = siblings.find((s) => IDENTITY.every((name) => s[name] === rule[name]));
  if (twin !== undefined) throw new ApiError(409, `Security group rule already exists. Rule id is ${twin.id}.`, 'SecurityGroupRuleExists');
  requireQuota(deps, group.project_id, 'security_group_rule', deps.state.securityGroupRules.countBy('project_id', group.project_id));
  deps.state.touch(deps.state.securityGroups, group);
  return addRule(deps, group, rule);
};

const canSee = (deps: NetworkDeps, call: Call, id: string): boolean => {
  const group = deps.state.securityGroups.get(id);
  return group !== undefined && ownOrAdmin(call.actor, group);
};

const deleteGroup = (deps: NetworkDeps, group: SecurityGroup, isAdmin: boolean): void => {
  if (deps.state.ports.countBy('security_groups', group.id) > 0)
    throw new ApiError(409, `Security Group ${group.id} in use.`, 'SecurityGroupInUse');
  if (group.name === 'default' && !isAdmin)
    throw new ApiError(409, 'Insufficient rights for removing default security group.', 'SecurityGroupCannotRemoveDefault');
  const rules = [
    ...deps.state.securityGroupRules.by('security_group_id', group.id),
    ...deps.state.securityGroupRules.by('remote_group_id', group.id),
  ];
  for (const rule of rules) deps.state.securityGroupRules.remove(rule.id);
  deps.state.securityGroups.remove(group.id);
};

export const securityGroupRoutes = (deps: NetworkDeps): Route[] => {
  const groups = groupResource(deps);
  const rules = ruleResource(deps);
  const id = (call: Call): string => call.params.id ?? '';
  return [
    ...commonRoutes(groups, deps.state),
    ...commonRoutes(rules, deps.state).filter((r) => !r.template.includes('/tags')),
    {
      method: 'POST',
      template: '/v2.0/security-groups',
      handle: (call) => created({ security_group: groups.describe(createGroup(deps, call), call.actor) }),
    },
    {
      method: 'PUT',
      template: '/v2.0/security-groups/{id}',
      handle: (call) => {
        const row = getWritable(groups, call.actor, id(call), 'update_security_group');
        assignFields(row, envelope(call.body, 'security_group'), ['name', 'description']);
        return ok({ security_group: groups.describe(deps.state.touch(deps.state.securityGroups, row), call.actor) });
      },
    },
    {
      method: 'DELETE',
      template: '/v2.0/security-groups/{id}',
      handle: (call) => {
        deleteGroup(deps, getWritable(groups, call.actor, id(call), 'delete_security_group'), call.actor.isAdmin);
        return noContent;
      },
    },
    { method: 'POST', template: '/v2.0/security-group-rules', handle: (call) => created({ security_group_rule: createRule(deps, call) }) },
    {
      method: 'DELETE',
      template: '/v2.0/security-group-rules/{id}',
      handle: (call) => {
        deps.state.securityGroupRules.remove(getWritable(rules, call.actor, id(call), 'delete_security_group_rule').id);
        return noContent;
      },
    },
  ];
};
