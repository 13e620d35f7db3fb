/** A watcher that is cut off for good says that what it watched goes on, and how to look again. */
import { readdirSync, readFileSync } from 'node:fs';
import { buildSchema } from 'graphql';
import { afterEach, expect, test } from 'vitest';
import * as documents from '../../src/client/documents.ts';
import { type FakeApi, startFakeApi } from './fakeApi.ts';
import { listChanges, listCommands, run } from './run.ts';

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

test('the command line has many changes', () => expect(listChanges().length).toBeGreaterThan(40));

test.each(listChanges())('%s takes --wait, and says in its help what it waits for', (_words, command) => {
  const option = command.options.find(({ long }) => long === '--wait');
  expect(option?.description).toMatch(/./);
  expect(command.options.filter(({ long }) => long === '--json')).toHaveLength(1);
});

test.each(listCommands())('%s has a help with a word on each of its options', async (words, command) => {
  const { status, out, err } = await run([...words.split(' '), '--help'], {});
  expect([status, err]).toEqual([0, '']);
  expect(out).toContain(`Usage: seedbed ${words}`);
  expect(command.description()).toMatch(/.{5}/);
  for (const { long, description } of command.options) {
    expect(description, String(long)).toMatch(/.{5}/);
    expect(out).toContain(long);
  }
});

const ROOT = new URL('../..', import.meta.url).pathname;

test('each mutation of the schema is a document that commands send', () => {
  const mutations = Object.keys(
    buildSchema(readFileSync(`${ROOT}schema/schema.graphql`, 'utf8'))
      .getMutationType()
      ?.getFields() ?? {},
  );
  const commands = readdirSync(`${ROOT}src/cli`)
    .map((name) => readFileSync(`${ROOT}src/cli/${name}`, 'utf8'))
    .join('\n');
  const sent = Object.entries(documents).filter(([name]) => new RegExp(`\\b${name}\\b`).test(commands));
  const names = sent.flatMap(([, document]) => /^mutation (\w+)/.exec(document)?.[1] ?? []);
  expect(names.sort()).toEqual(mutations.sort());
});
