/** IPv6 ranges beside the IPv4 ones of cidr.ts: parse, compare, and what Kubernetes and Neutron take of them. */
import { type NamedCidr, refuseFirstOverlap } from './cidr.ts';
import { UserError } from './errors.ts';

export interface CidrV6 {
  /** First address of the range as an unsigned 128-bit number. */
  first: bigint;
  /** 0–128. */
  prefix: number;
}

const GROUP = /^[0-9a-f]{1,4}$/i;
const GROUPS = 8;

/** Hexadecimal groups, "::" once at most, no zone and no dotted decimal, as an unsigned number; else undefined. */
export const parseIpv6 = (text: string): bigint | undefined => {
  const [head = '', tail, ...rest] = text.split('::');
  if (rest.length > 0) return undefined;
  const groupsOf = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [before, after] = [groupsOf(head), groupsOf(tail ?? '')];
  const missing = GROUPS - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...before, ...Array<string>(missing).fill('0'), ...after];
  return groups.every((group) => GROUP.test(group)) ? groups.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n) : undefined;
};

export const isIpv6 = (text: string): boolean => parseIpv6(text) !== undefined;

/** The inverse of `parseIpv6`, as RFC 5952 writes it: lower case, the first of the longest runs of zero groups as "::". */
export const formatIpv6 = (address: bigint): string => {
  const groups = Array.from({ length: GROUPS }, (_, i) => ((address >> BigInt(16 * (GROUPS - 1 - i))) & 0xffffn).toString(16));
  const text = groups.join(':');
  const runs = [...text.matchAll(/(?<![^:])0(?::0)+(?![^:])/g)];
  const [longest] = runs.toSorted((a, b) => b[0].length - a[0].length);
  if (longest === undefined) return text;
  const [before, after] = [text.slice(0, longest.index), text.slice(longest.index + longest[0].length)];
  return `${before.replace(/:$/, '')}::${after.replace(/^:/, '')}`;
};

/**
 * "fd00:10:200::/56" as a range; bits behind the prefix are dropped.
 * @throws UserError INVALID_INPUT naming the field.
 */
export const parseCidrV6 = (text: string, field: string[]): CidrV6 => {
  const [address = '', prefixText = '', ...rest] = text.split('/');
  const value = parseIpv6(address);
  const prefix = /^(12[0-8]|1[01]\d|[1-9]?\d)$/.test(prefixText) ? Number(prefixText) : undefined;
  if (value === undefined || prefix === undefined || rest.length > 0)
    throw invalid(text, 'is not an IPv6 range such as fd00:10:200::/56', field);
  return { first: (value >> hostBits(prefix)) << hostBits(prefix), prefix };
};

const hostBits = (prefix: number): bigint => BigInt(128 - prefix);

/** Canonical text: the range's first address and its prefix. */
export const formatCidrV6 = ({ first, prefix }: CidrV6): string => `${formatIpv6(first)}/${prefix}`;

/** The n-th address as text; 0 is the network's own. */
export const nthAddressV6 = ({ first }: CidrV6, n: number): string => formatIpv6(first + BigInt(n));

/** Two aligned ranges share an address exactly when they agree in the bits of the shorter prefix. */
export const cidrsOverlapV6 = (a: CidrV6, b: CidrV6): boolean => {
  const bits = hostBits(Math.min(a.prefix, b.prefix));
  return a.first >> bits === b.first >> bits;
};

/**
 * Prefix of each node's share of the pod range: /64 as everywhere, and 256 shares of a range that is too small for those. The
 * controller manager refuses shares that are more than 16 bits away from their range, hence the widest pod range.
 */
export const nodePrefixOfV6 = (pods: CidrV6): number => Math.max(64, pods.prefix + 8);

const WIDEST_PODS = 48;
/** With the shares at /120: 256 addresses each. */
const NARROWEST_PODS = 112;

/** @throws UserError INVALID_INPUT naming the field. */
export const parsePodCidrV6 = (text: string, field: string[]): CidrV6 => {
  const cidr = parseCidrV6(text, field);
  if (cidr.prefix < WIDEST_PODS || cidr.prefix > NARROWEST_PODS)
    throw invalid(text, `does not do for pods; give an IPv6 range between /${WIDEST_PODS} and /${NARROWEST_PODS}`, field);
  return cidr;
};

/**
 * A service range that the API server accepts: at most 20 bits of addresses.
 * @throws UserError INVALID_INPUT naming the field.
 */
export const parseServiceCidrV6 = (text: string, field: string[]): CidrV6 => {
  const cidr = parseCidrV6(text, field);
  if (cidr.prefix < 108 || cidr.prefix > 124)
    throw invalid(text, 'does not do for services; give an IPv6 range between /108 and /124', field);
  return cidr;
};

/**
 * A subnet whose servers make their addresses out of the router's announcements and their own MAC address (SLAAC): always a /64.
 * @throws UserError INVALID_INPUT naming the field.
 */
export const parseNodeCidrV6 = (text: string, field: string[]): CidrV6 => {
  const cidr = parseCidrV6(text, field);
  if (cidr.prefix !== 64) throw invalid(text, 'does not do for workers, which make their own addresses: give an IPv6 range of /64', field);
  return cidr;
};

/** @throws UserError OVERLAPPING_CIDR for the first two ranges that share addresses; it blames the later one's field. */
export const refuseOverlapsV6 = (ranges: readonly NamedCidr[]): void =>
  refuseFirstOverlap(ranges, parseCidrV6, cidrsOverlapV6, formatCidrV6);

/**
 * A /64 of unique local addresses (RFC 4193) for the workers of a cluster: its 40 bits are the last of the cluster's id, which are random, so
 * that two clusters in one project can be joined later, and a cluster has the same range whenever it is asked.
 */
export const uniqueLocalCidr = (clusterId: string): string => {
  const random = BigInt(`0x${clusterId.replaceAll('-', '').slice(-10)}`);
  return formatCidrV6({ first: ((0xfdn << 40n) | random) << 80n, prefix: 64 });
};

const invalid = (text: string, what: string, field: string[]): UserError =>
  new UserError('INVALID_INPUT', `${JSON.stringify(text.slice(0, 60))} ${what}.`, { field });
