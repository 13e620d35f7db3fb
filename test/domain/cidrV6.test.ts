import { BlockList } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  cidrsOverlapV6,
  formatCidrV6,
  formatIpv6,
  isIpv6,
  nodePrefixOfV6,
  parseCidrV6,
  parseIpv6,
  parseNodeCidrV6,
  parsePodCidrV6,
  parseServiceCidrV6,
  refuseOverlapsV6,
  uniqueLocalCidr,
} from '../../src/domain/cidrV6.ts';

/** Groups of zeros are what its text hangs on. */
const address = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 65_535 })), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.reduce((sum, group) => sum * 65_536n + BigInt(group), 0n));

/** As WHATWG's URL writes it, which is RFC 5952. */
const standard = (text: string): string => new URL(`http://[${text}]`).hostname.slice(1, -1);

test('an address survives the way to text and back, in the standard form', () => {
  fc.assert(
    fc.property(address, (a) => {
      expect(parseIpv6(formatIpv6(a))).toBe(a);
      expect(formatIpv6(a)).toBe(standard(formatIpv6(a)));
    }),
  );
  expect(
    ['::', '::1', 'FD00:0:0:0:0:0:0:1', '1:0:0:2:0:0:0:3', '2001:db8::', '1:2:3:4:5:6:7:8'].map((text) =>
      formatIpv6(parseIpv6(text) ?? -1n),
    ),
  ).toEqual(['::', '::1', 'fd00::1', '1:0:0:2::3', '2001:db8::', '1:2:3:4:5:6:7:8']);
});

test.each([
  '',
  ':',
  ':::',
  '1::2::3',
  '1:2:3',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7::8',
  'g::',
  '12345::',
  '::1%eth0',
  '::ffff:10.0.0.1',
  '10.0.0.1',
  ' ::1',
])('%j is no address', (text) => expect(isIpv6(text)).toBe(false));

test('overlapping agrees with the block list of Node', () => {
  const range = fc.tuple(address, fc.integer({ min: 0, max: 128 })).map(([a, prefix]) => parseCidrV6(`${formatIpv6(a)}/${prefix}`, []));
  fc.assert(
    fc.property(range, range, (a, b) => {
      const [wide, narrow] = a.prefix <= b.prefix ? [a, b] : [b, a];
      const list = new BlockList();
      list.addSubnet(formatIpv6(wide.first), wide.prefix, 'ipv6');
      expect(cidrsOverlapV6(a, b)).toBe(list.check(formatIpv6(narrow.first), 'ipv6'));
      expect(cidrsOverlapV6(b, a)).toBe(cidrsOverlapV6(a, b));
      expect(parseCidrV6(formatCidrV6(a), [])).toEqual(a);
    }),
  );
});

test.each(['fd00::', 'fd00::/129', 'fd00::/', 'fd00::/064', 'fd00::/64/64', '10.0.0.0/8', 'fd00::/-1', ''])('%j is no range', (text) => {
  expect(() => parseCidrV6(text, ['podCidrV6'])).toThrow(
    expect.objectContaining({ code: 'INVALID_INPUT', detail: { field: ['podCidrV6'] } }),
  );
});

test('ranges of pods, services and workers are those that Kubernetes and Neutron accept', () => {
  const shares = (text: string) => nodePrefixOfV6(parsePodCidrV6(text, []));
  expect(['fd00::/48', 'fd00::/56', 'fd00::/60', 'fd00::/112'].map(shares)).toEqual([64, 64, 68, 120]);
  for (const text of ['fd00::/47', 'fd00::/113']) expect(() => parsePodCidrV6(text, [])).toThrow(/between \/48 and \/112/);
  expect(formatCidrV6(parseServiceCidrV6('fd00::5/108', []))).toBe('fd00::/108');
  for (const text of ['fd00::/107', 'fd00::/125']) expect(() => parseServiceCidrV6(text, [])).toThrow(/between \/108 and \/124/);
  expect(() => parseNodeCidrV6('fd00::/65', [])).toThrow(/\/64/);
});

test('overlaps blame the later range', () => {
  const pods = { name: 'pods', cidr: 'fd00:10:200::/56', field: ['podCidrV6'] };
  const services = { name: 'services', cidr: 'fd00:10:200:1::/112', field: ['serviceCidrV6'] };
  expect(() => refuseOverlapsV6([pods, services])).toThrow(
    expect.objectContaining({ code: 'OVERLAPPING_CIDR', detail: { field: ['serviceCidrV6'] } }),
  );
});

test("a cluster's own range is a unique local /64 that follows from its id", () => {
  expect(uniqueLocalCidr('0b9d3c52-6d0f-4f0e-9a51-2f6f5d1e7c11')).toBe('fd6f:5d1e:7c11::/64');
  expect(uniqueLocalCidr('0b9d3c52-6d0f-4f0e-9a51-2f0000000011')).toBe('fd00:0:11::/64');
});
