/** A backup of an etcd with 100 MB on the lab's real seed: what it moves over the network, and what writes notice of it. */
import { randomBytes } from 'node:crypto';
import { createConnection, createServer, type Server } from 'node:net';
import { applyObjects } from '../real/support/outside.ts';
import { freePort } from '../real/support/server.ts';
import {
  asMember,
  closeStory,
  followToRest,
  issueKubeconfig,
  openStory,
  prepareSeedAndTemplate,
  type Story,
  untilSucceeded,
} from '../real/support/story.ts';
import { openWorld } from '../real/support/world.ts';
import { labIsUp } from './lab.ts';
import { percentile, type Row } from './report.ts';

const NAME = 'lab-backup-bench';
const OBJECTS = 130;
/** The API server takes up to 1 MiB; base64 makes four bytes of three. */
const RANDOM_BYTES = 576 * 1024;
const QUIET_MS = 15_000;

export const benchBackup = async (): Promise<Row[]> => {
  if (!labIsUp())
    return [{ what: 'a backup of 100 MB on the lab: skipped, it is not up', figure: 'skipped', goal: '≤ 1.1 × its bytes', met: null }];
  const host = new URL(openWorld().service.authUrl).hostname;
  const [door, listen] = [await freePort(host), await freePort(host)];
  const proxy = await countingProxy(host, door, listen);
  const settings = { SEEDBED_BACKUP_LISTEN: `${host}:${listen}`, SEEDBED_BACKUP_ADDRESS: `${host}:${door}` };
  const story = await openStory('backup-bench', 'error', ['member'], settings);
  let measured = false;
  try {
    await prepareSeedAndTemplate(story, NAME);
    const rows = await measure(story, proxy);
    measured = true;
    return rows;
  } finally {
    proxy.server.close();
    await closeStory(story, !measured);
  }
};

interface Proxy {
  server: Server;
  /** To the object store, and from it. */
  moved: { up: number; down: number };
}

/** Before Seedbed's own object store: all that pods send there and fetch from there goes through it. */
const countingProxy = async (host: string, port: number, target: number): Promise<Proxy> => {
  const moved = { up: 0, down: 0 };
  const server = createServer((near) => {
    const far = createConnection({ host, port: target });
    near.on('data', (chunk) => (moved.up += chunk.length));
    far.on('data', (chunk) => (moved.down += chunk.length));
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return { server, moved };
};

const measure = async (story: Story, { moved }: Proxy): Promise<Row[]> => {
  const api = asMember(story);
  const { cluster } = await api.change<{ cluster: { id: string } }>(
    'createCluster',
    { name: NAME, clusterTemplate: NAME, nodeCount: 0 },
    'cluster { id }',
  );
  await followToRest(story, cluster.id, []);
  const kubeconfig = `${story.folder}/kubeconfig`;
  await issueKubeconfig(story, cluster.id, kubeconfig, 3_600);
  for (let i = 0; i < OBJECTS; i += 10)
    await applyObjects(
      story.world,
      kubeconfig,
      Array.from({ length: 10 }, (_, j) => configMap(`filled-${i + j}`, randomBytes(RANDOM_BYTES).toString('base64'))),
    );
  const quiet = await writeUntil(story, kubeconfig, new Promise((resolve) => setTimeout(resolve, QUIET_MS)));
  Object.assign(moved, { up: 0, down: 0 });
  const { backup, operation } = await api.change<{ backup: { id: string }; operation: { id: string } }>(
    'createBackup',
    { clusterId: cluster.id },
    'backup { id } operation { id }',
  );
  const during = await writeUntil(story, kubeconfig, untilSucceeded(story, operation.id, cluster.id, 600));
  const query = 'query($id: ID!) { node(id: $id) { ... on Backup { sizeBytes } } }';
  const { sizeBytes } = (await api.ask<{ node: { sizeBytes: number } }>(query, { id: backup.id })).node;
  await api.change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
  await followToRest(story, cluster.id, []);
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  const [up, down] = [moved.up / sizeBytes, moved.down / sizeBytes];
  return [
    {
      what: `a backup of ${mb(sizeBytes)} on the lab: sent to the object store`,
      figure: `${up.toFixed(2)} ×`,
      goal: '≤ 1.1 × its bytes',
      met: up <= 1.1,
    },
    { what: 'fetched from there, to be restored on trial', figure: `${down.toFixed(2)} ×`, goal: '≤ 1.1 × its bytes', met: down <= 1.1 },
    {
      what: `slowest of ${during.length} writes meanwhile, and of ${quiet.length} before it`,
      figure: `${Math.max(...during).toFixed(0)} ms, ${Math.max(...quiet).toFixed(0)} ms`,
      goal: 'told only',
      met: null,
    },
    {
      what: 'middle of those writes',
      figure: `${percentile(during, 50).toFixed(0)} ms, ${percentile(quiet, 50).toFixed(0)} ms`,
      goal: 'told only',
      met: null,
    },
  ];
};

const configMap = (name: string, text: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data: { text },
});

/** Milliseconds that each write took, one after another, until `end`. */
const writeUntil = async ({ world }: Story, kubeconfig: string, end: Promise<unknown>): Promise<number[]> => {
  const took: number[] = [];
  let over = false;
  const ended = end.finally(() => {
    over = true;
  });
  while (!over) {
    const began = performance.now();
    await applyObjects(world, kubeconfig, [configMap('tick', `${took.length}`)]);
    took.push(performance.now() - began);
  }
  await ended;
  return took;
};
