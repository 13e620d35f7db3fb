import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { KubernetesObject } from '../../../src/controlPlane/object.ts';
import type { Machine } from '../../../src/sandbox/contract.ts';
import { bootMachine } from '../../../src/sandbox/machine.ts';
import { at, type Fields, until } from './client.ts';
import { bootstrapTenant, giveToken, type Hosted, startHosted, TOKEN, userDataFor } from './hosted.ts';
import { type SeedWorld, startSeedWorld } from './seedWorld.ts';

let world: SeedWorld;
let machines: Machine[] = [];
beforeAll(async () => {
  world = await startSeedWorld();
});
afterEach(async () => {
  for (const machine of machines) await machine.stop();
  machines = [];
});
afterAll(() => world.close());

const boot = (name: string, userData: string, state: Record<string, unknown> = {}, address = '10.20.0.5') => {
  const console: string[] = [];
  const disk = { state };
  const machine = bootMachine({
    serverId: `id-${name}`,
    name,
    userData,
    kubeVersion: null,
    address,
    addresses: [address, 'fd00::f816:3eff:fe00:5'],
    bootMs: 0,
    log: (l) => console.push(l),
    state,
    save: (s) => Object.assign(disk, { state: s }),
  });
  machines.push(machine);
  return {
    machine,
    console,
    disk,
    says: (words: RegExp) => until(`the console to say ${words}\n${console.join('\n')}`, () => console.some((l) => words.test(l))),
  };
};

const nodeOf = async (hosted: Hosted, name: string): Promise<Fields | undefined> => {
  const answer = await hosted.tenant.call('GET', `/api/v1/nodes/${name}`);
  return answer.status === 200 ? answer.body : undefined;
};
const readyStatus = (node: Fields | undefined): unknown =>
  ((at(node, 'status', 'conditions') ?? []) as Fields[]).find((c) => c.type === 'Ready')?.status;

const tenantOf = async (shortId: string, change?: (objects: KubernetesObject[]) => KubernetesObject[]): Promise<Hosted> => {
  const hosted = await startHosted(world.limited, shortId);
  await bootstrapTenant(hosted, change);
  await giveToken(hosted);
  return hosted;
};

test("a server with the product's user data joins, becomes Ready by its network, and runs pods", async () => {
  const hosted = await tenantOf('join');
  const { console, disk } = boot('w1', userDataFor(hosted, 'w1', { labels: { 'example.com/pool': 'a' } }));
  const node = await until('the node is Ready', async () => {
    const found = await nodeOf(hosted, 'w1');
    return readyStatus(found) === 'True' ? found : undefined;
  });
  expect(at(node, 'metadata', 'labels', 'example.com/pool')).toBe('a');
  expect(at(node, 'spec', 'podCIDR')).toMatch(/^10\.244\.\d+\.0\/2\d$/);
  expect(at(node, 'spec', 'taints')).toBeUndefined();
  await until(
    'CoreDNS runs',
    async () =>
      at((await hosted.tenant.call('GET', '/apis/apps/v1/namespaces/kube-system/deployments/coredns')).body, 'status', 'readyReplicas') !==
      undefined,
  );
  const requests = (await hosted.tenant.call('GET', '/apis/certificates.k8s.io/v1/certificatesigningrequests')).body.items as Fields[];
  expect(requests.map((r) => at(r, 'spec', 'username'))).toEqual([`system:bootstrap:${TOKEN.id}`]);
  await until('the console says so', () => console.some((l) => l.includes('This node has joined the cluster')));
  expect(disk.state.joined).toBe(true);
  hosted.close();
});

test('the pods of a node that is deleted go with it, and others are started elsewhere', async () => {
  const hosted = await tenantOf('orphans');
  const corePods = async () => {
    const path = '/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns';
    return ((await hosted.tenant.call('GET', path)).body.items as Fields[]).map((pod) => at(pod, 'spec', 'nodeName'));
  };
  const first = boot('w1', userDataFor(hosted, 'w1'));
  await until('CoreDNS is placed', async () => (await corePods()).includes('w1'));
  await first.machine.stop();
  boot('w2', userDataFor(hosted, 'w2'), {}, '10.20.0.6');
  await until('Ready', async () => readyStatus(await nodeOf(hosted, 'w2')) === 'True');
  expect(await corePods()).toContain('w1');
  await hosted.tenant.call('DELETE', '/api/v1/nodes/w1');
  await until('others are there', async () => (await corePods()).every((place) => place === 'w2'));
  hosted.close();
});

test('a server that stops turns NotReady, and one with its disk comes back without joining anew', async () => {
  const hosted = await tenantOf('stop');
  const first = boot('w1', userDataFor(hosted, 'w1'));
  await until('Ready', async () => readyStatus(await nodeOf(hosted, 'w1')) === 'True');
  await until('saved', () => first.disk.state.joined === true);
  await first.machine.stop();
  await until('Unknown', async () => readyStatus(await nodeOf(hosted, 'w1')) === 'Unknown');
  expect(at(await nodeOf(hosted, 'w1'), 'spec', 'taints', 0, 'key')).toBe('node.kubernetes.io/unreachable');
  await hosted.tenant.call('DELETE', `/api/v1/namespaces/kube-system/secrets/bootstrap-token-${TOKEN.id}`);
  const second = boot('w1', userDataFor(hosted, 'w1'), first.disk.state);
  await until('Ready again', async () => readyStatus(await nodeOf(hosted, 'w1')) === 'True');
  expect(second.console.some((l) => l.includes('[preflight]'))).toBe(false);
  hosted.close();
});

test('after a restart of the sandbox a running machine is Ready again', async () => {
  const hosted = await tenantOf('again');
  boot('w1', userDataFor(hosted, 'w1'));
  await until('Ready', async () => readyStatus(await nodeOf(hosted, 'w1')) === 'True');
  await world.restart();
  await until('Ready', async () => readyStatus(await nodeOf(hosted, 'w1').catch(() => undefined)) === 'True');
  hosted.close();
});

test('a wrong pin is not trusted', async () => {
  const hosted = await tenantOf('pin');
  const { says } = boot('w1', userDataFor(hosted, 'w1', { pin: 'ab'.repeat(32) }));
  await says(/cluster CA found in cluster-info ConfigMap is invalid: none of the public keys "sha256:[0-9a-f]{64}" are pinned/);
  expect(await nodeOf(hosted, 'w1')).toBeUndefined();
  hosted.close();
});

test('a token that expires is removed with its signature, and nobody joins with it', async () => {
  const hosted = await startHosted(world.limited, 'old');
  await bootstrapTenant(hosted);
  await giveToken(hosted, 1500);
  const info = () => hosted.tenant.call('GET', '/api/v1/namespaces/kube-public/configmaps/cluster-info');
  await until('signed', async () => at((await info()).body, 'data', `jws-kubeconfig-${TOKEN.id}`) !== undefined);
  await until(
    'cleaned',
    async () => (await hosted.tenant.call('GET', `/api/v1/namespaces/kube-system/secrets/bootstrap-token-${TOKEN.id}`)).status === 404,
  );
  await until('unsigned', async () => at((await info()).body, 'data', `jws-kubeconfig-${TOKEN.id}`) === undefined);
  const { says } = boot('w1', userDataFor(hosted, 'w1'));
  await says(/there is no JWS signed token in the cluster-info ConfigMap/);
  hosted.close();
});

const without = (name: string) => (objects: KubernetesObject[]) => objects.filter((o) => o.metadata.name !== name);

test.each([
  ['kubeadm:bootstrap-signer-clusterinfo', /configmaps "cluster-info" is forbidden: User "system:anonymous" cannot get/],
  ['kubeadm:nodes-kubeadm-config', /unable to fetch the kubeadm-config ConfigMap.*forbidden: User "system:bootstrap:abc123" cannot get/],
  ['kubeadm:kubelet-config', /unable to fetch the kubelet-config ConfigMap.*forbidden/],
  ['kubeadm:get-nodes', /cannot get Node "w1".*forbidden/],
  ['kubeadm:kubelet-bootstrap', /cannot create certificate signing request: .*forbidden/],
])('without the right %s the join fails and says why', async (name, words) => {
  const hosted = await tenantOf(`r${name.length}`, without(name));
  const { says } = boot('w1', userDataFor(hosted, 'w1'));
  await says(words);
  expect(await nodeOf(hosted, 'w1')).toBeUndefined();
  hosted.close();
});

test('without the approval right the request stays pending', async () => {
  const hosted = await tenantOf('approve', without('kubeadm:node-autoapprove-bootstrap'));
  const { says } = boot('w1', userDataFor(hosted, 'w1'));
  await says(/Waiting for the kubelet to perform the TLS Bootstrap/);
  const pending = await until(
    'a request',
    async () => ((await hosted.tenant.call('GET', '/apis/certificates.k8s.io/v1/certificatesigningrequests')).body.items as Fields[])[0],
  );
  expect([at(pending, 'status', 'conditions'), at(pending, 'status', 'certificate')]).toEqual([undefined, undefined]);
  hosted.close();
});

test('user data that cloud-init or kubeadm would refuse is refused', async () => {
  const hosted = await tenantOf('data');
  const good = userDataFor(hosted, 'w1');
  await boot('w1', good.replace('#cloud-config', '# cloud-config')).says(/Unhandled non-multipart/);
  await boot('w2', '#cloud-config\n{"write_files": [').says(/Failed loading yaml blob/);
  await boot('w3', good.replace('net.ipv4.ip_forward = 1', 'net.ipv4.ip_forward = 0')).says(/ip_forward contents are not set to 1/);
  await boot('w4', good.replaceAll('kubeadm.k8s.io/v1beta4', 'kubeadm.k8s.io/v1beta1')).says(/unsupported API spec/);
  expect(((await hosted.tenant.call('GET', '/api/v1/nodes')).body.items as object[]).length).toBe(0);
  hosted.close();
});

test('without a network the node stays NotReady and pods wait', async () => {
  const hosted = await tenantOf('nonet', (objects) => objects.filter((o) => o.metadata.name !== 'kube-flannel-ds'));
  boot('w1', userDataFor(hosted, 'w1'));
  const node = await until('a node', async () => {
    const found = await nodeOf(hosted, 'w1');
    return readyStatus(found) === 'False' && at(found, 'spec', 'taints') ? found : undefined;
  });
  expect((at(node, 'status', 'conditions') as Fields[]).find((c) => c.type === 'Ready')?.message).toContain('cni plugin not initialized');
  expect(at(node, 'spec', 'taints', 0, 'key')).toBe('node.kubernetes.io/not-ready');
  hosted.close();
});
