/** What somebody added by hand to what Seedbed has made in a project: left alone, and named in the condition of the step that made it. */
import type { CloudSubnet } from '../../domain/cloud.ts';
import type { CloudPort } from '../../openstack/port.ts';
import { type RuleSpec, type SecurityGroup, type SecurityGroupRule, sameRule } from '../../openstack/securityGroup.ts';
import { loadConditions } from '../../store/progress.ts';
import { tagOf } from '../names.ts';
import type { ClusterScope } from './scope.ts';

const SHOWN = 10;

/** What a step says of them; undefined: there are none. A pass that does not look says what the last one saw. */
export const sayAdditions = async (scope: ClusterScope, step: string, look: () => Promise<string[]>): Promise<string | undefined> => {
  if (scope.look === 'trust') {
    // There is nothing to add to before it has been made.
    if (scope.row.observedGeneration === 0) return undefined;
    const before = (await loadConditions(scope.db, scope.row.id)).get(step);
    return before?.state === 'DONE' ? before.message : undefined;
  }
  const all = (await look()).toSorted();
  if (all.length === 0) return undefined;
  const more = all.length > SHOWN ? ` and ${all.length - SHOWN} more` : '';
  return `Not Seedbed's, and left alone: ${all.slice(0, SHOWN).join('; ')}${more}.`;
};

/** Tags beside Seedbed's own. */
export const addedTags = ({ row }: Pick<ClusterScope, 'row'>, what: string, { tags }: { tags: readonly string[] }): string[] =>
  tags.filter((tag) => tag !== tagOf(row)).map((tag) => `tag ${tag} of the ${what}`);

/** `wanted`: Seedbed's own. Those that it has wanted before bear its descriptions, and a new group has two that let everything out. */
export const addedRules = ({ rules }: SecurityGroup, wanted: readonly RuleSpec[]): string[] => {
  const ours = new Set(wanted.map(({ description }) => description));
  return rules
    .filter((rule) => !ours.has(rule.description) && !wanted.some((one) => sameRule(one, rule)) && !isOpenEgress(rule))
    .map(sayRule);
};

const isOpenEgress = ({ direction, protocol, remoteCidr, remoteGroupId }: RuleSpec): boolean =>
  direction === 'egress' && protocol === null && remoteCidr === null && remoteGroupId === null;

const sayRule = ({ id, direction, etherType, protocol, portMin, portMax, remoteCidr, remoteGroupId }: SecurityGroupRule): string => {
  const range = portMin === portMax ? `${portMin}` : `${portMin}-${portMax}`;
  const ports = portMin === null && portMax === null ? '' : ` ${range}`;
  const remote = remoteCidr ?? (remoteGroupId === null ? 'anywhere' : `security group ${remoteGroupId}`);
  return `rule ${id} (${direction} ${etherType}, ${protocol ?? 'any protocol'}${ports} ${direction === 'ingress' ? 'from' : 'to'} ${remote})`;
};

export const saySubnet = ({ id, name, cidr }: CloudSubnet): string => `subnet ${name === '' ? id : `${name} (${id})`}, ${cidr}`;

export const sayInterface = ({ id, fixedIps }: CloudPort): string =>
  `router interface ${id}${fixedIps.map(({ address, subnetId }) => ` with ${address} in subnet ${subnetId}`).join(' and')}`;
