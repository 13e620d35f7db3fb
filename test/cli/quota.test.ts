/** Limits as they are typed, and as the API takes them. */
import { afterEach, expect, test } from 'vitest';
import { type FakeApi, startFakeApi } from './fakeApi.ts';
import { run } from './run.ts';

let api: FakeApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

const figures = { limit: 5, isDefault: false, used: 0, reserved: 0 };
const projectQuota = {
  projectId: 'p1',
  ...{ clusters: figures, nodes: { ...figures, limit: null }, workerVcpus: { ...figures, isDefault: true }, controlPlaneReplicas: figures },
};
const set = async (...options: string[]) => {
  api = await startFakeApi(() => ({ body: { data: { answer: { __typename: 'SetQuotaPayload', projectQuota } } } }));
  return run(['quota', 'set', 'p1', ...options], { SEEDBED_URL: api.url, OS_TOKEN: 'ready' });
};

test('a number, none and default: what is not given is not sent, and the default is what is not set', async () => {
  const { status, out } = await set('--clusters', '50', '--nodes', 'none', '--worker-vcpus', 'default');
  expect(api?.asked.map(({ body }) => body.variables?.['input'])).toEqual([
    { projectId: 'p1', clusters: 50, nodes: -1, workerVcpus: null },
  ]);
  expect([status, out.split(/\s{2,}|\n/)]).toEqual([0, expect.arrayContaining(['workers', 'none', 'vCPUs of workers', '5 (default)'])]);
});

test('anything else is wrong usage', async () => {
  const { status, err } = await set('--clusters', 'many');
  expect([status, err]).toEqual([2, expect.stringContaining('It must be a whole number, "none" or "default".')]);
  expect(api?.asked).toEqual([]);
});
