/** `seedbed seed …`: the clusters that hold control planes, for cloud admins. */
import type { Command } from 'commander';
import {
  CORDON_SEED,
  DRAIN_PLAN,
  DRAIN_SEED,
  REGISTER_SEED,
  SEEDS,
  UNCORDON_SEED,
  UNREGISTER_SEED,
  UPDATE_SEED,
} from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { DrainEntry, Operation, Seed } from '../client/types.ts';
import { conditionsText } from './conditions.ts';
import { getSeed, listAll } from './find.ts';
import { action, type ChangeOptions, collectLabel, define, defineChange, given, type Label, readWhole } from './options.ts';
import { type CommonOptions, type Io, readInput, type Session } from './session.ts';
import { ageOf, fields, table } from './table.ts';

interface SettingsOptions extends ChangeOptions {
  kubeconfig?: string;
  region?: string;
  label?: Label[];
  exposure?: string;
  maxClusters?: number;
  podCidr?: string;
  serviceCidr?: string;
  storageClass?: string;
  priorityClass?: string;
}

export const addSeedCommands = (program: Command, io: Io): void => {
  const seed = program.command('seed').description('clusters that hold control planes (cloud admins)');
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
  defineChange(seed, 'cordon <seed>', 'take no new clusters').action(action(io, change(CORDON_SEED, 'Cordon')));
  defineChange(seed, 'uncordon <seed>', 'take new clusters again').action(action(io, change(UNCORDON_SEED, 'Uncordon')));
  defineChange(seed, 'drain <seed>', 'take no new clusters, and move its control planes to other seeds; uncordon ends it')
    .option('--plan', 'only show where each would go, and which cannot')
    .action(action(io, drain));
  defineChange(seed, 'unregister <seed>', 'take a seed out; refused while clusters are on it').action(
    action(io, change(UNREGISTER_SEED, 'Unregister')),
  );
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
    .option('--pod-cidr <cidr>', 'range of its pods: clusters with overlapping ranges go elsewhere')
    .option('--service-cidr <cidr>', 'range of its services, likewise')
    .option('--storage-class <name>', "storage class for etcd; the seed's default without it")
    .option('--priority-class <name>', "PriorityClass of control planes' pods; the seed's default without it");

const settingsOf = (options: SettingsOptions): Record<string, unknown> => {
  const { region, label, exposure, maxClusters, podCidr, serviceCidr, storageClass, priorityClass } = options;
  const kubeconfig = options.kubeconfig === undefined ? undefined : readInput(options.kubeconfig);
  return given({ kubeconfig, region, labels: label, exposure, maxClusters, podCidr, serviceCidr, storageClass, priorityClass });
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
    if (verb === 'Unregister') await carryOut(session, answer, options, verb);
    // It counts from now on, also for a seed that does not answer, which is when it is wanted most.
    else session.print(answer.seed, () => seedText(answer.seed));
  };

const drain = async (session: Session, [nameOrId = '']: readonly string[], options: ChangeOptions & { plan?: boolean }): Promise<void> => {
  const { uuid } = await getSeed(session.client, nameOrId);
  if (options.plan !== true) {
    const input = given({ seedId: uuid, idempotencyKey: options.idempotencyKey });
    return carryOut(session, await session.client.mutate<SeedAnswer>(DRAIN_SEED, { input }), options, 'Drain');
  }
  const plan = (await session.client.request<{ seed: { drainPlan: DrainEntry[] } | null }>(DRAIN_PLAN, { id: uuid })).seed?.drainPlan ?? [];
  session.print(plan, () =>
    table(
      ['CLUSTER', 'STATE', 'TO', 'REASON'],
      plan.map(({ clusterName, state, to, reason }) => [clusterName, state, to?.name ?? null, reason]),
      'No control plane is in it.',
    ),
  );
};

const carryOut = async (session: Session, answer: SeedAnswer, options: ChangeOptions, verb: string): Promise<void> => {
  await session.finish(options, { operation: answer.operation, title: `${verb} seed ${answer.seed.name}` });
  const after = verb === 'Unregister' || options.wait === false ? answer.seed : await getSeed(session.client, answer.seed.uuid);
  session.print(after, () => (verb === 'Unregister' ? '' : seedText(after)));
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
    ['Kubernetes', seed.lastProbe?.kubernetesVersion ?? null],
    ['exposure', seed.exposure],
    ['storage class', seed.storageClass ?? seed.lastProbe?.storageClass ?? null],
    ['priority class', seed.priorityClass],
    ['clusters', seed.maxClusters === null ? seed.usedClusters : `${seed.usedClusters} of ${seed.maxClusters}`],
    ['asked for', requestedText(seed.lastProbe)],
    ['zones', seed.lastProbe?.zones.join(', ') || null],
    ['region', seed.region],
  ]) + conditionsText(seed.conditions);

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
