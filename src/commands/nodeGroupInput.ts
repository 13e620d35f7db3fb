/** A node group as input: what is left out comes from the cluster. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ClusterSpec } from '../domain/cluster.ts';
import { UserError } from '../domain/errors.ts';
import { faultOfLabel, MAX_NODE_GROUP_NAME } from '../domain/names.ts';
import {
  CLOUD_INIT,
  type CloudInitDigest,
  DEFAULT_EXTRAS,
  furtherPortsOf,
  MAX_NODES_PER_GROUP,
  type NodeGroupSpec,
  SERVER_GROUP_POLICIES,
} from '../domain/nodeGroup.ts';
import { validateNodeLabels, validateTaints } from '../domain/nodeLabels.ts';
import { checkStrategy } from '../domain/upgradeStrategy.ts';
import { insertNodeGroup } from '../store/nodeGroups.ts';
import type { Tx } from '../store/open.ts';
import type { ClusterRow, NodeGroupRow } from '../store/reconcile.ts';
import type { CommandDeps } from './call.ts';
import { problemsInput } from './healingInput.ts';
import { clearable, given, nameBy, nameOrId, wholeNumber } from './parse.ts';
import {
  additionalPortsInput,
  distinctNames,
  existingPortsInput,
  metadataInput,
  schedulerHintsInput,
  subnetsInput,
} from './serverInput.ts';
import { rootVolumeInput } from './templateInput.ts';
import { upgradeStrategyInput } from './upgradeStrategyInput.ts';

/** The name that Magnum's users know. */
export const DEFAULT_GROUP = 'default-worker';

/** Of each worker, however they are asked for. */
const MAX_FURTHER_PORTS = 8;

const count = wholeNumber(0, MAX_NODES_PER_GROUP);

export const taintInput = z
  .strictObject({
    key: z.string(),
    value: z.string().nullish(),
    effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], 'must be NoSchedule, PreferNoSchedule or NoExecute'),
  })
  .transform(({ key, value, effect }) => ({ key, value: value ?? null, effect }));

export const nodeGroupFields = z.strictObject({
  name: nameBy(faultOfLabel, MAX_NODE_GROUP_NAME),
  count: given(count),
  minCount: given(count),
  maxCount: clearable(count),
  flavor: given(nameOrId),
  image: given(nameOrId),
  keypair: clearable(nameOrId),
  availabilityZones: given(distinctNames(10, 'zones')),
  rootVolume: clearable(rootVolumeInput),
  labels: given(z.record(z.string(), z.string())),
  taints: given(z.array(taintInput)),
  floatingIpEnabled: given(z.boolean()),
  cloudInit: given(z.string()),
  additionalNetworks: given(distinctNames(MAX_FURTHER_PORTS, 'networks')),
  subnets: given(subnetsInput),
  additionalPorts: given(additionalPortsInput),
  existingPorts: given(existingPortsInput),
  securityGroups: given(distinctNames(10, 'security groups')),
  metadata: given(metadataInput),
  schedulerHints: given(schedulerHintsInput),
  configDrive: given(z.boolean()),
  serverGroupPolicy: given(z.enum(SERVER_GROUP_POLICIES, `must be one of ${SERVER_GROUP_POLICIES.join(', ')}`)),
  upgradeStrategy: given(upgradeStrategyInput),
  healingProblems: clearable(problemsInput),
});

/** A group that is to be, its spec complete. */
export interface NewGroup {
  name: string;
  isDefault: boolean;
  spec: NodeGroupSpec;
  /** YAML, checked. */
  cloudInit: string | undefined;
}

export type NodeGroupInput = z.output<typeof nodeGroupFields>;

/**
 * What can be wrong with a group before there is a cloud to ask: the whole of what its servers are told.
 * @throws UserError INVALID_INPUT naming a path below `base`.
 */
export const checkServerData = (
  deps: CommandDeps,
  { cloudInit, labels, taints }: Pick<NodeGroupInput, 'cloudInit' | 'labels' | 'taints'>,
  base: readonly string[],
): void => {
  const told = { cloudInit: cloudInit ?? null, labels: labels ?? {}, taints: taints ?? [] };
  try {
    deps.checkUserData(told);
  } catch (error) {
    throw error instanceof UserError
      ? new UserError(error.code, error.message, { field: [...base, ...(error.detail.field ?? [])] })
      : error;
  }
};

export const digestOf = (text: string): CloudInitDigest => ({
  sha256: createHash('sha256').update(text).digest('hex'),
  sizeBytes: Buffer.byteLength(text),
});

/** @throws UserError INVALID_INPUT naming a path below `base`. */
export const groupSpecOf = (input: NodeGroupInput, cluster: ClusterSpec, isDefault: boolean, base: readonly string[]): NodeGroupSpec => {
  const labels = input.labels ?? {};
  const taints = input.taints ?? [];
  validateNodeLabels(labels, [...base, 'labels']);
  validateTaints(taints, [...base, 'taints']);
  const minCount = input.minCount ?? (isDefault ? cluster.minNodeCount : null) ?? 0;
  const maxCount = input.maxCount === undefined ? (isDefault ? cluster.maxNodeCount : null) : input.maxCount;
  checkBounds(minCount, maxCount, [...base, input.minCount === undefined ? 'maxCount' : 'minCount']);
  const spec: NodeGroupSpec = {
    flavor: input.flavor ?? cluster.flavor,
    image: input.image ?? cluster.image,
    keypair: input.keypair === undefined ? cluster.keypair : input.keypair,
    count: input.count ?? Math.max(1, minCount),
    minCount,
    maxCount,
    availabilityZones: input.availabilityZones ?? (cluster.availabilityZone === null ? [] : [cluster.availabilityZone]),
    rootVolume: input.rootVolume === undefined ? cluster.rootVolume : input.rootVolume,
    labels,
    taints,
    floatingIpEnabled: input.floatingIpEnabled ?? cluster.floatingIpEnabled,
    cloudInit: input.cloudInit === undefined ? null : digestOf(input.cloudInit),
    additionalNetworks: input.additionalNetworks ?? DEFAULT_EXTRAS.additionalNetworks,
    subnets: input.subnets ?? DEFAULT_EXTRAS.subnets,
    additionalPorts: input.additionalPorts ?? DEFAULT_EXTRAS.additionalPorts,
    existingPorts: input.existingPorts ?? DEFAULT_EXTRAS.existingPorts,
    securityGroups: input.securityGroups ?? DEFAULT_EXTRAS.securityGroups,
    metadata: input.metadata ?? DEFAULT_EXTRAS.metadata,
    schedulerHints: input.schedulerHints ?? DEFAULT_EXTRAS.schedulerHints,
    configDrive: input.configDrive ?? DEFAULT_EXTRAS.configDrive,
    serverGroupPolicy: input.serverGroupPolicy ?? DEFAULT_EXTRAS.serverGroupPolicy,
    upgradeStrategy: { ...DEFAULT_EXTRAS.upgradeStrategy, ...input.upgradeStrategy },
    healingProblems: input.healingProblems ?? null,
  };
  checkStrategy(spec.upgradeStrategy, [...base, 'upgradeStrategy']);
  checkCount(spec, spec.count, [...base, 'count']);
  checkMost(spec, spec.maxCount, [...base, 'maxCount']);
  checkPorts(spec, cluster, base);
  return spec;
};

const checkPorts = (spec: NodeGroupSpec, cluster: ClusterSpec, base: readonly string[]): void => {
  if (furtherPortsOf(spec) > MAX_FURTHER_PORTS)
    throw new UserError('INVALID_INPUT', `additionalNetworks and additionalPorts must be at most ${MAX_FURTHER_PORTS} together.`, {
      field: [...base, 'additionalPorts'],
    });
  if (spec.subnets.length === 0) return;
  const field = [...base, 'subnets'];
  if (cluster.fixedNetwork === null)
    throw new UserError(
      'INVALID_INPUT',
      'Subnets are chosen in a network of your own, which fixedNetwork names when the cluster is made; the one that Seedbed makes has a subnet for all workers. Leave subnets out.',
      { field },
    );
  // The seed lets such an API server into the range of the cluster's own subnet alone.
  if (cluster.controlPlane.tunnel === 'NONE')
    throw new UserError(
      'INVALID_INPUT',
      "Without the tunnel (controlPlane.tunnel) API servers reach workers in the cluster's own subnet alone; leave subnets out.",
      { field },
    );
};

/** @throws UserError INVALID_INPUT unless minCount ≤ maxCount. */
export const checkBounds = (minCount: number, maxCount: number | null, field: string[]): void => {
  if (maxCount !== null && minCount > maxCount)
    throw new UserError('INVALID_INPUT', `minCount ${minCount} must not be more than maxCount ${maxCount}.`, { field });
};

/** @throws UserError INVALID_INPUT unless minCount ≤ count ≤ maxCount, and each worker has a port where the customer brings them. */
export const checkCount = (spec: Pick<NodeGroupSpec, 'minCount' | 'maxCount' | 'existingPorts'>, wanted: number, field: string[]): void => {
  if (wanted < spec.minCount)
    throw new UserError('INVALID_INPUT', `The group must have at least ${spec.minCount} nodes (its minimum).`, { field });
  if (spec.maxCount !== null && wanted > spec.maxCount)
    throw new UserError('INVALID_INPUT', `The group may have at most ${spec.maxCount} nodes (its maximum).`, { field });
  checkMost(spec, wanted, field);
};

/** @throws UserError INVALID_INPUT for more workers than there are ports for. */
export const checkMost = ({ existingPorts }: Pick<NodeGroupSpec, 'existingPorts'>, most: number | null, field: string[]): void => {
  if (existingPorts.length > 0 && most !== null && most > existingPorts.length)
    throw new UserError(
      'INVALID_INPUT',
      `Each worker of the group has one of its existingPorts, so there can be at most ${existingPorts.length}; make a group with more ports.`,
      { field },
    );
};

/** @throws UserError IN_USE for a port that another group of the cluster has. */
export const refuseSharedPorts = (
  { existingPorts }: NodeGroupSpec,
  others: readonly { name: string; spec: NodeGroupSpec }[],
  base: readonly string[],
): void => {
  for (const { name, spec } of others) {
    const shared = existingPorts.findIndex((id) => spec.existingPorts.includes(id));
    if (shared >= 0)
      throw new UserError('IN_USE', `Port ${existingPorts[shared]} is node group ${name}'s, and a port serves one worker; leave it out.`, {
        field: [...base, 'existingPorts', String(shared)],
      });
  }
};

/** Stores a new group, and what its servers are told in secret. */
export const storeNodeGroup = async (deps: CommandDeps, tx: Tx, row: NodeGroupRow, cloudInit: string | undefined): Promise<void> => {
  await insertNodeGroup(tx, row);
  if (cloudInit !== undefined) await deps.secrets.put(tx, row.id, CLOUD_INIT, cloudInit, row.createdAt);
};

export const nodeGroupRow = (deps: CommandDeps, cluster: ClusterRow, group: Omit<NewGroup, 'cloudInit'>, now: number): NodeGroupRow => ({
  id: deps.newId(),
  clusterId: cluster.id,
  name: group.name,
  isDefault: group.isDefault,
  spec: group.spec,
  resolved: null,
  nodesToRemove: [],
  healing: null,
  kubernetesVersion: null,
  namesGeneration: 1,
  adoptedAt: null,
  vcpus: null,
  state: 'PENDING',
  generation: 1,
  observedGeneration: 0,
  deleteRequestedAt: null,
  deletedAt: null,
  createdAt: now,
  updatedAt: now,
});
