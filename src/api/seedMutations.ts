/** createSeed, scaleSeed, upgradeSeed, deleteSeed, registerSeed, updateSeed, cordonSeed, uncordonSeed, drainSeed and unregisterSeed: for cloud admins. */
import type { SeedAnswer } from '../commands/call.ts';
import { DEFAULT_SEED_RANGES } from '../domain/madeSeed.ts';
import { DEFAULT_SEED_WEIGHT } from '../domain/seed.ts';
import { builder, type InputBuilder } from './builder.ts';
import { ExposureEnum, SeedNetworkDriverEnum } from './enums.ts';
import { plainId } from './ids.ts';
import { LabelInput } from './label.ts';
import { callFields, defineMutation, REPLAYED, targetFields } from './mutation.ts';
import { OperationRef } from './operation.ts';
import { SeedRef, WEIGHT } from './seed.ts';
import { withMaps } from './specInput.ts';

const seedPayload = (name: string, description: string) =>
  builder.objectRef<SeedAnswer>(name).implement({
    description,
    fields: (t) => ({
      seed: t.field({ type: SeedRef, description: 'The seed.', resolve: (answer) => answer.seed }),
      operation: t.field({ type: OperationRef, description: 'What carries it out.', resolve: (answer) => answer.operation }),
      replayed: t.exposeBoolean('replayed', { description: REPLAYED }),
    }),
  });

const KUBECONFIG = "YAML with inline certificates or a token; anything that runs, reads or redirects is refused by the field's name.";

const WEIGHT_INPUT = `${WEIGHT} A new seed has ${DEFAULT_SEED_WEIGHT} without it. Clusters stay where they are.`;

const settings = (t: InputBuilder) => ({
  region: t.string({ description: "The cloud's region that it serves; any without it." }),
  labels: t.field({ type: [LabelInput], description: 'What templates choose seeds by.' }),
  exposure: t.field({ type: ExposureEnum, description: 'How API servers are made reachable.' }),
  maxClusters: t.int({ description: 'Clusters at most; no limit without it.' }),
  weight: t.int({ description: WEIGHT_INPUT }),
  podCidr: t.string({ description: 'Range of its pods: clusters with overlapping ranges go elsewhere.' }),
  serviceCidr: t.string({ description: 'Range of its services: clusters with overlapping ranges go elsewhere.' }),
  storageClass: t.string({ description: "Storage class for etcd; the seed's default without it." }),
  priorityClass: t.string({
    description:
      "A PriorityClass of the seed for the pods of all its control planes; the seed's default without it. A change rolls them, cluster by cluster.",
  }),
});

const seedId = (t: InputBuilder) => t.id({ required: true, description: 'The seed, by its global or plain id or its name.' });

const CreateSeedInput = builder.inputType('CreateSeedInput', {
  description: 'What createSeed is asked. Names are of things that the project of Seedbed itself can see.',
  fields: (t) => ({
    ...callFields(t),
    name: t.string({ required: true, description: 'DNS label of at most 63 characters, unique.' }),
    image: t.string({ required: true, description: 'Image of the machines, by name or id; it must be one for workers.' }),
    flavor: t.string({
      required: true,
      description: "Flavor of the control plane's machines, which run the seed's API server and etcd, by name or id.",
    }),
    workerFlavor: t.string({ description: 'Flavor of the other machines; the same without it.' }),
    controlPlaneMachines: t.int({
      description:
        'How many run etcd and the API server: 1, or 3, of which one may be away and is replaced when it is lost; 1 without it. It cannot be changed later.',
    }),
    workers: t.int({ description: 'Machines beside those, at most 50; 1 without it.' }),
    keypair: t.string({ description: "Key pair of Seedbed's own user to put on them; none without it." }),
    availabilityZone: t.string({ description: 'Where they are; where Nova likes without it.' }),
    externalNetwork: t.string({
      required: true,
      description: 'Where the floating IP is from at which the seed and the APIs of the clusters on it are dialled, by name or id.',
    }),
    dnsNameservers: t.stringList({ description: "IPv4 addresses of name servers, at most five; the cloud's without them." }),
    kubernetesVersion: t.string({ description: 'What they run, one of `kubernetesVersions`; the newest without it.' }),
    networkDriver: t.field({
      type: SeedNetworkDriverEnum,
      description: 'The network of its pods; FLANNEL without it. It cannot be changed later.',
    }),
    nodeCidr: t.string({ description: `Range of the machines' own network; ${DEFAULT_SEED_RANGES.nodeCidr} without it.` }),
    podCidr: t.string({
      description: `Range of its pods; ${DEFAULT_SEED_RANGES.podCidr} without it. Clusters with overlapping ranges go elsewhere.`,
    }),
    serviceCidr: t.string({ description: `Range of its Services; ${DEFAULT_SEED_RANGES.serviceCidr} without it, likewise.` }),
    region: t.string({ description: "The cloud's region that it serves; any without it." }),
    labels: t.field({ type: [LabelInput], description: 'What templates choose seeds by.' }),
    maxClusters: t.int({ description: 'Clusters at most; no limit without it.' }),
    weight: t.int({ description: WEIGHT_INPUT }),
  }),
});

defineMutation({
  name: 'createSeed',
  description:
    "Makes a Kubernetes cluster of machines in Seedbed's own project, with flannel or Calico, local-path volumes and node ports at a floating IP, and takes it in as a seed. Cloud admins only.",
  input: CreateSeedInput,
  payload: seedPayload('CreateSeedPayload', 'The seed that is being made.'),
  toCommand: (input) => withMaps(input, 'labels'),
  command: (commands) => commands.createSeed,
});

const ScaleSeedInput = builder.inputType('ScaleSeedInput', {
  description: 'What scaleSeed is asked.',
  fields: (t) => ({
    ...targetFields(t),
    seedId: seedId(t),
    workers: t.int({
      required: true,
      description: 'Machines beside those of the control plane, at most 50. Fewer only while no cluster is on the seed.',
    }),
  }),
});

defineMutation({
  name: 'scaleSeed',
  description: 'Changes how many workers a seed has that Seedbed made. Cloud admins only.',
  input: ScaleSeedInput,
  payload: seedPayload('ScaleSeedPayload', 'The seed that is being scaled.'),
  toCommand: (input) => ({ ...input, seedId: plainId('Seed', input.seedId) }),
  command: (commands) => commands.scaleSeed,
});

const UpgradeSeedInput = builder.inputType('UpgradeSeedInput', {
  description: 'What upgradeSeed is asked.',
  fields: (t) => ({
    ...targetFields(t),
    seedId: seedId(t),
    version: t.string({
      required: true,
      description:
        'One of `kubernetesVersions`: a newer patch or the next minor release of the oldest that the seed runs; never an older one.',
    }),
  }),
});

defineMutation({
  name: 'upgradeSeed',
  description:
    'Takes a seed that Seedbed made to another version of Kubernetes: its machines one after another, in place, the one with its API first. Clusters on it stay up; the API of the seed itself is away for moments. Cloud admins only.',
  input: UpgradeSeedInput,
  payload: seedPayload('UpgradeSeedPayload', 'The seed that is being upgraded.'),
  toCommand: (input) => ({ ...input, seedId: plainId('Seed', input.seedId) }),
  command: (commands) => commands.upgradeSeed,
});

const DeleteSeedInput = builder.inputType('DeleteSeedInput', {
  description: 'What deleteSeed is asked.',
  fields: (t) => ({ ...targetFields(t), seedId: seedId(t) }),
});

defineMutation({
  name: 'deleteSeed',
  description:
    'Takes a seed out that Seedbed made, and deletes its machines and network; refused while clusters are on it. Cloud admins only.',
  input: DeleteSeedInput,
  payload: seedPayload('DeleteSeedPayload', 'The seed that is being deleted.'),
  toCommand: (input) => ({ ...input, seedId: plainId('Seed', input.seedId) }),
  command: (commands) => commands.deleteSeed,
});

const RegisterSeedInput = builder.inputType('RegisterSeedInput', {
  description: 'What registerSeed is asked.',
  fields: (t) => ({
    ...callFields(t),
    name: t.string({ required: true, description: 'DNS label of at most 63 characters, unique.' }),
    kubeconfig: t.string({ required: true, description: KUBECONFIG }),
    ...settings(t),
  }),
});

defineMutation({
  name: 'registerSeed',
  description: 'Takes in a Kubernetes cluster that is to hold control planes; checks follow and show as conditions. Cloud admins only.',
  input: RegisterSeedInput,
  payload: seedPayload('RegisterSeedPayload', 'The seed that is being checked.'),
  toCommand: (input) => withMaps(input, 'labels'),
  command: (commands) => commands.registerSeed,
});

const UpdateSeedInput = builder.inputType('UpdateSeedInput', {
  description: 'What updateSeed is asked; what is left out stays.',
  fields: (t) => ({
    ...targetFields(t),
    seedId: seedId(t),
    kubeconfig: t.string({ description: KUBECONFIG }),
    ...settings(t),
  }),
});

defineMutation({
  name: 'updateSeed',
  description: "Changes a seed's settings or its kubeconfig. Cloud admins only.",
  input: UpdateSeedInput,
  payload: seedPayload('UpdateSeedPayload', 'The seed that is being checked anew.'),
  toCommand: (input) => ({ ...withMaps(input, 'labels'), seedId: plainId('Seed', input.seedId) }),
  command: (commands) => commands.updateSeed,
});

const CordonSeedInput = builder.inputType('CordonSeedInput', {
  description: 'What cordonSeed is asked.',
  fields: (t) => ({ ...targetFields(t), seedId: seedId(t) }),
});

defineMutation({
  name: 'cordonSeed',
  description: 'The seed takes no new clusters; those that are there stay. Cloud admins only.',
  input: CordonSeedInput,
  payload: seedPayload('CordonSeedPayload', 'The cordoned seed.'),
  toCommand: (input) => ({ ...input, seedId: plainId('Seed', input.seedId) }),
  command: (commands) => commands.cordonSeed,
});

const UncordonSeedInput = builder.inputType('UncordonSeedInput', {
  description: 'What uncordonSeed is asked.',
  fields: (t) => ({ ...targetFields(t), seedId: seedId(t) }),
});

defineMutation({
  name: 'uncordonSeed',
  description: 'The seed takes new clusters again, and is drained no more. Cloud admins only.',
  input: UncordonSeedInput,
  payload: seedPayload('UncordonSeedPayload', 'The seed.'),
  toCommand: (input) => ({ ...input, seedId: plainId('Seed', input.seedId) }),
  command: (commands) => commands.uncordonSeed,
});

const DrainSeedInput = builder.inputType('DrainSeedInput', {
  description: 'What drainSeed is asked.',
  fields: (t) => ({ ...targetFields(t), seedId: seedId(t) }),
});

defineMutation({
  name: 'drainSeed',
  description:
    'The seed takes no new clusters, and its control planes go to other seeds, as moveControlPlane moves one: two at a time, in the order of drainPlan, until none is left. It goes on by itself; what cannot be moved is named with the reason by the condition SeedDrained, and goes once the reason has. uncordonSeed ends it, and what is on its way arrives. Asked again, those whose move was called off are tried again. Cloud admins only.',
  input: DrainSeedInput,
  payload: seedPayload('DrainSeedPayload', 'The seed that is being drained.'),
  toCommand: (input) => ({ ...input, seedId: plainId('Seed', input.seedId) }),
  command: (commands) => commands.drainSeed,
});

const UnregisterSeedInput = builder.inputType('UnregisterSeedInput', {
  description: 'What unregisterSeed is asked.',
  fields: (t) => ({ ...targetFields(t), seedId: seedId(t) }),
});

defineMutation({
  name: 'unregisterSeed',
  description: 'Takes a seed out that was registered; refused while clusters are on it. Cloud admins only.',
  input: UnregisterSeedInput,
  payload: seedPayload('UnregisterSeedPayload', 'The seed that is being taken out.'),
  toCommand: (input) => ({ ...input, seedId: plainId('Seed', input.seedId) }),
  command: (commands) => commands.unregisterSeed,
});
