/** Starts the Kubernetes half of the sandbox: a seed with its API, its controllers and kubelets, and the hosted clusters in it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { KubernetesDeps, KubernetesHalf, StartKubernetes, WorldSection } from '../contract.ts';
import { type AddressRange, claimAddressRange } from './addressRange.ts';
import { createApiHandler } from './apiHandler.ts';
import { type Cluster, createCluster } from './cluster.ts';
import { startControllers, startScheduler } from './controllers/controllerManager.ts';
import { sharedObjects } from './defaultRoles.ts';
import { createPlanes, type Planes } from './hosted/planes.ts';
import { ensureInitialObjects } from './initialObjects.ts';
import { kinds, NODE } from './kinds.ts';
import { createKubelets } from './kubelet.ts';
import { type Listener, listen } from './listener.ts';
import { type AddressPool, startLoadBalancers } from './loadBalancers.ts';
import { createMachinePlanes } from './machinePlanes.ts';
import { dicts, namespaceOf, status, text } from './objects.ts';
import { ensureSeedObjects, LIMITED_USER } from './seedObjects.ts';
import { createSeedPki, type SeedPki } from './seedPki.ts';

interface SeedState {
  pki: SeedPki | null;
  port: number;
  range: number | null;
}

const VERSION = 'v1.36.3';
const HISTORY = 20_000;
const SEED_NAMES = ['sandbox', 'second'];
const FIRST_SEED = 'sandbox';

const LOGINS = { [LIMITED_USER]: `CN=${LIMITED_USER}`, admin: 'O=system:masters, CN=kubernetes-admin' };

/** The first one keeps the names that it had when it was alone. */
const suffixOf = (name: string): string => (name === FIRST_SEED ? '' : `-${name}`);

const remembered = async (
  deps: KubernetesDeps,
  name: string,
  shared: AddressRange | undefined,
): Promise<{ state: SeedState; pki: SeedPki; range: AddressRange; section: WorldSection<SeedState> }> => {
  const section = deps.world.section<SeedState>(`kubernetes/seed${suffixOf(name)}`, { pki: null, port: 0, range: null });
  const state = section.data;
  const range = shared ?? (await claimAddressRange(state.range ?? deps.range ?? undefined, join(deps.dataDir, 'world.jsonl')));
  const pki =
    state.pki ?? (await createSeedPki([deps.host, 'localhost', 'kubernetes', 'kubernetes.default', '10.96.0.1'], LOGINS, Date.now()));
  Object.assign(state, { pki, range: range.second });
  section.changed();
  return { state, pki, range, section };
};

const base64 = (pem: string): string => Buffer.from(pem).toString('base64');

const writeKubeconfig = (file: string, name: string, server: string, pki: SeedPki, login: string): string => {
  const user = pki.logins[login];
  if (!user) throw new Error(`the seed has no login ${login}`);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: name, cluster: { server, 'certificate-authority-data': base64(pki.caPem) } }],
    users: [{ name: login, user: { 'client-certificate-data': base64(user.certPem), 'client-key-data': base64(user.keyPem) } }],
    contexts: [{ name: name, context: { cluster: name, user: login } }],
    'current-context': name,
  };
  writeFileSync(file, stringify(config, { lineWidth: 0 }), { mode: 0o600 });
  return file;
};

interface SeedWorkers {
  range: AddressRange;
  pool: AddressPool;
  caPem: string;
}

/** Starts what works in the seed. Returns what stops it. */
const startSeedWorkers = (seed: Cluster, planes: Planes, { range, pool, caPem }: SeedWorkers) => {
  const addresses = new Map(seed.store.list(NODE).map((n) => [n.metadata.name, text(dicts(status(n).addresses)[0]?.address)]));
  let pods = 0;
  const kubelets = createKubelets({
    cluster: seed,
    nodes: {
      address: (node) => addresses.get(node),
      networkReady: () => true,
      podAddress() {
        pods += 1;
        return `10.244.${1 + (Math.floor(pods / 250) % 250)}.${2 + (pods % 250)}`;
      },
    },
    startProcess: planes.startProcess,
    running: () => undefined,
  });
  const stops = [
    startControllers(seed, { rootCa: caPem }),
    startScheduler(seed),
    startLoadBalancers(seed, range.prefix, pool),
    kubelets.close,
  ];
  return {
    podLog: kubelets.log,
    stop(): void {
      for (const stop of stops) stop();
    },
  };
};

const listenForSeed = async (deps: KubernetesDeps, pki: SeedPki, port: number, handle: Parameters<typeof listen>[1]): Promise<Listener> =>
  listen({ host: deps.host, port, certPem: pki.serverCertPem, keyPem: pki.serverKeyPem, clientCaPem: pki.caPem }, handle);

const snapshotOf = (cluster: Cluster): string[] =>
  kinds
    .filter((k) => !k.virtual && k.kind !== 'Event')
    .flatMap((k) => cluster.store.list(k).map((o) => `${k.kind} ${namespaceOf(o) ? `${namespaceOf(o)}/` : ''}${o.metadata.name}`));

interface Neighbours {
  /** Of which each seed has a part; undefined: the first one claims it. */
  range: AddressRange | undefined;
  pool: AddressPool;
  ordinal: number;
}

const startSeed = async (deps: KubernetesDeps, name: string, { range: shared, pool, ordinal }: Neighbours) => {
  const { state, pki, range, section } = await remembered(deps, name, shared);
  const now = (): number => Date.now();
  const seed = createCluster({
    id: name,
    version: VERSION,
    serviceCidr: '10.96.0.0/12',
    rows: deps.world.table(`kubernetes/seed${suffixOf(name)}-objects`),
    shared: sharedObjects,
    historyLimit: HISTORY,
    now,
    latency: deps.latency,
    isLostImage: deps.isLostImage,
    log: deps.log,
  });
  ensureInitialObjects(seed, [deps.host], state.port);
  const planes = createPlanes({
    seed,
    world: deps.world,
    now,
    latency: deps.latency,
    log: deps.log,
    counters: deps.counters,
    faults: deps.faults,
    playFault: deps.playFault,
    diskMs: deps.diskMs,
    isLostImage: deps.isLostImage,
  });
  ensureSeedObjects(
    seed,
    [1, 2, 3].map((i) => `${range.prefix}.255.${3 * ordinal + i}`),
  );
  const workers = startSeedWorkers(seed, planes, { range, pool, caPem: pki.caPem });
  const handler = createApiHandler({
    cluster: seed,
    authentication: { bootstrapTokens: true, anonymous: 'any' },
    service: ordinal === 0 ? 'kubernetes' : name,
    counters: deps.counters,
    faults: deps.faults,
    playFault: deps.playFault,
    podLog: workers.podLog,
    ready: () => true,
  });
  const listener = await listenForSeed(deps, pki, state.port, handler.handle);
  state.port = listener.port;
  section.changed();
  const server = `https://${deps.host}:${listener.port}`;
  const fileOf = (login: string) => join(deps.dataDir, `seed${suffixOf(name)}${login === LIMITED_USER ? '' : '-admin'}.kubeconfig`);
  return {
    range,
    handover: {
      name,
      kubeconfigFile: writeKubeconfig(fileOf(LIMITED_USER), name, server, pki, LIMITED_USER),
      adminKubeconfigFile: writeKubeconfig(fileOf('admin'), name, server, pki, 'admin'),
    },
    objects: () => snapshotOf(seed),
    hosted: () => hostedIn(planes),
    close() {
      handler.close();
      listener.close();
      workers.stop();
      planes.close();
    },
  };
};

const hostedIn = (planes: Planes) =>
  planes.list().map(({ dataId, plane }) => ({
    dataId,
    addresses: plane.addresses(),
    objects: snapshotOf(plane.cluster),
    sealedWith: plane.cluster.sealing.counts(),
  }));

/** The first seed's name is `sandbox`. After a restart of the process everything listens again at the same addresses. */
export const startKubernetes: StartKubernetes = async (deps): Promise<KubernetesHalf> => {
  const seeds: Awaited<ReturnType<typeof startSeed>>[] = [];
  const pool: AddressPool = { taken: new Map(), waiting: new Set() };
  for (const [ordinal, name] of SEED_NAMES.slice(0, deps.seeds ?? 1).entries())
    seeds.push(await startSeed(deps, name, { range: seeds[0]?.range, pool, ordinal }));
  const [first, ...others] = seeds;
  const machines = createMachinePlanes({ ...deps, now: () => Date.now() });
  return {
    ...(first !== undefined && { outside: first.range.outside }),
    controlPlanes: machines,
    seeds: seeds.map(({ handover }) => handover),
    snapshot: () => ({
      seed: seeds.flatMap((each) => each.objects()),
      ...(others.length > 0 && { otherSeeds: others.map((seed) => seed.objects()) }),
      ...(machines.list().length > 0 && { onMachines: machines.list().map(({ plane }) => snapshotOf(plane.cluster)) }),
      hosted: [...seeds.flatMap((seed) => seed.hosted()), ...machines.list().flatMap((made) => hostedIn(made.planes))],
    }),
    async close() {
      machines.close();
      for (const seed of seeds) seed.close();
      first?.range.close();
    },
  };
};
