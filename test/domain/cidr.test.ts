import { BlockList } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  cidrContains,
  cidrSize,
  cidrsOverlap,
  formatCidr,
  formatIpv4,
  isIpv4,
  nodePrefixOf,
  nthAddress,
  parseCidr,
  parseIpv4,
  parsePodCidr,
  parseServiceCidr,
  refuseOverlaps,
} from '../../src/domain/cidr.ts';

const address = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const range = fc.tuple(address, fc.integer({ min: 0, max: 32 })).map(([a, prefix]) => `${formatIpv4(a)}/${prefix}`);

test('an address survives the way to text and back', () => {
  fc.assert(fc.property(address, (a) => parseIpv4(formatIpv4(a)) === a));
  expect(parseIpv4('255.255.255.255')).toBe(2 ** 32 - 1);
});

test('containing and overlapping agree with the block list of Node', () => {
  fc.assert(
    fc.property(range, range, address, (left, right, probe) => {
      const [a, b] = [parseCidr(left, []), parseCidr(right, [])];
      const list = new BlockList();
      list.addSubnet(formatIpv4(a.first), a.prefix);
      expect(cidrContains(a, probe)).toBe(list.check(formatIpv4(probe)));
      const shares = list.check(formatIpv4(b.first)) || cidrContains(b, a.first);
      expect(cidrsOverlap(a, b)).toBe(shares);
      expect(cidrsOverlap(b, a)).toBe(shares);
    }),
  );
});

test('normalising is idempotent and keeps size and membership', () => {
  fc.assert(
    fc.property(range, (text) => {
      const cidr = parseCidr(text, []);
      expect(parseCidr(formatCidr(cidr), [])).toEqual(cidr);
      expect(cidrContains(cidr, parseIpv4(text.split('/')[0] ?? '') ?? -1)).toBe(true);
      expect(cidr.first % cidrSize(cidr)).toBe(0);
      expect(nthAddress(cidr, cidrSize(cidr) - 1)).toBe(formatIpv4(cidr.first + cidrSize(cidr) - 1));
      expect(() => nthAddress(cidr, cidrSize(cidr))).toThrow(/wider/);
    }),
  );
});

test.each([
  '10.0.0.0',
  '10.0.0.0/33',
  '10.0.0.0/',
  '10.0.0/8',
  '010.0.0.0/8',
  '10.0.0.256/8',
  '10.0.0.0/08',
  ' 10.0.0.0/8',
  '10.0.0.0/8/8',
  'a.b.c.d/8',
  '',
  '10.0.0.0/-1',
])('%j is refused', (text) => {
  expect(() => parseCidr(text, ['podCidr'])).toThrow(expect.objectContaining({ code: 'INVALID_INPUT', detail: { field: ['podCidr'] } }));
});

test('IPv6 is refused by name', () => {
  expect(() => parseCidr('fd00::/48', [])).toThrow(/IPv6, and this is for IPv4/);
  expect(isIpv4('::1')).toBe(false);
});

test('pod and service ranges are those the components accept', () => {
  expect(nodePrefixOf(parsePodCidr('10.244.0.0/16', []))).toBe(24);
  expect(nodePrefixOf(parsePodCidr('10.244.0.0/26', []))).toBe(28);
  expect(() => parsePodCidr('10.0.0.0/7', [])).toThrow(/between \/8 and \/26/);
  expect(() => parsePodCidr('10.0.0.0/27', [])).toThrow(/between/);
  expect(nthAddress(parseServiceCidr('10.96.0.0/28', []), 10)).toBe('10.96.0.10');
  expect(() => parseServiceCidr('10.0.0.0/11', [])).toThrow(/between \/12 and \/28/);
  expect(() => parseServiceCidr('10.0.0.0/29', [])).toThrow(/between/);
});

test('overlaps blame the later range and name both', () => {
  const pods = { name: 'pods', cidr: '10.244.3.0/16', field: ['podCidr'] };
  const services = { name: 'services', cidr: '10.96.0.0/16', field: ['serviceCidr'] };
  const nodes = { name: 'nodes', cidr: '10.244.128.0/24', field: ['nodeCidr'] };
  expect(() => refuseOverlaps([pods, services])).not.toThrow();
  const refused = expect.objectContaining({ code: 'OVERLAPPING_CIDR', detail: { field: ['nodeCidr'] } });
  expect(() => refuseOverlaps([pods, services, nodes])).toThrow(refused);
  expect(() => refuseOverlaps([pods, services, nodes])).toThrow(/^Nodes 10\.244\.128\.0\/24 overlaps pods 10\.244\.0\.0\/16/);
});
