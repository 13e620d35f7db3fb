/** What was taken and may disappoint is said before anything is waited for. */
import { afterEach, expect, test } from 'vitest';
import { type FakeApi, startFakeApi } from './fakeApi.ts';
import { run } from './run.ts';

let api: FakeApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

const warned = { name: 'tiny', uuid: 'g1', warnings: ['Flavor m1.tiny is small.\u001b[2J'] };
const cluster = {
  ...{ uuid: 'c1', name: 'web', lastEventNumber: 7 },
  nodes: { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } },
  nodeGroups: { nodes: [{ name: 'large', warnings: [] }, warned] },
};
const operation = { uuid: 'o1', kind: 'CREATE', state: 'PENDING', percent: 0, steps: [], problem: null, requestedAt: '', finishedAt: null };

test.each([[['cluster', 'create', 'web', '--template', 'small']], [['nodegroup', 'create', 'web', 'tiny']]])('%j', async (args) => {
  api = await startFakeApi(({ body }) => ({
    body: {
      data:
        body.query?.startsWith('mutation') === true
          ? { change: { __typename: 'Payload', cluster, nodeGroup: warned, operation } }
          : { cluster },
    },
  }));
  const { err } = await run(args, { SEEDBED_URL: api.url, OS_TOKEN: 'ready' });
  expect(err.split('\n').filter((line) => line.startsWith('Warning'))).toEqual([
    expect.stringMatching(/^Warning, node group tiny: Flavor m1.tiny is small.[ -~]*$/),
  ]);
});
