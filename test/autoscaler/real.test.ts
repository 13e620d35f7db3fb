/** The autoscaler itself, as it is released, in the place of its pod: pods that do not fit grow a group from nothing, and when they go it shrinks to nothing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { until } from '../reconcilers/story.ts';
import { type Living, openLiving } from '../reconcilers/world.ts';
import { accessOf, type Client, createClient } from '../sandbox/kubernetes/client.ts';
import { freeAddress } from './freeAddress.ts';

const BINARY = process.env['SEEDBED_TEST_AUTOSCALER'] ?? '';

let world: Living;
let clusterId: string;
let shortId: string;
let said = '';
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const address = await freeAddress();
  world = await openLiving({ autoscalerListen: address, autoscalerAddress: address, drainSeconds: 0 });
  clusterId = await world.makeCluster('scaled', { nodeCount: 1, overrides: { autoScalingEnabled: true } });
  // The resolvers have the worker of the other group, and may not be moved from it.
  const batch = { clusterId, name: 'batch', count: 0, maxCount: 2, labels: [{ key: 'example.org/for', value: 'batch' }] };
  await world.change(world.member, 'createNodeGroup', batch, 'nodeGroup { id }');
  await world.settled(clusterId);
  shortId = world.rows<{ shortId: string }>(`select short_id as shortId from clusters where id = '${clusterId}'`)[0]?.shortId ?? '';
});

afterAll(async () => {
  for (const end of ends.reverse()) await end();
  await world?.close();
});

// Its own words say best why it does nothing.
afterEach(({ task }) => {
  if (task.result?.state === 'fail') console.error(said.slice(-20_000));
});

const start = async (): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'seedbed-autoscaler-'));
  const namespace = `kc-${shortId}`;
  const name = `${shortId}-cluster-autoscaler`;
  const { data } = (await world.seed.get({ apiVersion: 'v1', kind: 'Secret', namespace, name: `${name}-files` })) as unknown as {
    data: Record<string, string>;
  };
  const [row] = world.rows<{ host: string; port: number }>(
    `select endpoint_host as host, endpoint_port as port from clusters where id = '${clusterId}'`,
  );
  for (const [file, text] of Object.entries(data)) {
    const content = Buffer.from(text, 'base64')
      .toString()
      .replaceAll('/etc/config', folder)
      .replace(/server: .*/, `server: https://${row?.host}:${row?.port}`);
    writeFileSync(join(folder, file), content, { mode: 0o600 });
  }
  const deployment = await world.seed.get({ apiVersion: 'apps/v1', kind: 'Deployment', namespace, name });
  const { template } = (deployment as unknown as { spec: { template: { spec: { containers: { command: string[] }[] } } } }).spec;
  const [, ...args] = template.spec.containers[0]?.command ?? [];
  const child = spawn(
    BINARY,
    [
      ...args.map((arg) => arg.replaceAll('/etc/config', folder)).filter((arg) => !arg.startsWith('--address')),
      `--address=${await freeAddress()}`,
      // The sandbox's API speaks JSON.
      '--kube-api-content-type=application/json',
      '--scan-interval=1s',
      '--scale-down-delay-after-add=1s',
      '--scale-down-unneeded-time=2s',
      '--unremovable-node-recheck-timeout=2s',
      '--v=4',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const hear = (chunk: Buffer) => {
    said += chunk.toString();
  };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', hear);
  ends.push(async () => {
    if (child.exitCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(folder, { recursive: true });
  });
};

const live = () =>
  world.rows<{ state: string }>(
    `select n.state from nodes n join node_groups g on g.id = n.node_group_id where g.cluster_id = '${clusterId}' and g.name = 'batch' and n.deleted_at is null`,
  );
const count = () =>
  world.rows<{ count: number }>(
    `select json_extract(spec, '$.count') as count from node_groups where cluster_id = '${clusterId}' and name = 'batch'`,
  )[0]?.count;

test('from nothing and back', { timeout: 240_000 }, async () => {
  const issued = await world.change<{ kubeconfig: string }>(world.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  const tenant: Client = createClient(accessOf(issued.kubeconfig));
  ends.push(async () => tenant.close());
  await until(async () => (await tenant.call('GET', '/api/v1/secrets')).status === 200);
  const pods = '/api/v1/namespaces/default/pods';
  const pod = {
    metadata: { name: 'big' },
    spec: { nodeSelector: { 'example.org/for': 'batch' }, containers: [{ name: 'c', image: 'x', resources: { requests: { cpu: '1' } } }] },
  };
  await until(async () => (await tenant.call('GET', '/api/v1/namespaces/default/serviceaccounts/default')).status === 200);
  const made = await tenant.call('POST', pods, pod);
  expect(made.status).toBe(201);
  const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/0 nodes are available' };
  await tenant.call(
    'PATCH',
    `${pods}/big/status`,
    { status: { conditions: [condition] } },
    { 'Content-Type': 'application/merge-patch+json' },
  );
  await start();
  await until(() => count() === 1, 90);
  await until(() => live().length === 1 && live()[0]?.state === 'READY', 60);
  await tenant.call('DELETE', `${pods}/big`);
  await until(() => count() === 0, 90);
  await until(() => live().length === 0, 60);
  expect(said).not.toContain('is forbidden');
});
