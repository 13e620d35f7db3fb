/** An application credential goes to the API from a file, and never stands on the command line. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  lastEventNumber: 3,
  nodes: { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } },
};
const rotate = async (...options: string[]) => {
  api = await startFakeApi(({ body }) =>
    body.query?.startsWith('mutation') === true
      ? { body: { data: { rotateCloudCredential: { __typename: 'RotateCloudCredentialPayload', cluster, operation: { uuid: 'o1' } } } } }
      : { body: { data: { cluster } } },
  );
  const ran = await run(['cluster', 'rotate-credential', 'web', '--no-wait', ...options], { SEEDBED_URL: api.url, OS_TOKEN: 'ready' });
  return { ...ran, sent: api.asked.find(({ body }) => body.query?.startsWith('mutation') === true)?.body.variables };
};
const fileWith = (text: string): string => {
  const path = join(mkdtempSync(join(tmpdir(), 'credential-')), 'credential.json');
  writeFileSync(path, text);
  return path;
};

test('what openstack prints is sent as it is, and is not printed again', async () => {
  const path = fileWith(JSON.stringify({ id: 'a1', name: 'web', secret: 'hush', roles: 'member reader' }));
  const { status, out, err, sent } = await rotate('--credential', path);
  expect(sent).toEqual({ input: { clusterId: 'c1', credential: { applicationCredentialId: 'a1', applicationCredentialSecret: 'hush' } } });
  expect([status, `${out}${err}`.includes('hush')]).toEqual([0, false]);
});

test('a trust is asked for in so many words', async () => {
  expect((await rotate('--trust')).sent).toEqual({ input: { clusterId: 'c1' } });
});

test.each([
  [[], 'Give either --credential with a file, or --trust'],
  [['--trust', '--credential', fileWith('id: a\nsecret: b')], 'Give either --credential with a file, or --trust'],
  [['--credential', fileWith('id: a1')], 'must hold the id and secret of an application credential'],
  [['--credential', fileWith('id: 12\nsecret: hush')], 'must hold the id and secret of an application credential'],
])('%j is refused before it is sent', async (options, told) => {
  const { status, err, sent } = await rotate(...options);
  expect([status, err, sent]).toEqual([2, expect.stringContaining(told), undefined]);
  expect(err).not.toContain('hush');
});
