/** Addresses of simulated subnets: CIDR arithmetic for IPv4, and the next free address of a pool. */
import { ApiError } from './http.ts';
import type { AddressPool, FixedIp, NetworkState, Subnet } from './networkState.ts';

export const toNumber = (address: string): number => {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((p) => !Number.isInteger(p) || p < 0 || p > 255))
    throw new ApiError(400, `Invalid input for ip_address. Reason: '${address}' is not a valid IP address.`);
  return parts.reduce((sum, p) => sum * 256 + p, 0);
};

export const toAddress = (n: number): string => [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join('.');

export interface Range {
  first: number;
  last: number;
  prefix: number;
}

/** The range of an IPv4 CIDR; 400 for anything else (the sandbox plays no IPv6). */
export const parseCidr = (cidr: string): Range => {
  const [address = '', length = ''] = cidr.split('/');
  const prefix = Number(length);
  if (!/^\d+$/.test(length) || prefix > 32) throw new ApiError(400, `Invalid input for cidr. Reason: '${cidr}' is not a valid IP subnet.`);
  const size = 2 ** (32 - prefix);
  const first = Math.floor(toNumber(address) / size) * size;
  return { first, last: first + size - 1, prefix };
};

export const overlaps = (a: Range, b: Range): boolean => a.first <= b.last && b.first <= a.last;

/** Neutron's default: everything but the network's own address, its broadcast address and the gateway. */
export const defaultPools = (range: Range, gateway: string | null): AddressPool[] => {
  const pools: AddressPool[] = [];
  const add = (first: number, last: number): void => {
    if (first <= last) pools.push({ start: toAddress(first), end: toAddress(last) });
  };
  const from = range.first + 1;
  const to = range.last - 1;
  const hole = gateway === null ? null : toNumber(gateway);
  if (hole === null || hole < from || hole > to) add(from, to);
  else {
    add(from, hole - 1);
    add(hole + 1, to);
  }
  return pools;
};

export interface AddressBook {
  /** The given address, or the next free one of the subnet's pools; 409 when taken or exhausted. */
  allocate(subnet: Subnet, wanted?: string): FixedIp;
}

/** Remembers where it left off in each subnet, so that a full pool is not searched from its start for every port. */
export const createAddressBook = (state: NetworkState): AddressBook => {
  const cursors = new Map<string, number>();
  const taken = (subnet: Subnet, address: string): boolean =>
    state.ports.countBy('address', `${subnet.id} ${address}`) > 0 ||
    state.floatingIps.by('floating_ip_address', address).some((f) => f.floating_network_id === subnet.network_id);

  const nextFree = (subnet: Subnet): string | undefined => {
    const spans = subnet.allocation_pools.map((p) => ({ first: toNumber(p.start), last: toNumber(p.end) }));
    const total = spans.reduce((sum, s) => sum + s.last - s.first + 1, 0);
    const start = cursors.get(subnet.id) ?? 0;
    for (let i = 0; i < total; i += 1) {
      let offset = (start + i) % total;
      const span = spans.find((s) => {
        const size = s.last - s.first + 1;
        if (offset < size) return true;
        offset -= size;
        return false;
      });
      const address = toAddress((span?.first ?? 0) + offset);
      if (!taken(subnet, address)) {
        cursors.set(subnet.id, (start + i + 1) % total);
        return address;
      }
    }
    return undefined;
  };

  const allocate = (subnet: Subnet, wanted?: string): FixedIp => {
    if (wanted !== undefined) {
      const range = parseCidr(subnet.cidr);
      const n = toNumber(wanted);
      if (n < range.first || n > range.last)
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
