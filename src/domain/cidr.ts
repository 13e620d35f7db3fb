/** IPv4 ranges: parse, compare, count. Those of IPv6 are in cidrV6.ts: they have settings of their own. */
import { UserError } from './errors.ts';

export interface Cidr {
  /** First address of the range as an unsigned 32-bit number. */
  first: number;
  /** 0–32. */
  prefix: number;
}

const OCTET = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${OCTET}\\.${OCTET}\\.${OCTET}\\.${OCTET}$`);

/** Dotted decimal without leading zeros (which some programs read as octal) as an unsigned number, else undefined. */
export const parseIpv4 = (text: string): number | undefined => {
  const match = IPV4.exec(text);
  return match === null ? undefined : match.slice(1).reduce((sum, octet) => sum * 256 + Number(octet), 0);
};

export const isIpv4 = (text: string): boolean => parseIpv4(text) !== undefined;

/** The inverse of `parseIpv4`. */
export const formatIpv4 = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');

/**
 * "10.244.0.0/16" as a range; bits behind the prefix are dropped, so "10.244.3.7/16" is the same range.
 * @throws UserError INVALID_INPUT naming the field.
 */
export const parseCidr = (text: string, field: string[]): Cidr => {
  if (text.includes(':')) throw invalid(text, 'is IPv6, and this is for IPv4; give a range such as 10.244.0.0/16', field);
  const [address = '', prefixText = '', ...rest] = text.split('/');
  const value = parseIpv4(address);
  const prefix = /^(3[0-2]|[12]?\d)$/.test(prefixText) ? Number(prefixText) : undefined;
  if (value === undefined || prefix === undefined || rest.length > 0)
    throw invalid(text, 'is not an IPv4 range such as 10.244.0.0/16', field);
  return { first: value - (value % 2 ** (32 - prefix)), prefix };
};

/** Canonical text: the range's first address and its prefix. */
export const formatCidr = (cidr: Cidr): string => `${formatIpv4(cidr.first)}/${cidr.prefix}`;

/** Canonical text of a range, or of the one address that is given by itself; undefined for anything else. */
export const rangeOf = (text: string): string | undefined => {
  try {
    return formatCidr(parseCidr(isIpv4(text) ? `${text}/32` : text, []));
  } catch {
    return undefined;
  }
};

/** Number of addresses, 1 to 2³². */
export const cidrSize = (cidr: Cidr): number => 2 ** (32 - cidr.prefix);

export const cidrContains = (cidr: Cidr, address: number): boolean => address >= cidr.first && address < cidr.first + cidrSize(cidr);

/** Two aligned ranges share an address exactly when one holds the other's first. */
export const cidrsOverlap = (a: Cidr, b: Cidr): boolean => cidrContains(a, b.first) || cidrContains(b, a.first);

/**
 * The n-th address as text; 0 is the network's own. Kubernetes gives its own API the 1st service address, DNS the 10th.
 * @throws UserError INVALID_INPUT when the range is too small.
 */
export const nthAddress = (cidr: Cidr, n: number, field: string[] = []): string => {
  if (n < 0 || n >= cidrSize(cidr)) throw invalid(formatCidr(cidr), `has no address number ${n}; give a wider range`, field);
  return formatIpv4(cidr.first + n);
};

/** Prefix of each node's share of the pod range: /24 as everywhere, and a range too small for four of those is cut in four. */
export const nodePrefixOf = (pods: Cidr): number => Math.max(24, pods.prefix + 2);

/**
 * A pod range that the controller manager accepts (at most 2^16 node shares) and whose shares hold at least 16 addresses.
 * @throws UserError INVALID_INPUT naming the field.
 */
export const parsePodCidr = (text: string, field: string[]): Cidr => {
  const cidr = parseCidr(text, field);
  if (cidr.prefix < 8 || cidr.prefix > 26) throw invalid(text, 'does not do for pods; give a range between /8 and /26', field);
  return cidr;
};

/**
 * A service range that the API server accepts (at most 20 bits of addresses) and that has a tenth address, for DNS.
 * @throws UserError INVALID_INPUT naming the field.
 */
export const parseServiceCidr = (text: string, field: string[]): Cidr => {
  const cidr = parseCidr(text, field);
  if (cidr.prefix < 12 || cidr.prefix > 28) throw invalid(text, 'does not do for services; give a range between /12 and /28', field);
  return cidr;
};

/** A range with the name that a person knows it by, and the input field it came from. */
/** Where seeds and clouds keep what is their own (RFC 1918, RFC 6598): a customer's address leads there only where the operator says so. */
export const PRIVATE_CIDRS = ['10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'];

export interface NamedCidr {
  name: string;
  cidr: string;
  field: string[];
}

/** @throws UserError OVERLAPPING_CIDR for the first two ranges that share addresses; it blames the later one's field. */
export const refuseOverlaps = (ranges: readonly NamedCidr[]): void => refuseFirstOverlap(ranges, parseCidr, cidrsOverlap, formatCidr);

/** The same for ranges of any family. */
export const refuseFirstOverlap = <Range>(
  ranges: readonly NamedCidr[],
  parse: (text: string, field: string[]) => Range,
  overlap: (a: Range, b: Range) => boolean,
  format: (range: Range) => string,
): void => {
  const parsed = ranges.map((range) => ({ ...range, parsed: parse(range.cidr, range.field) }));
  for (const [i, b] of parsed.entries()) {
    const a = parsed.slice(0, i).find((earlier) => overlap(earlier.parsed, b.parsed));
    if (a === undefined) continue;
    const both = `${b.name} ${format(b.parsed)} overlaps ${a.name} ${format(a.parsed)}`;
    throw new UserError('OVERLAPPING_CIDR', `${both.charAt(0).toUpperCase()}${both.slice(1)}; choose ranges that share no address.`, {
      field: b.field,
    });
  }
};

const invalid = (text: string, what: string, field: string[]): UserError =>
  new UserError('INVALID_INPUT', `${JSON.stringify(text.slice(0, 60))} ${what}.`, { field });
