/** What etcdctl 3.6.8 says, in its own words, read for what it means. */
import { expect, test } from 'vitest';
import type { HostedCluster } from '../../src/controlPlane/hostedCluster.ts';
import { readHashes, readMembers } from '../../src/reconcilers/cluster/etcdSight.ts';

const hosted = { shortId: 'abc', namespace: 'kc-abc', name: 'web', etcd: { members: 3 } } as unknown as HostedCluster;
const IDS = ['15985099378392235387', '2343026294211479585', '2634589845303371819'];
const url = (number: number): string => `https://abc-etcd-${number}.abc-etcd-peer.kc-abc.svc:2380`;

const listText = `{"header":{"cluster_id":11907723985852537349,"member_id":2634589845303371819,"raft_term":3},"members":[${IDS.map(
  (id, number) => `{"ID":${id},"name":"abc-etcd-${number}","peerURLs":["${url(number)}"],"clientURLs":["x"]}`,
).join()}]}`;
const statusText = (errors: string): string =>
  `[${IDS.map(
    (id) =>
      `{"Endpoint":"x","Status":{"header":{"cluster_id":11907723985852537349,"member_id":${id},"revision":31,"raft_term":3},"version":"3.6.8","dbSize":24576,"leader":${IDS[0]},"raftIndex":44,"errors":${errors},"dbSizeInUse":20480}}`,
  ).join()}]`;
const read = (errors: string) => readMembers(hosted, { good: true, said: { list: listText, status: statusText(errors) } });

test('an alarm names its member by an id that is a number in a sentence, and sizes are read beside it', () => {
  const members = read('["memberID:2343026294211479585 alarm:CORRUPT "]');
  expect(members.map(({ id, dbSizeBytes, alarms, corrupt }) => ({ id, dbSizeBytes, alarms, corrupt }))).toEqual([
    { id: 'ddd67b312462fd7b', dbSizeBytes: 24576, alarms: ['CORRUPT'], corrupt: undefined },
    { id: '20841a002de00821', dbSizeBytes: 24576, alarms: ['CORRUPT'], corrupt: true },
    { id: '248ff1817228a82b', dbSizeBytes: 24576, alarms: ['CORRUPT'], corrupt: undefined },
  ]);
  expect(read('["memberID:2343026294211479585 alarm:NOSPACE "]').map(({ alarms, corrupt }) => [alarms, corrupt])).toEqual(
    IDS.map(() => [['NOSPACE'], undefined]),
  );
});

test("an alarm of no member is everybody's and nobody's", () => {
  const members = read('["alarm:CORRUPT "]');
  expect(members.map(({ alarms, corrupt }) => [alarms, corrupt])).toEqual(IDS.map(() => [['CORRUPT'], undefined]));
});

test('hashes of those that answered, among the complaints of one that did not', () => {
  const hash = (id: string, value: number): string =>
    `{"Endpoint":"x","HashKV":{"header":{"cluster_id":11907723985852537349,"member_id":${id},"revision":31,"raft_term":2},"hash":${value},"compact_revision":-1,"hash_revision":20}}`;
  const said = [
    '{"level":"warn","ts":"2026-11-28T19:19:01Z","msg":"retrying of unary invoker failed"}',
    'Failed to get the hash of endpoint https://x:2379 (context deadline exceeded)',
    `[${hash(IDS[0] ?? '', 3007123404)},${hash(IDS[2] ?? '', 3007123404)}]`,
    'Error: context deadline exceeded',
  ].join('\n');
  const same = { hash: 3007123404, revision: 20, compactRevision: -1 };
  expect(readHashes({ good: false, said: { hash: said } })).toEqual([same, same]);
  expect(readHashes({ good: false, said: { hash: 'null\nError: etcdserver: mvcc: required revision has been compacted' } })).toEqual([]);
});
