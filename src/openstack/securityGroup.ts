/** Neutron's security groups and their rules. */
import { z } from 'zod';
import { Conflict } from '../domain/errors.ts';
import type { CommonFilter, Neutron } from './neutron.ts';

/** What a rule lets through. Null means any. Ports are a range, both ends included; equal for one port. */
export interface RuleSpec {
  direction: 'ingress' | 'egress';
  etherType: 'IPv4' | 'IPv6';
  protocol: string | null;
  portMin: number | null;
  portMax: number | null;
  /** From (ingress) or to (egress) these addresses … */
  remoteCidr: string | null;
  /** … or the members of this group. Not both. */
  remoteGroupId: string | null;
  description: string;
}

export interface SecurityGroupRule extends RuleSpec {
  id: string;
  groupId: string;
}

export interface SecurityGroup {
  id: string;
  name: string;
  description: string;
  /** Neutron puts two egress rules (everything, IPv4 and IPv6) into a new group. */
  rules: SecurityGroupRule[];
  tags: string[];
}

export interface SecurityGroups {
  listSecurityGroups(filter?: CommonFilter): Promise<SecurityGroup[]>;
  getSecurityGroup(id: string): Promise<SecurityGroup>;
  createSecurityGroup(spec: { name: string; description: string }): Promise<SecurityGroup>;
  /** Throws Conflict while a port uses it. */
  deleteSecurityGroup(id: string): Promise<boolean>;
  /** False when a rule that lets the same through was there already. */
  createSecurityGroupRule(groupId: string, rule: RuleSpec): Promise<boolean>;
  deleteSecurityGroupRule(id: string): Promise<boolean>;
}

const GROUPS = { path: 'security-groups', one: 'security_group', extension: 'security-group' };
const RULES = { path: 'security-group-rules', one: 'security_group_rule', extension: 'security-group' };

export const createSecurityGroups = (neutron: Neutron): SecurityGroups => ({
  listSecurityGroups: (filter = {}) => neutron.list(groupSchema, GROUPS, filter),
  getSecurityGroup: (id) => neutron.get(groupSchema, GROUPS, id),
  createSecurityGroup: ({ name, description }) => neutron.create(groupSchema, GROUPS, { name, description }),
  deleteSecurityGroup: (id) => neutron.remove(GROUPS, id),
  createSecurityGroupRule: async (groupId, rule) => {
    try {
      await neutron.create(ruleSchema, RULES, {
        security_group_id: groupId,
        direction: rule.direction,
        ethertype: rule.etherType,
        protocol: rule.protocol,
        port_range_min: rule.portMin,
        port_range_max: rule.portMax,
        remote_ip_prefix: rule.remoteCidr,
        remote_group_id: rule.remoteGroupId,
        description: rule.description,
      });
      return true;
    } catch (error) {
      // SecurityGroupRuleExists; after any other conflict, such as one of the database's, there is no rule.
      if (error instanceof Conflict && /already exists/i.test(error.message)) return false;
      throw error;
    }
  },
  deleteSecurityGroupRule: (id) => neutron.remove(RULES, id),
});

/** Whether two rules let the same through, whatever they are called. */
export const sameRule = (a: RuleSpec, b: RuleSpec): boolean =>
  a.direction === b.direction &&
  a.etherType === b.etherType &&
  a.protocol === b.protocol &&
  a.portMin === b.portMin &&
  a.portMax === b.portMax &&
  a.remoteCidr === b.remoteCidr &&
  a.remoteGroupId === b.remoteGroupId;

const ruleSchema = z
  .object({
    id: z.string(),
    security_group_id: z.string(),
    direction: z.enum(['ingress', 'egress']),
    ethertype: z.enum(['IPv4', 'IPv6']),
    protocol: z.union([z.string(), z.number().transform(String)]).nullish(),
    port_range_min: z.number().nullish(),
    port_range_max: z.number().nullish(),
    remote_ip_prefix: z.string().nullish(),
    remote_group_id: z.string().nullish(),
    description: z.string().nullish(),
  })
  .transform(
    (r): SecurityGroupRule => ({
      id: r.id,
      groupId: r.security_group_id,
      direction: r.direction,
      etherType: r.ethertype,
      protocol: r.protocol ?? null,
      portMin: r.port_range_min ?? null,
      portMax: r.port_range_max ?? null,
      remoteCidr: r.remote_ip_prefix ?? null,
      remoteGroupId: r.remote_group_id ?? null,
      description: r.description ?? '',
    }),
  );

const groupSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullish(),
    security_group_rules: z.array(ruleSchema).default([]),
    tags: z.array(z.string()).default([]),
  })
  .transform(
    (g): SecurityGroup => ({ id: g.id, name: g.name, description: g.description ?? '', rules: g.security_group_rules, tags: g.tags }),
  );
