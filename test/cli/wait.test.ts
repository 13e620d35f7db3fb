/** A watcher that is cut off for good says that what it watched goes on, and how to look again. */
import { afterEach, expect, test } from 'vitest';
import { type FakeApi, startFakeApi } from './fakeApi.ts';
import { listCommands, run } from './run.ts';

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

/** What changes nothing, by its last word; whatever is called otherwise changes something, and can be waited for. */
const READS = ['list', 'show', 'watch', 'leaks', 'keystone', 'usage', 'token', 'whoami', 'gql'];

test('the command line has many changes', () => expect(listCommands().filter(([words]) => isChange(words)).length).toBeGreaterThan(40));

const isChange = (words: string) => !READS.includes(words.split(' ').at(-1) ?? '');

test.each(listCommands().filter(([words]) => isChange(words)))(
  '%s takes --wait, and says in its help what it waits for',
  (_words, command) => {
    const option = command.options.find(({ long }) => long === '--wait');
    expect(option?.description).toMatch(/./);
    expect(command.options.filter(({ long }) => long === '--json')).toHaveLength(1);
  },
);
