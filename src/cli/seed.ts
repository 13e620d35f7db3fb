/** `seedbed seed …`: the clusters that hold control planes, for cloud admins. */
import type { Command } from 'commander';
import {
  CORDON_SEED,
  CREATE_SEED,
  DELETE_SEED,
  DRAIN_PLAN,
  DRAIN_SEED,
  REGISTER_SEED,
  SCALE_SEED,
  SEEDS,
  UNCORDON_SEED,
  UNREGISTER_SEED,
  UPDATE_SEED,
  UPGRADE_SEED,
} from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { DrainEntry, Operation, Page, Seed } from '../client/types.ts';
import { conditionsText } from './conditions.ts';
import { getSeed, listAll, listPages } from './find.ts';
import {
  action,
  type ChangeOptions,
  collect,
  collectLabel,
  define,
  defineChange,
  defineCounting,
  given,
  type Label,
  readWhole,
} from './options.ts';
import { type CommonOptions, type Io, readInput, type Session } from './session.ts';
import { ageOf, fields, table } from './table.ts';

interface SettingsOptions extends ChangeOptions {
  kubeconfig?: string;
  region?: string;
  label?: Label[];
  exposure?: string;
  maxClusters?: number;
  weight?: number;
  podCidr?: string;
  serviceCidr?: string;
  storageClass?: string;
  priorityClass?: string;
}

export const addSeedCommands = (program: Command, io: Io): void => {
  const seed = program.command('seed').description('clusters that hold control planes (cloud admins)');
  withMachines(
    defineChange(seed, 'create <name>', "make a seed of machines in Seedbed's own project, and wait until it holds control planes")
      .requiredOption('--image <image>', 'image of the machines, by name or id')
      .requiredOption('--flavor <flavor>', 'flavor of the machines that run its API server and etcd, by name or id')
      .requiredOption('--external-network <network>', 'where its floating IP is from'),
  ).action(action(io, create));
  defineChange(seed, 'scale <seed>', 'change how many workers a seed has that Seedbed made')
    .requiredOption('--workers <n>', 'machines beside those of the control plane', readWhole)
    .action(action(io, scale));
  defineChange(
    seed,
    'upgrade <seed> <version>',
    'take a seed that Seedbed made to a newer patch or the next minor release of Kubernetes, machine by machine',
  ).action(action(io, upgrade));
  defineChange(seed, 'delete <seed>', 'delete a seed that Seedbed made, with its machines; refused while clusters are on it').action(
    action(io, change(DELETE_SEED, 'Delete')),
  );
  withSettings(
    defineChange(seed, 'register <name>', 'take in a Kubernetes cluster, and wait until its checks have passed').requiredOption(
      '--kubeconfig <file>',
      KUBECONFIG,
    ),
  ).action(action(io, register));
  withSettings(
    defineChange(seed, 'update <seed>', 'change what is known of a seed; what is left out stays')
      .option('--kubeconfig <file>', KUBECONFIG)
      .option('--name <name>', 'its new name'),
  ).action(action(io, update));
  define(seed, 'list', 'list seeds').action(action(io, list));
  define(seed, 'show <seed>', 'show a seed with its checks').action(action(io, show));
  defineCounting(seed, 'cordon <seed>', 'take no new clusters').action(action(io, change(CORDON_SEED, 'Cordon')));
  defineCounting(seed, 'uncordon <seed>', 'take new clusters again').action(action(io, change(UNCORDON_SEED, 'Uncordon')));
  defineChange(seed, 'drain <seed>', 'take no new clusters, and move its control planes to other seeds; uncordon ends it')
    .option('--plan', 'only show where each would go, and which cannot')
    .action(action(io, drain));
  defineChange(seed, 'unregister <seed>', 'take a seed out; refused while clusters are on it').action(
    action(io, change(UNREGISTER_SEED, 'Unregister')),
  );
};

interface MachineOptions extends ChangeOptions {
  image: string;
  flavor: string;
  externalNetwork: string;
  controlPlaneMachines?: number;
  workerFlavor?: string;
  workers?: number;
  keypair?: string;
  availabilityZone?: string;
  dnsNameserver?: string[];
  kubernetesVersion?: string;
  networkDriver?: string;
  nodeCidr?: string;
  podCidr?: string;
  serviceCidr?: string;
  region?: string;
  label?: Label[];
  maxClusters?: number;
  weight?: number;
}

const WEIGHT = 'its share of the clusters that fit on other seeds, too: 0 (only those that fit on no other) to 1000; 100 at first';

const withMachines = (command: Command): Command =>
  command
    .option(
      '--control-plane-machines <n>',
      'how many run its API server and etcd: 1 or 3; 1 without it, and never changed later',
      readWhole,
    )
    .option('--workers <n>', 'machines beside those; 1 without it', readWhole)
    .option('--worker-flavor <flavor>', 'their flavor; the same without it')
    .option('--keypair <name>', "key pair of Seedbed's own user to put on the machines")
    .option('--availability-zone <zone>', 'where the machines are; where Nova likes without it')
    .option('--dns-nameserver <address>', "IPv4 address of a name server; may be repeated; the cloud's without it", collect)
    .option('--kubernetes-version <version>', 'what the machines run; the newest without it')
    .option('--network-driver <driver>', 'the network of its pods: FLANNEL or CALICO; FLANNEL without it', (text: string) =>
      text.toUpperCase(),
    )
    .option('--node-cidr <cidr>', "range of the machines' own network")
    .option('--pod-cidr <cidr>', 'range of its pods: clusters with overlapping ranges go elsewhere')
    .option('--service-cidr <cidr>', 'range of its Services, likewise')
    .option('--region <region>', "the cloud's region that it serves; any without it")
    .option('--label <key=value>', 'what templates choose seeds by; may be repeated', collectLabel)
    .option('--max-clusters <n>', 'clusters at most', readWhole)
    .option('--weight <n>', WEIGHT, readWhole);

const create = async (session: Session, [name = '']: readonly string[], options: MachineOptions): Promise<void> => {
  const { image, flavor, externalNetwork, workerFlavor, workers, keypair, availabilityZone, kubernetesVersion } = options;
  const { controlPlaneMachines, networkDriver, nodeCidr, podCidr, serviceCidr, region, maxClusters, weight, idempotencyKey } = options;
  const settings = { workerFlavor, workers, keypair, availabilityZone, kubernetesVersion, networkDriver, nodeCidr, podCidr, serviceCidr };
  const lists = { labels: options.label, dnsNameservers: options.dnsNameserver };
  const input = {
    name,
    image,
    flavor,
    externalNetwork,
    ...given({ ...settings, ...lists, controlPlaneMachines, region, maxClusters, weight, idempotencyKey }),
  };
  await carryOut(session, await session.client.mutate<SeedAnswer>(CREATE_SEED, { input }), options, 'Create');
};

const scale = async (
  session: Session,
  [nameOrId = '']: readonly string[],
  { workers, ...options }: ChangeOptions & { workers: number },
): Promise<void> => {
  const { uuid } = await getSeed(session.client, nameOrId);
  const input = { seedId: uuid, workers, ...given({ idempotencyKey: options.idempotencyKey }) };
  await carryOut(session, await session.client.mutate<SeedAnswer>(SCALE_SEED, { input }), options, 'Scale');
};

const upgrade = async (session: Session, [nameOrId = '', version = '']: readonly string[], options: ChangeOptions): Promise<void> => {
  const { uuid } = await getSeed(session.client, nameOrId);
  const input = { seedId: uuid, version, ...given({ idempotencyKey: options.idempotencyKey }) };
  await carryOut(session, await session.client.mutate<SeedAnswer>(UPGRADE_SEED, { input }), options, 'Upgrade');
};

interface SeedAnswer {
  seed: Seed;
  operation: Operation;
}

const KUBECONFIG = 'kubeconfig with inline certificates or a token; - reads standard input';

const withSettings = (command: Command): Command =>
  command
    .option('--region <region>', "the cloud's region that it serves; any without it")
    .option('--label <key=value>', 'what templates choose seeds by; may be repeated', collectLabel)
    .option('--exposure <way>', 'how API servers are made reachable: LOAD_BALANCER or NODE_PORT')
    .option('--max-clusters <n>', 'clusters at most', readWhole)
    .option('--weight <n>', WEIGHT, readWhole)
    .option('--pod-cidr <cidr>', 'range of its pods: clusters with overlapping ranges go elsewhere')
    .option('--service-cidr <cidr>', 'range of its services, likewise')
    .option('--storage-class <name>', "storage class for etcd; the seed's default without it")
    .option('--priority-class <name>', "PriorityClass of control planes' pods; the seed's default without it");

const settingsOf = (options: SettingsOptions): Record<string, unknown> => {
  const { region, label, exposure, maxClusters, weight, podCidr, serviceCidr, storageClass, priorityClass } = options;
  const kubeconfig = options.kubeconfig === undefined ? undefined : readInput(options.kubeconfig);
  return given({ kubeconfig, region, labels: label, exposure, maxClusters, weight, podCidr, serviceCidr, storageClass, priorityClass });
};

const register = async (session: Session, [name = '']: readonly string[], options: SettingsOptions): Promise<void> => {
  const input = { name, ...settingsOf(options), ...given({ idempotencyKey: options.idempotencyKey }) };
  await carryOut(session, await session.client.mutate<SeedAnswer>(REGISTER_SEED, { input }), options, 'Register');
};

const update = async (
  session: Session,
  [nameOrId = '']: readonly string[],
  options: SettingsOptions & { name?: string },
): Promise<void> => {
  const settings = { ...settingsOf(options), ...given({ name: options.name }) };
  if (Object.keys(settings).length === 0)
    throw new ClientError('USAGE', 'Nothing is to change: give any of the options that --help lists.');
  const { uuid } = await getSeed(session.client, nameOrId);
  const input = { seedId: uuid, ...settings, ...given({ idempotencyKey: options.idempotencyKey }) };
  await carryOut(session, await session.client.mutate<SeedAnswer>(UPDATE_SEED, { input }), options, 'Update');
};

const change =
  (document: string, verb: string) =>
  async (session: Session, [nameOrId = '']: readonly string[], options: ChangeOptions): Promise<void> => {
    const { uuid } = await getSeed(session.client, nameOrId);
    const input = given({ seedId: uuid, idempotencyKey: options.idempotencyKey });
    const answer = await session.client.mutate<SeedAnswer>(document, { input });
    // Cordons count from now on, also of a seed that does not answer, which is when they are wanted most.
    if (REMOVALS.has(verb) || options.wait === true) await carryOut(session, answer, options, verb);
    else session.print(answer.seed, () => seedText(answer.seed));
  };

const drain = async (session: Session, [nameOrId = '']: readonly string[], options: ChangeOptions & { plan?: boolean }): Promise<void> => {
  const { uuid } = await getSeed(session.client, nameOrId);
  if (options.plan !== true) {
    const input = given({ seedId: uuid, idempotencyKey: options.idempotencyKey });
    return carryOut(session, await session.client.mutate<SeedAnswer>(DRAIN_SEED, { input }), options, 'Drain');
  }
  const plan = await listPages(async (after) => {
    const { seed } = await session.client.request<{ seed: { drainPlanConnection: Page<DrainEntry> } | null }>(DRAIN_PLAN, {
      id: uuid,
      after,
    });
    return seed?.drainPlanConnection;
  });
  session.print(plan, () =>
    table(
      ['CLUSTER', 'STATE', 'TO', 'REASON'],
      plan.map(({ clusterName, state, to, reason }) => [clusterName, state, to?.name ?? null, reason]),
      'No control plane is in it.',
    ),
  );
};

/** After them there is no seed to show. */
const REMOVALS: ReadonlySet<string> = new Set(['Unregister', 'Delete']);

const carryOut = async (session: Session, answer: SeedAnswer, options: ChangeOptions, verb: string): Promise<void> => {
  const { uuid, name } = answer.seed;
  const deleted = options.wait !== false;
  await session.finish(options, { operation: answer.operation, title: `${verb} seed ${name}` });
  if (REMOVALS.has(verb)) return session.print({ uuid, name, deleted }, () => (deleted ? `Seed ${name} is taken out.\n` : ''));
  const after = options.wait === false ? answer.seed : await getSeed(session.client, uuid);
  session.print(after, () => seedText(after));
};

const list = async (session: Session): Promise<void> => {
  const seeds = await listAll<Seed>(session.client, SEEDS, 'seeds');
  session.print(seeds, () =>
    table(
      ['NAME', 'STATE', 'SCHEDULABLE', 'CLUSTERS', 'KUBERNETES', 'REGION', 'AGE'],
      seeds.map((seed) => [
        seed.name,
        seed.state,
        seed.cordoned ? 'no' : 'yes',
        seed.maxClusters === null ? seed.usedClusters : `${seed.usedClusters} of ${seed.maxClusters}`,
        seed.lastProbe?.kubernetesVersion ?? null,
        seed.region,
        ageOf(seed.createdAt, session.now()),
      ]),
      'No seeds, or you are not a cloud admin.',
    ),
  );
};

const show = async (session: Session, [nameOrId = '']: readonly string[], _options: CommonOptions): Promise<void> => {
  const seed = await getSeed(session.client, nameOrId);
  session.print(seed, () => seedText(seed));
};

const seedText = (seed: Seed): string =>
  fields([
    ['name', seed.name],
    ['id', seed.uuid],
    ['state', seed.state],
    ['schedulable', seed.cordoned ? 'no, cordoned' : 'yes'],
    ...(seed.drain === null ? [] : ([['drained', `since ${seed.drain.since}, as ${seed.drain.requestedBy} asked`]] as const)),
    ...(seed.silentSince === null ? [] : ([['silent since', seed.silentSince]] as const)),
    ['API server', seed.apiServerUrl],
    ...(seed.made === null ? [] : ([['machines', machinesText(seed.made)]] as const)),
    ['Kubernetes', versionText(seed)],
    ['exposure', seed.exposure],
    ['storage class', seed.storageClass ?? seed.lastProbe?.storageClass ?? null],
    ['priority class', seed.priorityClass],
    ['clusters', seed.maxClusters === null ? seed.usedClusters : `${seed.usedClusters} of ${seed.maxClusters}`],
    ['weight', seed.weight],
    ['asked for', requestedText(seed.lastProbe)],
    ['zones', seed.lastProbe?.zones.join(', ') || null],
    ['region', seed.region],
  ]) + conditionsText(seed.conditions);

const machinesText = ({ image, flavor, workerFlavor, controlPlaneMachines, workers, networkDriver }: NonNullable<Seed['made']>): string =>
  `${controlPlaneMachines} of ${flavor}, ${workers} of ${workerFlavor}, of image ${image}, with ${networkDriver}`;

/** Of its API server; beside it what differs. */
const versionText = ({ made, lastProbe }: Seed): string | null => {
  if (lastProbe === null) return null;
  const { kubernetesVersion: api, kubeletVersions } = lastProbe;
  const wanted = made !== null && made.kubernetesVersion !== api ? `, to be ${made.kubernetesVersion}` : '';
  const nodes = kubeletVersions.some((version) => version !== api) ? `, nodes ${kubeletVersions.join(' and ')}` : '';
  return `${api}${nodes}${wanted}`;
};

/** "0.8 of 8.0 cores, 1.5 of 16.0 GiB": what pods ask for of what there is. */
const requestedText = (probe: Seed['lastProbe']): string | null => {
  if (probe === null || probe.requestedCpuMillis === null || probe.requestedMemoryMiB === null) return null;
  const share = (part: number, whole: number, unit: number, noun: string) =>
    `${(part / unit).toFixed(1)} of ${(whole / unit).toFixed(1)} ${noun}`;
  return [
    share(probe.requestedCpuMillis, probe.allocatableCpuMillis, 1_000, 'cores'),
    share(probe.requestedMemoryMiB, probe.allocatableMemoryMiB, 1_024, 'GiB'),
  ].join(', ');
};
