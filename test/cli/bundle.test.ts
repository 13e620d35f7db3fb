import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Answer, type FakeApi, startFakeApi } from './fakeApi.ts';
import { run } from './run.ts';

let api: FakeApi | null = null;
const dir = mkdtempSync(join(tmpdir(), 'seedbed-bundle-'));
afterEach(async () => {
  await api?.close();
});
process.once('exit', () => rmSync(dir, { recursive: true, force: true }));

const bundle = {
  ...{ uuid: 'b1', name: 'page', description: 'A page.', revision: 2, createdAt: new Date().toISOString() },
  newestRevision: {
    optionsSchema: JSON.stringify({
      properties: { replicas: { type: 'integer', default: 1, description: 'Pods.' }, host: { type: 'string' } },
    }),
    kinds: ['v1 Namespace', 'apps/v1 Deployment'],
    objectCount: 2,
    manifests: null,
  },
  revisions: { nodes: [] },
};
const answer: Answer = ({ body: { query = '' } }) => {
  const noun = /^mutation (\w+)/.exec(query)?.[1];
  const title = noun === undefined ? '' : `${noun.charAt(0).toUpperCase()}${noun.slice(1)}Payload`;
  if (noun !== undefined) return { body: { data: { [noun]: { __typename: title, addonBundle: bundle } } } };
  return { body: { data: { addonBundle: bundle, addonBundles: { nodes: [bundle], pageInfo: { hasNextPage: false, endCursor: null } } } } };
};
const withApi = async (args: string[]) => {
  api = await startFakeApi(answer);
  return run([...args, '--url', api.url], { OS_TOKEN: 'ready' });
};
const fileWith = (name: string, text: string): string => {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
};
const lines = (out: string) => out.split('\n').map((line) => line.split(/ {2,}/));

test('a bundle is registered with the text of its files, and shown with its options', async () => {
  const manifests = fileWith('page.yaml', 'kind: x\n---\nkind: y\n');
  const schema = fileWith('page.json', '{"type":"object","properties":{}}');
  const { out, status } = await withApi([
    'bundle',
    'register',
    'page',
    '--file',
    manifests,
    '--options-schema',
    schema,
    '--description',
    'A page.',
  ]);
  expect(status).toBe(0);
  expect(api?.asked.at(-1)?.body.variables).toEqual({
    input: {
      name: 'page',
      manifests: 'kind: x\n---\nkind: y\n',
      optionsSchema: '{"type":"object","properties":{}}',
      description: 'A page.',
    },
  });
  expect(lines(out)).toEqual(
    expect.arrayContaining([
      ['replicas', 'integer', '1', 'Pods.'],
      ['host', 'string', 'required', '-'],
      ['kinds', 'v1 Namespace, apps/v1 Deployment'],
    ]),
  );
});

test("an update sends what is new by the bundle's id; one of nothing is refused", async () => {
  await withApi(['bundle', 'update', 'page', '--description', 'Other.']);
  expect(api?.asked.at(-1)?.body.variables).toEqual({ input: { addonBundleId: 'b1', description: 'Other.' } });
  await api?.close();
  const { status, err } = await withApi(['bundle', 'update', 'page']);
  expect([status, err]).toEqual([2, expect.stringContaining('Nothing is to change')]);
});

test('bundles are listed, shown and deleted', async () => {
  expect(lines((await withApi(['bundle', 'list'])).out)[1]?.slice(0, 3)).toEqual(['page', '2', '2']);
  await api?.close();
  expect(JSON.parse((await withApi(['bundle', 'show', 'page', '--json'])).out)).toEqual(bundle);
  await api?.close();
  expect((await withApi(['bundle', 'delete', 'page'])).out).toBe('Addon bundle page is deleted.\n');
  expect(api?.asked.at(-1)?.body.variables).toEqual({ input: { addonBundleId: 'b1' } });
});
