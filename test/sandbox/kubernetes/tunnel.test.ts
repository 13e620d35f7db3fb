/** The way from a hosted API server to its nodes: through the product's konnectivity pair, and every way in which the pair can be wrong. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { KubernetesObject } from '../../../src/controlPlane/object.ts';
import type { Machine } from '../../../src/sandbox/contract.ts';
import { bootMachine } from '../../../src/sandbox/machine.ts';
import { at, type Fields, until } from './client.ts';
import { bootstrapTenant, giveToken, type Hosted, isReady, logOf, podOf, type Spoil, startHosted, userDataFor } from './hosted.ts';
import { type SeedWorld, startSeedWorld } from './seedWorld.ts';

let world: SeedWorld;
let machine: Machine | undefined;
beforeAll(async () => {
  world = await startSeedWorld();
});
afterEach(async () => {
  await machine?.stop();
});
afterAll(() => world.close());

const AGENTS = '/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkonnectivity-agent';

/** A cluster with one Ready node `w1`, and its agent's pod. */
const withNode = async (shortId: string, spoil: Spoil = {}, change?: (objects: KubernetesObject[]) => KubernetesObject[]) => {
  const hosted = await startHosted(world.limited, shortId, spoil);
  await bootstrapTenant(hosted, change);
  await giveToken(hosted);
  machine = bootMachine({
    serverId: 'id-w1',
    name: 'w1',
    userData: userDataFor(hosted, 'w1'),
    kubeVersion: null,
    address: '10.20.0.5',
    addresses: ['10.20.0.5'],
    bootMs: 0,
    log: () => {},
    state: {},
    save: () => {},
  });
  await until('the node is Ready', async () => {
    const { body } = await hosted.tenant.call('GET', '/api/v1/nodes/w1');
    return ((at(body, 'status', 'conditions') ?? []) as Fields[]).some((c) => c.type === 'Ready' && c.status === 'True');
  });
  return hosted;
};
const agentOf = async (hosted: Hosted): Promise<Fields | undefined> =>
  ((await hosted.tenant.call('GET', AGENTS)).body.items as Fields[]).find((pod) => !at(pod, 'metadata', 'deletionTimestamp'));
const healthz = (hosted: Hosted) => hosted.tenant.call('GET', '/api/v1/nodes/w1/proxy/healthz');
const logOfPod = async (hosted: Hosted, pod: Fields | undefined) =>
  hosted.tenant.call('GET', `/api/v1/namespaces/kube-system/pods/${String(at(pod, 'metadata', 'name'))}/log`);
/** Spells an object anew. */
const rewritten = (kind: string, name: RegExp, from: string | RegExp, to: string) => (objects: KubernetesObject[]) =>
  objects.map((o) =>
    o.kind === kind && name.test(o.metadata.name) ? (JSON.parse(JSON.stringify(o).replaceAll(from, to)) as KubernetesObject) : o,
  );

test('with agents connected the API server reaches kubelets, also after a roll of the API server', async () => {
  const hosted = await withNode('tunnel');
  await until('the agent is ready', async () => isReady(await agentOf(hosted)));
  expect(await healthz(hosted)).toMatchObject({ status: 200, text: 'ok' });
  expect((await logOfPod(hosted, await agentOf(hosted))).status).toBe(200);
  const pod = await podOf(world.limited, hosted, 'apiServer');
  await world.limited.call('DELETE', `/api/v1/namespaces/kc-tunnel/pods/${String(at(pod, 'metadata', 'name'))}`);
  await until('another pod serves, and the agents have found it', async () => {
    const next = await podOf(world.limited, hosted, 'apiServer');
    return next && at(next, 'metadata', 'uid') !== at(pod, 'metadata', 'uid') && (await healthz(hosted)).status === 200;
  });
  hosted.close();
});

test('at a node port agents dial the port that the seed chose', async () => {
  const hosted = await startHosted(world.limited, 'nodeport', { cluster: { exposure: 'NODE_PORT' } });
  const { body } = await world.limited.call('GET', '/api/v1/namespaces/kc-nodeport/services/nodeport-kube-apiserver');
  const ports = at(body, 'spec', 'ports') as Fields[];
  expect(ports.find((p) => p.name === 'konnectivity')).toMatchObject({ port: 8132, nodePort: expect.any(Number) });
  hosted.close();
});

test('without a tunnel and without a route neither logs nor health of a kubelet come through', async () => {
  const hosted = await withNode('route', { cluster: { tunnel: 'NONE' } });
  expect(await healthz(hosted)).toMatchObject({ status: 503, text: expect.stringContaining('dial tcp 10.20.0.5:10250: i/o timeout') });
  const pods = (await hosted.tenant.call('GET', '/api/v1/namespaces/kube-system/pods')).body.items as Fields[];
  expect(await logOfPod(hosted, pods[0])).toMatchObject({ status: 500, text: expect.stringContaining('i/o timeout') });
  hosted.close();
});

test.each<[string, RegExp | string, string | RegExp, string]>([
  ['a token for another audience', 'DaemonSet', '"audience":"system:konnectivity-server"', '"audience":"api"'],
  ["another service account's token", 'DaemonSet', '"serviceAccountName":"konnectivity-agent"', '"serviceAccountName":"coredns"'],
  ['no right to review tokens', 'ClusterRoleBinding', 'system:auth-delegator', 'view'],
  ['another port', 'DaemonSet', '--proxy-server-port=8132', '--proxy-server-port=8091'],
])('an agent with %s is not let in, and the API server says so', async (_what, kind, from, to) => {
  const name = kind === 'DaemonSet' ? /konnectivity-agent/ : /system:konnectivity-server/;
  const shortId = `bad${(_what.length * 7) % 100}`;
  const hosted = await withNode(shortId, {}, rewritten(String(kind), name, from, to));
  await until('an agent that is not ready', async () => {
    const pod = await agentOf(hosted);
    return pod !== undefined && at(pod, 'status', 'phase') === 'Running';
  });
  expect(isReady(await agentOf(hosted))).toBe(false);
  expect(await healthz(hosted)).toMatchObject({ status: 503, text: expect.stringContaining('No agent available') });
  hosted.close();
});

test('an agent does not trust a server whose certificate is not of its cluster', async () => {
  const hosted = await withNode('stranger', {
    pki: (pki, other) => ({ ...pki, leaves: { ...pki.leaves, konnectivityServer: other.leaves.konnectivityServer } }),
  });
  await until('the agent runs', async () => at(await agentOf(hosted), 'status', 'phase') === 'Running');
  expect((await healthz(hosted)).status).toBe(503);
  hosted.close();
});

test.each([
  ['flag', '--mode=grpc', '--mood=grpc', /unknown flag: --mood/],
  ['socket', '--uds-name=/run/konnectivity/', '--uds-name=/tmp/', /dial unix .*no such file or directory/],
  ['mode', '--mode=grpc', '--mode=http-connect', /speaks GRPC/],
  ['port', '--server-port=0', '--server-port=8090', /server port should be set to 0 not 8090 for UDS/],
])('a server with a wrong %s keeps its pod from being ready', async (what, from, to, words) => {
  const hosted = await startHosted(world.limited, `srv${what}`, { objects: rewritten('Deployment', /kube-apiserver/, from, to) });
  await until(`the log to say ${words}`, async () => words.test(await logOf(world.limited, hosted, 'apiServer')));
  expect(isReady(await podOf(world.limited, hosted, 'apiServer'))).toBe(false);
  hosted.close();
});
