/** Subnets that are named for ports: where they must lie, and how many workers they hold. */
import { cidrSize, parseCidr, parseIpv4, refuseOverlaps } from './cidr.ts';
import { type CloudSubnet, findByNameOrId, namesakes } from './cloud.ts';
import { UserError } from './errors.ts';
import type { TemplateSpec } from './template.ts';

export interface SubnetChoice {
  network: { id: string; name: string };
  /** Names or ids. */
  wanted: readonly string[];
  /** All that the project sees, of whatever network. */
  all: readonly CloudSubnet[];
  /** 4: a worker's own address in the cluster is one of IPv4. */
  family: 4 | null;
  field: string[];
  /** A sentence that is said beside what is not there. */
  hint?: string;
}

/** @throws UserError INVALID_INPUT for what is not there, is meant twice, or lies elsewhere. */
export const chooseSubnets = ({ network, wanted, all, family, field, hint }: SubnetChoice): CloudSubnet[] => {
  const inside = all.filter((subnet) => subnet.networkId === network.id);
  const chosen = wanted.map((nameOrId) => {
    const shown = JSON.stringify(nameOrId.slice(0, 80));
    const found = findByNameOrId(inside, nameOrId);
    if (found === undefined) {
      if (namesakes(inside, nameOrId).length > 1)
        throw invalid(`Several subnets of network ${network.name} are named ${shown}; give the id of the one you mean.`, field);
      const elsewhere = findByNameOrId(all, nameOrId) ?? namesakes(all, nameOrId)[0];
      const what = elsewhere === undefined ? 'is not there for your project' : `lies in another network than ${network.name}`;
      throw invalid([`Subnet ${shown} ${what}. ${offer(inside, network.name)}`, ...(hint === undefined ? [] : [hint])].join(' '), field);
    }
    if (family !== null && found.ipVersion !== family)
      throw invalid(
        `Subnet ${shown} is one of IPv${found.ipVersion}, and workers are known by an address of IPv${family}; leave it out.`,
        field,
      );
    return found;
  });
  const twice = chosen.find(({ id }, i) => chosen.findIndex((other) => other.id === id) !== i);
  if (twice !== undefined) throw invalid(`Subnet ${twice.name} is named twice, by name and by id; leave one out.`, field);
  return chosen;
};

const SHOWN = 10;

const offer = (subnets: readonly CloudSubnet[], network: string): string => {
  const names = subnets.map(({ id, name }) => (name === '' ? id : name)).toSorted();
  return names.length === 0 ? `Network ${network} has none.` : `Choose one of ${names.slice(0, SHOWN).join(', ')}.`;
};

/** @throws UserError OVERLAPPING_CIDR: what a subnet shares with pods or services, its workers do not reach. */
export const checkSubnetRanges = (
  subnets: readonly Pick<CloudSubnet, 'name' | 'cidr'>[],
  { podCidr, serviceCidr }: Pick<TemplateSpec, 'podCidr' | 'serviceCidr'>,
  field: string[],
): void =>
  refuseOverlaps([
    { name: 'the range for pods', cidr: podCidr, field },
    { name: 'the range for services', cidr: serviceCidr, field },
    ...subnets.map(({ name, cidr }) => ({ name: `Subnet ${name}`, cidr, field })),
  ]);

/** Of IPv6 there are always enough. */
const isCounted = ({ ipVersion }: CloudSubnet): boolean => ipVersion === 4;

const boundsOf = ({ allocationPools }: CloudSubnet): { first: number; last: number }[] =>
  allocationPools.map(({ start, end }) => ({ first: parseIpv4(start) ?? 1, last: parseIpv4(end) ?? 0 }));

/**
 * @param addresses those that ports are seen to have; where the network is another project's, there may be more.
 * @throws UserError ADDRESSES_EXHAUSTED unless the pools have one for each worker.
 */
export const checkAddresses = (subnet: CloudSubnet, addresses: readonly string[], workers: number, field: string[]): void => {
  if (!isCounted(subnet)) return;
  const pools = boundsOf(subnet);
  const size = pools.reduce((sum, { first, last }) => sum + Math.max(0, last - first + 1), 0);
  const taken = addresses.map(parseIpv4).filter((at) => at !== undefined && pools.some(({ first, last }) => at >= first && at <= last));
  const free = size - taken.length;
  if (free >= workers) return;
  const range = cidrSize(parseCidr(subnet.cidr, field));
  const wider = size < range - 3 ? 'widen its allocation pools, ' : '';
  throw new UserError(
    'ADDRESSES_EXHAUSTED',
    `Subnet ${subnet.name} has ${Math.max(0, free)} of ${size} addresses left, and ${workers} are asked for; ${wider}free some, name another subnet, or ask for fewer workers.`,
    { field },
  );
};

const invalid = (message: string, field: string[]): UserError => new UserError('INVALID_INPUT', message, { field });
