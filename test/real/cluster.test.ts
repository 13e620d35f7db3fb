/** A cluster's whole life on a real OpenStack and a real seed, watched through the public API and judged by outside tools. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { expectCleanReport, expectNothingLeft, listNamespaces, namespaceOf, routerAddress, serversOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { applyObjects, createKubectl, type Kubectl, listThings, makeGroup, type Thing, verifyChain } from './support/outside.ts';
import { expectWorkersReach } from './support/reach.ts';
import { run, until } from './support/run.ts';
import {
  asMember,
  closeStory,
  followToRest,
  issueKubeconfig,
  kubeconfigState,
  openStory,
  prepareSeedAndTemplate,
  type Story,
} from './support/story.ts';

const WORKERS = 2;
const NAME = 'lab-life';

interface ClusterSeen {
  id: string;
  uuid: string;
  shortId: string;
  name: string;
  state: string;
  endpoint: string;
  caCertificate: string;
}

interface KubernetesNode {
  metadata: { name: string };
  status: { conditions: { type: string; status: string }[]; nodeInfo: { kubeletVersion: string } };
}

let story: Story;
let failed = false;
let thingsBefore: Thing[];
let namespacesBefore: string[];
let cluster: ClusterSeen;
let kubeconfigPath: string;
let kubectl: Kubectl;
const events: ProgressEvent[] = [];

beforeAll(async () => {
  story = await openStory('life');
  thingsBefore = await listThings(story.world);
  namespacesBefore = await listNamespaces(story);
  await prepareSeedAndTemplate(story, NAME);
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

afterAll(async () => {
  if (story === undefined) return;
  if (cluster !== undefined) await removeAtAnyRate();
  expect(await closeStory(story, failed)).toBe(0);
});

/** A test that failed half-way must not leave servers behind. */
const removeAtAnyRate = async (): Promise<void> => {
  const now = await asMember(story).ask<{ cluster: { state: string } | null }>('query($id: ID!) { cluster(id: $id) { state } }', {
    id: cluster.id,
  });
  if (now.cluster === null || now.cluster.state === 'DELETED') return;
  if (now.cluster.state !== 'DELETING') await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
  await followToRest(story, cluster.id, events);
};

test('an ordinary member makes a cluster and watches it become READY', async () => {
  const created = await asMember(story).change<{ cluster: ClusterSeen }>(
    'createCluster',
    { name: NAME, clusterTemplate: NAME, nodeCount: WORKERS },
    'cluster { id uuid shortId name state }',
  );
  cluster = created.cluster;
  const last = await followToRest(story, cluster.id, events);
  expect(last).toMatchObject({ settled: true, subjectKind: 'CLUSTER', state: 'READY' });
  expect(events.map((event) => event.number)).toEqual(events.map((_, i) => i + 1));
  const seen = await asMember(story).ask<{ cluster: ClusterSeen }>(
    'query($id: ID!) { cluster(id: $id) { id uuid shortId name state endpoint caCertificate } }',
    { id: cluster.id },
  );
  cluster = seen.cluster;
  expect(cluster.state).toBe('READY');
});

test('kubectl with the issued kubeconfig reaches the API server, and its nodes are Ready', async () => {
  kubeconfigPath = `${story.folder}/kubeconfig`;
  await issueKubeconfig(story, cluster.id, kubeconfigPath);
  kubectl = createKubectl(story.world, kubeconfigPath);
  expect(await kubectl('get', '--raw', '/readyz')).toBe('ok');
  const nodes = (JSON.parse(await kubectl('get', 'nodes', '-o', 'json')) as { items: KubernetesNode[] }).items;
  expect(nodes).toHaveLength(WORKERS);
  for (const node of nodes) {
    expect(node.status.conditions.find(({ type }) => type === 'Ready')?.status).toBe('True');
    expect(node.status.nodeInfo.kubeletVersion).toBe('v1.36.3');
  }
});

test('a revoked kubeconfig may do nothing more, and another goes on', async () => {
  const path = `${story.folder}/revoked.kubeconfig`;
  const id = await issueKubeconfig(story, cluster.id, path);
  const revoked = createKubectl(story.world, path);
  await asMember(story).change('revokeKubeconfig', { kubeconfigId: id }, 'record { state }');
  await until('the cluster has forgotten the kubeconfig', 30, async () => (await kubeconfigState(story, id)) === 'REVOKED' || undefined);
  await expect(revoked('get', 'namespaces')).rejects.toThrow(/Forbidden/);
  expect(await kubectl('get', 'namespaces', '-o', 'name')).toContain('namespace/default');
});

test("openssl accepts the served chain for the address under the cluster's authority alone", async () => {
  const { hostname, port } = new URL(cluster.endpoint);
  const caFile = `${story.folder}/ca.crt`;
  writeFileSync(caFile, cluster.caCertificate);
  const issued = parse(readFileSync(kubeconfigPath, 'utf8')) as { clusters: { cluster: { 'certificate-authority-data': string } }[] };
  expect(
    Buffer.from(issued.clusters[0]?.cluster['certificate-authority-data'] ?? '', 'base64')
      .toString()
      .trim(),
  ).toBe(cluster.caCertificate.trim());
  await verifyChain(hostname, Number(port), caFile);
  await expect(verifyChain(hostname, Number(port), '/etc/ssl/certs/ca-certificates.crt')).rejects.toThrow(/verify/i);
  const served = await run('openssl', ['s_client', '-connect', `${hostname}:${port}`, '-showcerts']);
  writeFileSync(`${story.folder}/served.pem`, served);
  expect(
    await run('openssl', ['verify', '-CAfile', caFile, '-purpose', 'sslserver', '-verify_ip', hostname, `${story.folder}/served.pem`]),
  ).toMatch(/: OK/);
});

test("openstacksdk sees the servers in the member's project with network, security group, server group and user data", async () => {
  const servers = await serversOf(story, cluster);
  expect(servers).toHaveLength(WORKERS);
  const things = await listThings(story.world);
  const named = (kind: string, id: string) => things.find((thing) => thing.kind === kind && thing.id === id)?.name ?? '';
  for (const server of servers) {
    expect(server).toMatchObject({ status: 'ACTIVE', project: story.memberProjectId, serverGroups: ['soft-anti-affinity'] });
    expect(server.ports).toHaveLength(1);
    const [port] = server.ports;
    expect(named('network', port?.network ?? '')).toContain(cluster.shortId);
    expect(port?.addresses[0]).toMatch(new RegExp(`^${story.nodeCidr.replace(/0\/24$/, '').replaceAll('.', '\\.')}`));
    expect(port?.securityGroups.map((id) => named('security group', id))).toEqual([expect.stringContaining(cluster.shortId)]);
    expect(server.userData).toMatch(/^#cloud-config\n/);
    const userData = parse(server.userData ?? '') as { write_files: { path: string; content: string }[] };
    const join = userData.write_files.map(({ content }) => content).find((content) => content.includes('JoinConfiguration'));
    expect(join).toContain(new URL(cluster.endpoint).host);
    expect(join).toContain(server.name);
  }
});

test('the tokens by which the nodes joined are gone', async () => {
  await until('no bootstrap token is left', 60, async () => {
    const left = await kubectl(
      '-n',
      'kube-system',
      'get',
      'secrets',
      '--field-selector',
      'type=bootstrap.kubernetes.io/token',
      '-o',
      'name',
    );
    return left.trim() === '' ? true : undefined;
  });
});

test('pods run on each worker and reach each other across workers, and a Service by its DNS name', async () => {
  await expectWorkersReach(story, kubectl, kubeconfigPath, WORKERS);
});

test('with a route to the workers, logs and exec work through the API server', async ({ skip }) => {
  const { routeToTenant } = story.world;
  if (routeToTenant === null) return skip('this world gives the seed no route; the tunnel comes later');
  await routeToTenant(story.nodeCidr, await routerAddress(story, cluster));
  expect(await until('the logs come', 60, () => kubectl('logs', 'asking-0'))).toMatch(/^echo-/m);
  expect(await kubectl('exec', 'deployment/echo', '--', 'cat', '/tmp/w/index.html')).toMatch(/^echo-/);
});

interface GroupsSeen {
  cluster: {
    nodeGroups: { nodes: { id: string; nodes: { nodes: { name: string; conditions: { name: string; message: string }[] }[] } }[] };
  };
}

test('a worker that goes is drained first, as a PodDisruptionBudget lets it', async () => {
  const look = async () => {
    const query = `query($id: ID!) { cluster(id: $id) { nodeGroups { nodes { id
      nodes { nodes { name conditions { name message } } } } } } }`;
    const [group] = (await asMember(story).ask<GroupsSeen>(query, { id: cluster.id })).cluster.nodeGroups.nodes;
    return { groupId: group?.id ?? '', nodes: group?.nodes.nodes ?? [] };
  };
  const metadata = { name: 'echo', namespace: 'default' };
  const spec = { minAvailable: WORKERS, selector: { matchLabels: { app: 'echo' } } };
  await applyObjects(story.world, kubeconfigPath, [{ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata, spec }]);
  const { groupId } = await look();
  await asMember(story).change('resizeNodeGroup', { nodeGroupId: groupId, count: WORKERS - 1 }, 'operation { id }');
  await until('the budget holds the worker', 60, async () => {
    const drains = (await look()).nodes.flatMap(({ conditions }) => conditions.filter(({ name }) => name === 'Drained'));
    return drains.find(({ message }) =>
      /default\/echo-\S+ may not: PodDisruptionBudget default\/echo allows no more disruptions now/.test(message),
    );
  });
  await kubectl('delete', 'poddisruptionbudget', 'echo');
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  expect(await look()).toMatchObject({ nodes: [{ name: expect.any(String) }] });
  const left = (JSON.parse(await kubectl('get', 'nodes', '-o', 'json')) as { items: KubernetesNode[] }).items;
  expect(left).toHaveLength(WORKERS - 1);
  expect(await serversOf(story, cluster)).toHaveLength(WORKERS - 1);
});

test('deletion leaves nothing of the cluster and touches nothing else', async () => {
  const seed = createKubectl(story.world, story.world.seedAdminKubeconfigPath);
  await seed('get', 'namespace', namespaceOf(cluster));
  // As a request that outlived its process would have left it: with the cluster's mark, and in no note.
  const unnoted = await makeGroup(story.world, `Made by Seedbed for cluster ${cluster.name} (${cluster.uuid})`);
  await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, subjectKind: 'CLUSTER', state: 'DELETED' });
  expect(events.map((event) => event.number)).toEqual(events.map((_, i) => i + 1));
  await expectNothingLeft(story, cluster, thingsBefore, namespacesBefore);
  expect((await listThings(story.world)).filter(({ id }) => id === unnoted)).toEqual([]);
  await expectCleanReport(story, cluster);
});
