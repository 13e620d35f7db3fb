/** A watcher that is cut off for good says that what it watched goes on, and how to look again. */
import { afterEach, expect, test } from 'vitest';
import { type FakeApi, startFakeApi } from './fakeApi.ts';
import { run } from './run.ts';

let api: FakeApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

const cluster = {
  uuid: 'c1',
  name: 'web',
  lastEventNumber: 7,
  nodes: { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } },
  nodeGroups: { nodes: [{ uuid: 'g1', name: 'workers' }] },
};
const operation = {
  ...{ uuid: 'o1', kind: 'RESIZE_NODE_GROUP', state: 'PENDING', percent: 0, steps: [], problem: null },
  ...{ requestedAt: new Date().toISOString(), finishedAt: null },
};

test.each([
  [['cluster', 'watch', 'web', '--after', '7'], 'seedbed cluster watch web --after 7 looks again'],
  [['nodegroup', 'resize', 'web', 'workers', '--count', '2'], 'the operation goes on: seedbed operation show o1 --wait'],
])('%j', async (args, told) => {
  api = await startFakeApi(({ body }) => ({
    body: { data: body.query?.startsWith('mutation') === true ? { resize: { __typename: 'Payload', operation } } : { cluster } },
  }));
  const { status, err } = await run(args, { SEEDBED_URL: api.url, OS_TOKEN: 'ready' });
  expect([status, err]).toEqual([1, expect.stringContaining(told)]);
});
