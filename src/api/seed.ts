/** Seeds: the clusters that hold customers' control planes. Only cloud admins and cloud readers see them. */
import { may } from '../domain/actor.ts';
import { controlPlaneMachinesOf, type MadeSeedSpec, networkDriverOf } from '../domain/madeSeed.ts';
import { MAX_SEED_WEIGHT, type SeedFacts } from '../domain/seed.ts';
import { emptySlice } from '../store/page.ts';
import type { SeedRow } from '../store/reconcile.ts';
import { findSeed, listSeeds } from '../store/seeds.ts';
import { badInput, builder, nodeType } from './builder.ts';
import { ConditionType } from './condition.ts';
import { ExposureEnum, SeedNetworkDriverEnum, SeedStateEnum } from './enums.ts';
import { plainId } from './ids.ts';
import { entriesOf, LabelType } from './label.ts';
import { byCreation, connectionOf, filterOf, listArgs, pageOf } from './paging.ts';

const SeedProbeType = builder.objectRef<SeedFacts>('SeedProbe').implement({
  description: 'What the last look at a seed found; figures are sums over its schedulable nodes.',
  fields: (t) => ({
    kubernetesVersion: t.exposeString('kubernetesVersion', { description: 'As its API server says.' }),
    kubeletVersions: t.stringList({
      description: 'What the kubelets of its nodes are, each once, oldest first; none: not noted yet.',
      resolve: ({ kubeletVersions }) => kubeletVersions ?? [],
    }),
    storageClass: t.exposeString('storageClass', { nullable: true, description: 'The default storage class; null without one.' }),
    allocatableCpuMillis: t.exposeInt('allocatableCpuMillis', { description: 'CPU, in thousandths of a core.' }),
    allocatableMemoryMiB: t.exposeInt('allocatableMemoryMiB', { description: 'Memory, in MiB.' }),
    schedulableNodes: t.exposeInt('schedulableNodes', { description: 'Nodes that take pods.' }),
    requestedCpuMillis: t.int({
      nullable: true,
      description:
        'CPU that the pods on them, and those that wait for a node, ask for: a control plane is placed where the rest suffices. Null before it was counted.',
      resolve: ({ requestedCpuMillis }) => requestedCpuMillis ?? null,
    }),
    requestedMemoryMiB: t.int({
      nullable: true,
      description: 'Memory that they ask for, likewise.',
      resolve: ({ requestedMemoryMiB }) => requestedMemoryMiB ?? null,
    }),
    zones: t.stringList({ description: 'Zones that they are in, by their labels.', resolve: ({ zones }) => zones ?? [] }),
    probedAt: t.expose('probedAt', { type: 'DateTime', description: 'When it was looked at.' }),
  }),
});

const MadeSeedType = builder.objectRef<MadeSeedSpec>('MadeSeed').implement({
  description:
    'The machines of a seed that Seedbed made in its own project. Those of the control plane run its API server and etcd, and take pods as well.',
  fields: (t) => ({
    image: t.exposeString('image', { description: 'The image of all of them.' }),
    flavor: t.exposeString('flavor', { description: 'The flavor of those of the control plane.' }),
    workerFlavor: t.exposeString('workerFlavor', { description: 'The flavor of the others.' }),
    controlPlaneMachines: t.int({
      description: 'How many run etcd and the API server: 1, or 3, of which one may be away.',
      resolve: controlPlaneMachinesOf,
    }),
    workers: t.exposeInt('workers', { description: 'How many there are to be beside those.' }),
    keypair: t.exposeString('keypair', { nullable: true, description: "The key pair on them, of Seedbed's own user; null: none." }),
    availabilityZone: t.exposeString('availabilityZone', { nullable: true, description: 'Where they are; null: where Nova likes.' }),
    externalNetwork: t.exposeString('externalNetwork', { description: 'Where its floating IP and its router lead.' }),
    nodeCidr: t.exposeString('nodeCidr', { description: 'Range of their own network.' }),
    dnsNameservers: t.exposeStringList('dnsNameservers', { description: "Name servers; none: the cloud's." }),
    kubernetesVersion: t.exposeString('kubernetesVersion', { description: 'What they are to run.' }),
    networkDriver: t.field({ type: SeedNetworkDriverEnum, description: 'The network of its pods.', resolve: networkDriverOf }),
  }),
});

export const WEIGHT = `How large a share it gets of the clusters that fit on other seeds, too: from 0 (only those that fit on no other) to ${MAX_SEED_WEIGHT}.`;

export const SeedRef = builder.objectRef<SeedRow>(nodeType('Seed'));

builder.node(SeedRef, {
  description: "A Kubernetes cluster that holds customers' control planes. Its kubeconfig is never shown.",
  id: { resolve: (row) => row.id, description: 'Id for `node`, unique in the whole API, opaque.' },
  loadMany: (ids, { loaders }) => Promise.all(ids.map((id) => loaders.seed.load(id))),
  fields: (t) => ({
    uuid: t.exposeString('id', { description: 'The plain id.' }),
    name: t.exposeString('name', { description: 'Its name.' }),
    region: t.exposeString('region', { nullable: true, description: "The cloud's region that it serves; null: any." }),
    labels: t.field({ type: [LabelType], description: 'What templates choose seeds by.', resolve: (row) => entriesOf(row.labels) }),
    exposure: t.expose('exposure', { type: ExposureEnum, description: 'How API servers are made reachable.' }),
    maxClusters: t.exposeInt('maxClusters', { nullable: true, description: 'Clusters at most; null: no limit.' }),
    weight: t.exposeInt('weight', { description: WEIGHT }),
    usedClusters: t.int({ description: 'Clusters on it.', resolve: (row, _args, { loaders }) => loaders.clustersOnSeed.load(row.id) }),
    cordoned: t.exposeBoolean('cordoned', { description: 'Takes no new clusters.' }),
    apiServerUrl: t.string({
      nullable: true,
      description: 'Where its API server is; null: it is being made, and has no address yet.',
      resolve: (row) => row.apiServerUrl || null,
    }),
    made: t.expose('made', { type: MadeSeedType, nullable: true, description: 'What Seedbed made it of; null: it was registered.' }),
    storageClass: t.exposeString('storageClass', { nullable: true, description: 'The storage class for etcd; null: its default.' }),
    priorityClass: t.exposeString('priorityClass', {
      nullable: true,
      description: "The PriorityClass of control planes' pods; null: the seed's default.",
    }),
    podCidr: t.exposeString('podCidr', { nullable: true, description: 'Range of its pods, if told.' }),
    serviceCidr: t.exposeString('serviceCidr', { nullable: true, description: 'Range of its services, if told.' }),
    lastProbe: t.expose('facts', { type: SeedProbeType, nullable: true, description: 'What the last look found; null before the first.' }),
    state: t.expose('state', { type: SeedStateEnum, description: 'Whether it can hold control planes.' }),
    silentSince: t.expose('silentSince', {
      type: 'DateTime',
      nullable: true,
      description: 'Of the first look that it did not answer, with none since that it did; null while it answers.',
    }),
    lostAt: t.expose('lostAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When it was given up for now: its clusters are UNKNOWN, and nothing is done for them, until it answers again. Null while it was not.',
    }),
    conditions: t.field({
      type: [ConditionType],
      description: 'What the checks found, with the remedy.',
      resolve: (row, _args, { loaders }) => loaders.conditions.load(row.id),
    }),
    generation: t.exposeInt('generation', { description: 'Raised by each change that is asked for.' }),
    observedGeneration: t.exposeInt('observedGeneration', { description: 'The generation that has been carried out.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was registered.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
  }),
});

const SeedConnection = builder.connectionObject(
  { type: SeedRef, name: 'SeedConnection', description: 'A page of seeds.' },
  { name: 'SeedEdge', description: 'A seed and its place in the list.' },
);

const SeedFilter = builder.inputType('SeedFilter', {
  description: 'Which seeds to list; without a field, all.',
  fields: (t) => ({
    name: t.string({ description: 'This name.' }),
    region: t.string({ description: 'This region.' }),
    cordoned: t.boolean({ description: 'Cordoned, or not.' }),
    states: t.field({ type: [SeedStateEnum], description: 'In one of these states.' }),
  }),
});

builder.queryField('seeds', (t) =>
  t.field({
    type: SeedConnection,
    description: 'Seeds, oldest first. For who is no cloud admin or cloud reader there are none.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: SeedFilter, description: 'Which ones.' }) },
    resolve: async (_root, args, { store, actor }) => {
      const page = pageOf(args);
      const slice = may(actor, 'readSeeds') ? await listSeeds(store.db, filterOf(args.filter), page) : emptySlice<SeedRow>();
      return connectionOf(slice, page, byCreation);
    },
  }),
);

builder.queryField('seed', (t) =>
  t.field({
    type: SeedRef,
    nullable: true,
    description: 'A seed by its id or name; null when it is not there, or you are no cloud admin or cloud reader.',
    args: {
      id: t.arg.id({ description: 'Its id, global or plain.' }),
      name: t.arg.string({ description: 'Its name.' }),
    },
    resolve: async (_root, { id, name }, { store, actor }) => {
      if ((id == null) === (name == null)) throw badInput('Give either id or name.');
      if (!may(actor, 'readSeeds')) return null;
      return (await findSeed(store.db, id == null ? (name ?? '') : plainId('Seed', id))) ?? null;
    },
  }),
);
