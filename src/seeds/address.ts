/** Says which network addresses a connection may go to, so that a registered endpoint cannot be turned on the host it is called from. */
import { lookup as dnsLookup } from 'node:dns';
import { BlockList, isIP, isIPv4, type LookupFunction } from 'node:net';

export interface AddressPolicy {
  /** RFC 1918, RFC 6598 and unique local addresses: where seeds usually live. */
  allowPrivate: boolean;
  /** This host itself: only the sandbox is there. */
  allowLoopback: boolean;
}

/** For seeds that an administrator registers. */
export const defaultAddressPolicy: AddressPolicy = { allowPrivate: true, allowLoopback: false };

export type AddressClass = 'public' | 'private' | 'loopback' | 'forbidden';

/** Raised inside a connection attempt; `why` says what kind of address it was, never which. */
export class AddressRefused extends Error {
  readonly why: Exclude<AddressClass, 'public'>;
  constructor(why: Exclude<AddressClass, 'public'>) {
    super(`a ${why} address`);
    this.why = why;
  }
}

const blockList = (subnets: readonly [string, number][]): BlockList => {
  const list = new BlockList();
  for (const [net, prefix] of subnets) list.addSubnet(net, prefix, isIPv4(net) ? 'ipv4' : 'ipv6');
  return list;
};

const LOOPBACK = blockList([
  ['127.0.0.0', 8],
  ['::1', 128],
]);
const PRIVATE = blockList([
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['fc00::', 7],
]);
/** Never a Kubernetes API: unspecified, link-local with the metadata services, multicast, reserved, and tunnels that hide another address. */
const FORBIDDEN = blockList([
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  // Metadata services outside link-local: Alibaba, Oracle, Azure, AWS over IPv6.
  ['100.100.100.200', 32],
  ['192.0.0.0', 24],
  ['168.63.129.16', 32],
  ['fd00:ec2::', 32],
  ['::', 128],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  ['2001::', 32],
  ['2002::', 16],
  ['64:ff9b:1::', 48],
]);

/** The class of an IP address in text; anything that is not one is 'forbidden'. IPv4 inside IPv6 (mapped, NAT64) counts as that IPv4. */
export const classOfAddress = (address: string): AddressClass => {
  const version = isIP(address);
  if (version === 0 || address.includes('%')) return 'forbidden';
  const inner = version === 6 ? ipv4Inside(address) : undefined;
  if (inner !== undefined) return classOfAddress(inner);
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (FORBIDDEN.check(address, family)) return 'forbidden';
  if (LOOPBACK.check(address, family)) return 'loopback';
  return PRIVATE.check(address, family) ? 'private' : 'public';
};

/** Throws AddressRefused unless the policy lets us connect to it. */
export const checkAddress = (address: string, policy: AddressPolicy): void => {
  const found = classOfAddress(address);
  if (found === 'forbidden' || (found === 'private' && !policy.allowPrivate) || (found === 'loopback' && !policy.allowLoopback))
    throw new AddressRefused(found);
};

/**
 * A resolver for sockets that gives only addresses the policy allows. The socket connects to what was checked: there is no second
 * resolution between the check and the use, so a name that changes its answer gains nothing.
 */
export const guardedLookup =
  (policy: AddressPolicy): LookupFunction =>
  (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '');
      let refusal: unknown;
      const good = found.filter(({ address }) => {
        try {
          checkAddress(address, policy);
          return true;
        } catch (caught) {
          refusal = caught;
          return false;
        }
      });
      const [first] = good;
      if (!first) return callback(refusal instanceof AddressRefused ? refusal : new AddressRefused('forbidden'), '');
      if (options.all) callback(null, good);
      else callback(null, first.address, first.family);
    });
  };

const ipv4Inside = (address: string): string | undefined => {
  const words = wordsOf(address);
  const head = words.slice(0, 6).join(':');
  const embeds = head === '0:0:0:0:0:ffff' || head === '64:ff9b:0:0:0:0' || (head === '0:0:0:0:0:0' && (words[6] ?? '0') !== '0');
  if (!embeds) return undefined;
  const high = Number.parseInt(words[6] ?? '0', 16);
  const low = Number.parseInt(words[7] ?? '0', 16);
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
};

/** The eight words of an IPv6 address in lower-case hex; the URL parser does the normalising. */
const wordsOf = (address: string): string[] => {
  const text = new URL(`https://[${address}]/`).hostname.slice(1, -1);
  const [left = '', right] = text.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  return right === undefined ? head : [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
};
