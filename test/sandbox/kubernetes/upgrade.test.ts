/** Machines that kubeadm made a cluster of, and how a pod takes them to another version from inside. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildMachineTask } from '../../../src/controlPlane/machineTask.ts';
import { buildPackageSource } from '../../../src/controlPlane/packages.ts';
import { buildFirstMachine, buildFurtherMachine } from '../../../src/controlPlane/seedMachine.ts';
import { UPGRADE_SCRIPT } from '../../../src/controlPlane/upgradeScript.ts';
import type { SeedAuthorities } from '../../../src/domain/madeSeed.ts';
import { caPin } from '../../../src/pki/keys.ts';
import { createSeedAuthorities, issueSeedKubeconfig } from '../../../src/pki/seedAuthorities.ts';
import type { Machine } from '../../../src/sandbox/contract.ts';
import { bootMachine } from '../../../src/sandbox/machine.ts';
import { accessOf, at, type Client, createClient, type Fields, until } from './client.ts';
import { type SeedWorld, startSeedWorld } from './seedWorld.ts';

const TOKEN = { id: 'abcdef', secret: '0123456789abcdef' };
const OLD = 'v1.34.8';
const source = (minor: string) => buildPackageSource({ url: 'https://packages.example.org/v{minor}/deb/', key: 'KEY' }, { minor });

let world: SeedWorld;
let client: Client;
let authorities: SeedAuthorities;
let outside: string;
const machines = new Map<
  string,
  { machine: Machine; console: string[]; disk: Record<string, unknown>; userData: string; address: string }
>();

const boot = (name: string, address: string, userData: string, state: Record<string, unknown> = {}): void => {
  const entry = { console: [] as string[], disk: state, userData, address };
  const machine = bootMachine({
    serverId: `id-${name}`,
    name,
    userData,
    kubeVersion: null,
    address,
    addresses: [address],
    floatingIps: () => (name === 'm-0' ? [outside] : []),
    ...(world.half.controlPlanes && { controlPlanes: world.half.controlPlanes }),
    bootMs: 0,
    log: (line) => entry.console.push(line),
    state,
    save: (saved) => {
      entry.disk = saved;
    },
  });
  machines.set(name, {
    ...entry,
    machine,
    get disk() {
      return entry.disk;
    },
  });
};

const nodes = async (): Promise<Fields[]> => ((await client.call('GET', '/api/v1/nodes')).body.items ?? []) as Fields[];
const kubelets = async (): Promise<Record<string, unknown>> =>
  Object.fromEntries((await nodes()).map((node) => [at(node, 'metadata', 'name'), at(node, 'status', 'nodeInfo', 'kubeletVersion')]));
const apiVersion = async (): Promise<unknown> => (await client.call('GET', '/version')).body.gitVersion;

beforeAll(async () => {
  world = await startSeedWorld();
  outside = (world.half.outside ?? '').replace(/\.0\/\d+$/, '.9');
  authorities = await createSeedAuthorities({ now: Date.now });
  const common = {
    seedName: 'own',
    publicAddress: outside,
    podCidr: '10.221.0.0/16',
    kubernetesVersion: OLD,
    pauseImage: 'registry.k8s.io/pause:3.10.2',
    packageSource: null,
  };
  const first = { nodeName: 'm-0', address: '10.220.0.5', peers: [], authorities, serviceCidr: '10.222.0.0/16', imageRegistry: null };
  boot('m-0', '10.220.0.5', buildFirstMachine({ ...common, ...first }));
  const { text } = await issueSeedKubeconfig('own', `https://${outside}:6443`, authorities, { now: Date.now });
  client = createClient(accessOf(text));
  await until('the first node', async () => (await nodes().catch(() => [])).length === 1);
  await client.call('POST', '/api/v1/namespaces/kube-system/secrets', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${TOKEN.id}` },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': TOKEN.id,
      'token-secret': TOKEN.secret,
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
    },
  });
  const token = `${TOKEN.id}.${TOKEN.secret}`;
  boot('m-1', '10.220.0.6', buildFurtherMachine({ ...common, nodeName: 'm-1', token, caPin: caPin(authorities.ca.cert) }));
  await until('two nodes', async () => (await nodes()).length === 2);
}, 60_000);
afterAll(async () => {
  client?.close();
  for (const { machine } of machines.values()) await machine.stop();
  await world?.close();
});

let errands = 0;
/** How it ended and what it said. */
const run = async (nodeName: string, args: string[], spoil: (pod: Fields) => void = () => {}): Promise<{ good: boolean; said: string }> => {
  errands += 1;
  const name = `errand-${errands}`;
  const task = { name, nodeName, image: 'registry.k8s.io/pause:3.10.2', unit: 'seedbed-upgrade', script: UPGRADE_SCRIPT, args, goal: '' };
  const job = buildMachineTask(task) as unknown as Fields;
  spoil(at(job, 'spec', 'template', 'spec') as Fields);
  await client.call('POST', '/apis/batch/v1/namespaces/kube-system/jobs', job);
  const ended = await until(`${name} to end`, async () => {
    const answer = await client.call('GET', `/apis/batch/v1/namespaces/kube-system/jobs/${name}`).catch(() => undefined);
    const conditions = (at(answer?.body, 'status', 'conditions') ?? []) as Fields[];
    return conditions.find(({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'));
  });
  const selector = encodeURIComponent(`app.kubernetes.io/name=${name}`);
  const pods = (await client.call('GET', `/api/v1/namespaces/kube-system/pods?labelSelector=${selector}`)).body.items as Fields[];
  const pod = String(at(pods[0], 'metadata', 'name'));
  const { text: said } = await client.call('GET', `/api/v1/namespaces/kube-system/pods/${pod}/log?container=machine`);
  return { good: ended.type === 'Complete', said };
};

test('whoever is not root of the machine in all respects does not get in', async () => {
  const container = (pod: Fields) => (pod.containers as Fields[])[0] as Fields;
  const spoilt: [RegExp, (pod: Fields) => void][] = [
    [
      /cannot open \/proc\/1\/ns\/ipc: Permission denied/,
      (pod) => Object.assign(container(pod).securityContext as Fields, { privileged: false }),
    ],
    [/Operation not permitted/, (pod) => delete (container(pod).securityContext as Fields).runAsUser],
    [/failed to execute \/bin\/sh/, (pod) => Object.assign(pod, { hostPID: false })],
    [/stat \/usr\/bin\/nsenter: no such file/, (pod) => Object.assign(container(pod), { volumeMounts: [] })],
    [/exec \/usr\/bin\/nsenter: no such file/, (pod) => (container(pod).volumeMounts as Fields[]).pop()],
  ];
  for (const [words, spoil] of spoilt) {
    const { good, said } = await run('m-1', ['v1.35.4', 'node', source('1.35')], spoil);
    expect(said).toMatch(words);
    expect(good).toBe(false);
  }
  expect(await kubelets()).toEqual({ 'm-0': OLD, 'm-1': OLD });
}, 60_000);

test('kubeadm refuses what it would: too far, without a control plane, and programs that are nowhere', async () => {
  const far = await run('m-0', ['v1.36.3', 'apply', source('1.36')]);
  expect(far).toMatchObject({ good: false, said: expect.stringContaining('kubeadm can upgrade only 1 minor version at a time') });
  expect(far.said).toMatch(/seedbed: failed: kubeadm upgrade apply\n$/);
  expect((await run('m-1', ['v1.35.4', 'apply', source('1.35')])).said).toContain(
    'open /etc/kubernetes/admin.conf: no such file or directory',
  );
  const nowhere = await run('m-1', ['v1.34.9', 'node', '']);
  expect(nowhere.said).toMatch(/failed: the machine has kubeadm \S+ and not v1\.34\.9, and no package repository is configured\n$/);
  expect((await run('m-1', ['v1.34.9', 'node', source('1.33')])).said).toContain("E: Version '1.34.9-*' for 'kubeadm' was not found");
  expect(await apiVersion()).toBe(OLD);
  expect(await kubelets()).toEqual({ 'm-0': OLD, 'm-1': OLD });
}, 60_000);

test('its API is away for a moment and comes back with the version; what runs in it goes on', async () => {
  const bystander = { name: 'bystander', namespace: 'kube-system' };
  await client.call('POST', '/api/v1/namespaces/kube-system/pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: bystander,
    spec: { nodeName: 'm-1', hostNetwork: true, containers: [{ name: 'c', image: 'registry.k8s.io/pause:3.10.2' }] },
  });
  const started = () =>
    client
      .call('GET', '/api/v1/namespaces/kube-system/pods/bystander')
      .then(({ body }) =>
        JSON.stringify([at(body, 'status', 'containerStatuses', 0, 'state'), at(body, 'status', 'containerStatuses', 0, 'restartCount')]),
      );
  await until('it runs', async () => (await started()).includes('running'));
  const before = await started();
  let away = 0;
  let over = false;
  const watch = (async () => {
    while (!over) {
      await client.call('GET', '/version').catch(() => {
        away += 1;
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const { good, said } = await run('m-0', ['v1.35.4', 'apply', source('1.35')]);
  over = true;
  await watch;
  expect(good, said).toBe(true);
  expect(away).toBeGreaterThan(0);
  expect([...said.matchAll(/^seedbed: (.*)$/gm)].map(([, words]) => words).slice(-4)).toEqual([
    'stage apply',
    'stage kubelet',
    'stage restart',
    'upgraded',
  ]);
  expect(await apiVersion()).toBe('v1.35.4');
  expect(await kubelets()).toEqual({ 'm-0': 'v1.35.4', 'm-1': OLD });
  expect(await started()).toBe(before);
  const config = (await client.call('GET', '/api/v1/namespaces/kube-system/configmaps/kubeadm-config')).body;
  expect(at(config, 'data', 'ClusterConfiguration')).toContain('kubernetesVersion: v1.35.4');
  expect(machines.get('m-0')?.console.join('\n')).toContain('seedbed: upgraded');
}, 60_000);

test('the other machine follows, and both are what they have become when they are switched on again', async () => {
  expect((await run('m-1', ['v1.35.4', 'node', source('1.35')])).good).toBe(true);
  expect(await kubelets()).toEqual({ 'm-0': 'v1.35.4', 'm-1': 'v1.35.4' });
  for (const [name, { machine, address, userData, disk }] of [...machines]) {
    await machine.stop();
    boot(name, address, userData, disk);
  }
  await until('it is there again', async () => (await apiVersion().catch(() => '')) === 'v1.35.4');
  expect(await kubelets()).toEqual({ 'm-0': 'v1.35.4', 'm-1': 'v1.35.4' });
}, 60_000);
