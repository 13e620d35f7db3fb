/** The address that a request comes from: the connection's, or behind proxies that are trusted the one that they name. */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { formatIpv4 } from '../domain/cidr.ts';
import { parseIpv6 } from '../domain/cidrV6.ts';
import type { AskedBy } from './askedBy.ts';

/** `''` where a connection has gone. */
export type AddressOf = (request: AskedBy) => string;

/**
 * Of trusted proxies (addresses and ranges of both families): the last address in X-Forwarded-For that is not another of them, for whatever
 * stands before it is the caller's own say.
 */
export const createCallerAddress = (trusted: readonly string[]): AddressOf => {
  const proxies = blockListOf(trusted);
  const isTrusted = (address: string) => proxies.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  const known = new WeakMap<AskedBy['socket'], string>();
  const addressOfSocket = (socket: AskedBy['socket']): string => {
    const address = known.get(socket) ?? plainAddress(socket.remoteAddress ?? '') ?? '';
    if (address !== '') known.set(socket, address);
    return address;
  };
  return ({ socket, headers }) => {
    let address = addressOfSocket(socket);
    if (trusted.length === 0 || address === '') return address;
    const named = String(headers['x-forwarded-for'] ?? '').split(',');
    while (named.length > 0 && isTrusted(address)) {
      const next = plainAddress(named.pop() ?? '');
      // "unknown", or anything else that a proxy may write: the nearest address that is one.
      if (next === null) break;
      address = next;
    }
    return address;
  };
};

/** A key of its own for each: IPv4 as it is, IPv6 by its network of 64 bits, in which a single machine has as many addresses as it likes. */
export const networkOf = (address: string): string => {
  const number = isIPv4(address) ? undefined : parseIpv6(address);
  return number === undefined ? address : `${(number >> 64n).toString(16)}/64`;
};

const blockListOf = (ranges: readonly string[]): BlockList => {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
};

const MAPPED = 0xffffn;

/** Without zone, brackets and port, which some proxies add, and IPv4 within IPv6 as IPv4; null: no address. */
const plainAddress = (text: string): string | null => {
  const written = text
    .trim()
    .replace(/^\[([^\]]*)\](?::\d+)?$/, '$1')
    .replace(/%.*$/, '')
    .replace(/^::ffff:(?=\d+\.)/i, '');
  const address = /^[\d.]+:\d+$/.test(written) ? written.replace(/:\d+$/, '') : written;
  if (isIP(address) === 0) return null;
  const number = isIPv4(address) ? undefined : parseIpv6(address);
  return number !== undefined && number >> 32n === MAPPED ? formatIpv4(Number(number & 0xffff_ffffn)) : address;
};
