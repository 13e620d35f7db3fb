/** Addresses of simulated subnets: CIDR arithmetic for both families, and the next free address of a pool. */
import { formatIpv4, parseIpv4 } from '../../domain/cidr.ts';
import { formatIpv6, parseIpv6 } from '../../domain/cidrV6.ts';
import { ApiError } from './http.ts';
import type { AddressPool, FixedIp, NetworkState, Subnet } from './networkState.ts';

export type Family = 4 | 6;

export const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4);

export const toNumber = (address: string): bigint => {
  const parsed = familyOf(address) === 6 ? parseIpv6(address) : parseIpv4(address);
  if (parsed === undefined) throw new ApiError(400, `Invalid input for ip_address. Reason: '${address}' is not a valid IP address.`);
  return BigInt(parsed);
};

export const toAddress = (n: bigint, family: Family): string => (family === 6 ? formatIpv6(n) : formatIpv4(Number(n)));

export interface Range {
  family: Family;
  first: bigint;
  last: bigint;
  prefix: number;
}

/** The range of a CIDR; 400 for anything else. */
export const parseCidr = (cidr: string): Range => {
  const [address = '', length = ''] = cidr.split('/');
  const [family, prefix] = [familyOf(address), Number(length)];
  const bits = family === 6 ? 128 : 32;
  if (!/^\d+$/.test(length) || prefix > bits)
    throw new ApiError(400, `Invalid input for cidr. Reason: '${cidr}' is not a valid IP subnet.`);
  const host = BigInt(bits - prefix);
  const first = (toNumber(address) >> host) << host;
  return { family, first, last: first + (1n << host) - 1n, prefix };
};

export const rangeText = ({ first, family, prefix }: Range): string => `${toAddress(first, family)}/${prefix}`;

export const overlaps = (a: Range, b: Range): boolean => a.family === b.family && a.first <= b.last && b.first <= a.last;

/** Neutron's default: everything but the network's own address, the broadcast address that IPv4 has, and the gateway. */
export const defaultPools = (range: Range, gateway: string | null): AddressPool[] => {
  const pools: AddressPool[] = [];
  const add = (first: bigint, last: bigint): void => {
    if (first <= last) pools.push({ start: toAddress(first, range.family), end: toAddress(last, range.family) });
  };
  const from = range.first + 1n;
  const to = range.family === 4 ? range.last - 1n : range.last;
  const hole = gateway === null ? null : toNumber(gateway);
  if (hole === null || hole < from || hole > to) add(from, to);
  else {
    add(from, hole - 1n);
    add(hole + 1n, to);
  }
  return pools;
};

/** In such a subnet a port's address follows from its MAC address: every port but a router's has one there, asked for or not. */
export const isAutoAddress = ({ ipv6_address_mode }: Subnet): boolean =>
  ipv6_address_mode === 'slaac' || ipv6_address_mode === 'dhcpv6-stateless';

/** The address that EUI-64 makes of a MAC address in the subnet. */
export const autoAddress = (subnet: Subnet, mac: string): FixedIp => {
  const bytes = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const eui = [(bytes[0] ?? 0) ^ 2, ...bytes.slice(1, 3), 0xff, 0xfe, ...bytes.slice(3)];
  const host = eui.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  return { subnet_id: subnet.id, ip_address: toAddress(parseCidr(subnet.cidr).first + host, 6) };
};

export interface AddressBook {
  /** The given address, or the next free one of the subnet's pools; 409 when taken or exhausted. */
  allocate(subnet: Subnet, wanted?: string): FixedIp;
}

/** Remembers where it left off in each subnet, so that a full pool is not searched from its start for every port. */
export const createAddressBook = (state: NetworkState): AddressBook => {
  const cursors = new Map<string, bigint>();
  const taken = (subnet: Subnet, address: string): boolean =>
    state.ports.countBy('address', `${subnet.id} ${address}`) > 0 ||
    state.floatingIps.by('floating_ip_address', address).some((f) => f.floating_network_id === subnet.network_id);

  const nextFree = (subnet: Subnet): string | undefined => {
    const spans = subnet.allocation_pools.map((p) => ({ first: toNumber(p.start), last: toNumber(p.end) }));
    const total = spans.reduce((sum, s) => sum + s.last - s.first + 1n, 0n);
    const start = cursors.get(subnet.id) ?? 0n;
    for (let i = 0n; i < total; i += 1n) {
      let offset = (start + i) % total;
      const span = spans.find((s) => {
        const size = s.last - s.first + 1n;
        if (offset < size) return true;
        offset -= size;
        return false;
      });
      const address = toAddress((span?.first ?? 0n) + offset, familyOf(subnet.cidr));
      if (!taken(subnet, address)) {
        cursors.set(subnet.id, (start + i + 1n) % total);
        return address;
      }
    }
    return undefined;
  };

  const allocate = (subnet: Subnet, wanted?: string): FixedIp => {
    if (wanted !== undefined) {
      const range = parseCidr(subnet.cidr);
      const n = toNumber(wanted);
      if (familyOf(wanted) !== range.family || n < range.first || n > range.last)
        throw new ApiError(400, `IP address ${wanted} is not a valid IP for the specified subnet.`, 'InvalidIpForSubnet');
      if (taken(subnet, wanted))
        throw new ApiError(409, `IP address ${wanted} already allocated in subnet ${subnet.id}`, 'IpAddressAlreadyAllocated');
      return { subnet_id: subnet.id, ip_address: wanted };
    }
    const address = nextFree(subnet);
    if (address === undefined)
      throw new ApiError(409, `No more IP addresses available on network ${subnet.network_id}.`, 'IpAddressGenerationFailure');
    return { subnet_id: subnet.id, ip_address: address };
  };
  return { allocate };
};
