/** What pods of backups are told of the store, and where they may go for it. */
import { expect, test } from 'vitest';
import { buildBackupPolicies, buildTransferSecret, type TransferOrder } from '../../src/controlPlane/backup.ts';
import { cluster } from './fixture.ts';

const order = (more: Partial<TransferOrder>): TransferOrder => ({
  url: 'https://store.example.org/b/o?X-Amz-Expires=60',
  headers: {},
  caPem: null,
  addresses: null,
  ...more,
});
const configOf = (given: TransferOrder): string => {
  const { data } = buildTransferSecret(cluster, 'job', 'upload', given) as unknown as { data: Record<string, string> };
  return Buffer.from(data['curl.conf'] ?? '', 'base64').toString();
};
const egressOf = (addresses: string[] | null): object =>
  JSON.parse(JSON.stringify(buildBackupPolicies(cluster, { addresses, port: 443 })[0])).spec.egress[1];

test('a name is dialled at the addresses that are opened for it, of both families; an address needs none', () => {
  expect(configOf(order({ addresses: ['192.0.2.1', '2001:db8::1'] }))).toContain(
    'resolve = "store.example.org:443:192.0.2.1,[2001:db8::1]"\n',
  );
  expect(configOf(order({}))).not.toContain('resolve');
  expect(configOf(order({ url: 'https://[2001:db8::1]:8443/b/o', addresses: ['2001:db8::1'] }))).not.toContain('resolve');
  expect(configOf(order({ headers: { 'x-one': 'a "b"' } }))).toContain('header = "x-one: a \\"b\\""\n');
});

test('the way out leads to those addresses alone, and for a name that only pods know to its port, never to link-local addresses', () => {
  const ports = [{ protocol: 'TCP', port: 443 }];
  expect(egressOf(['192.0.2.1', '2001:db8::1'])).toEqual({
    to: [{ ipBlock: { cidr: '192.0.2.1/32' } }, { ipBlock: { cidr: '2001:db8::1/128' } }],
    ports,
  });
  expect(egressOf(null)).toEqual({
    to: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['169.254.0.0/16'] } }, { ipBlock: { cidr: '::/0', except: ['fe80::/10'] } }],
    ports,
  });
});
