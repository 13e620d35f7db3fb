/**
 * updateNodeGroup: other bounds, what its workers are made of, and how they are replaced. The count follows into the bounds, so that no group is ever outside its own;
 * workers follow all else by being replaced.
 */
import { z } from 'zod';
import { Conflict, UserError } from '../domain/errors.ts';
import { CLOUD_INIT, MAX_NODES_PER_GROUP, type NodeGroupSpec } from '../domain/nodeGroup.ts';
import { validateNodeLabels, validateTaints } from '../domain/nodeLabels.ts';
import { apiServerVersionOf, settingsDigestOf } from '../domain/roll.ts';
import { checkStrategy } from '../domain/upgradeStrategy.ts';
import { getOfferedRelease, mayJoin } from '../domain/version.ts';
import { stableJson } from '../lib/json.ts';
import { noteSettingsDigest } from '../store/nodes.ts';
import type { Looking } from '../store/open.ts';
import { type ClusterRow, listLiveNodeGroups, type NodeGroupRow, patchNodeGroup } from '../store/reconcile.ts';
import { wakeNodes } from '../store/wake.ts';
import type { Call, CommandDeps } from './call.ts';
import { checkRoom } from './checks.ts';
import { checkGroup } from './cloudChecks.ts';
import { problemsInput } from './healingInput.ts';
import { begin, nodeGroupCommand } from './nodeGroupCommand.ts';
import { checkBounds, checkMost, checkServerData, digestOf, taintInput } from './nodeGroupInput.ts';
import { clearable, definedOf, given, nameOrId, requireChange, wholeNumber } from './parse.ts';
import { checkGroupRoom, checkGrowth, flavorVcpus, vcpusOf } from './quotaChecks.ts';
import { metadataInput } from './serverInput.ts';
import { checkGeneration, getNodeGroup } from './targets.ts';
import { versionInput } from './templateInput.ts';
import { upgradeStrategyInput } from './upgradeStrategyInput.ts';

export const updateGroupInput = z.strictObject({
  nodeGroupId: nameOrId,
  minCount: given(wholeNumber(0, MAX_NODES_PER_GROUP)),
  maxCount: clearable(wholeNumber(0, MAX_NODES_PER_GROUP)),
  flavor: given(nameOrId),
  image: given(nameOrId),
  keypair: clearable(nameOrId),
  labels: given(z.record(z.string(), z.string())),
  taints: given(z.array(taintInput)),
  cloudInit: clearable(z.string()),
  metadata: given(metadataInput),
  kubernetesVersion: clearable(versionInput),
  upgradeStrategy: given(upgradeStrategyInput),
  healingProblems: clearable(problemsInput),
});
type Change = Omit<z.output<typeof updateGroupInput>, 'nodeGroupId'>;

interface Found {
  cluster: ClusterRow;
  nodeGroup: NodeGroupRow;
}

/** A group as a change makes it; `vcpus`: what a worker counts in the project's quota, null where nobody knows. */
export type GroupAfter = Pick<NodeGroupRow, 'spec' | 'kubernetesVersion' | 'vcpus'>;

export const updateNodeGroup = nodeGroupCommand({
  mutation: 'updateNodeGroup',
  schema: updateGroupInput,
  find: (db, call, { nodeGroupId }) => getNodeGroup(db, call, nodeGroupId),
  write: async (at, found, { nodeGroupId: _, ...change }) => {
    const { deps, call, tx } = at;
    const { cluster, nodeGroup: row } = found;
    const after = groupAfter(deps, call, found, change);
    for (const check of updateGroupChecks(deps, call, tx, found, { change, after })) await check();
    const { spec } = after;
    const generation = row.generation + 1;
    const now = deps.clock.now();
    if (settingsDigestOf(spec) !== settingsDigestOf(row.spec)) await noteSettingsDigest(tx, row.id, settingsDigestOf(row.spec));
    if (change.cloudInit != null) await deps.secrets.put(tx, row.id, CLOUD_INIT, change.cloudInit, now);
    if (change.cloudInit === null) await deps.secrets.remove(tx, row.id, CLOUD_INIT);
    await patchNodeGroup(tx, row.id, {
      ...after,
      generation,
      updatedAt: now,
      ...(namesOf(change).length > 0 && { namesGeneration: generation }),
      ...(row.state === 'READY' && { state: 'UPDATING' }),
    });
    // What a worker reports is looked at by the worker's own pass.
    if (stableJson(spec.healingProblems) !== stableJson(row.spec.healingProblems)) await wakeNodes(tx, { nodeGroupId: row.id }, now, false);
    return begin(at, cluster, row, {
      kind: 'UPDATE_NODE_GROUP',
      generation,
      state: 'UPDATING',
      message: `Node group ${row.name} ${sentenceOf(row.spec, spec, change)}, as ${call.actor.userName} asked.`,
      what: 'CHANGED',
      supersedes: { kinds: spec.count === row.spec.count ? ['UPDATE_NODE_GROUP'] : ['UPDATE_NODE_GROUP', 'RESIZE_NODE_GROUP'] },
    });
  },
});

/** Whose cloud's flavors are looked at. */
const ownerOf = ({ cluster }: Found, call: Call) => ({ projectId: cluster.projectId, userId: call.actor.userId });

/** Nothing of it is checked. */
export const groupAfter = (deps: CommandDeps, call: Call, found: Found, change: Change): GroupAfter => {
  const { nodeGroup: row } = found;
  const owner = ownerOf(found, call);
  const { minCount = row.spec.minCount, maxCount = row.spec.maxCount } = change;
  const count = Math.max(minCount, Math.min(row.spec.count, maxCount ?? MAX_NODES_PER_GROUP));
  const upgradeStrategy = { ...row.spec.upgradeStrategy, ...change.upgradeStrategy };
  const healingProblems = change.healingProblems === undefined ? row.spec.healingProblems : change.healingProblems;
  return {
    spec: { ...machinesOf(row.spec, change), minCount, maxCount, count, upgradeStrategy, healingProblems },
    kubernetesVersion: change.kubernetesVersion === undefined ? row.kubernetesVersion : change.kubernetesVersion,
    vcpus: (change.flavor === undefined ? null : flavorVcpus(deps, owner, { flavor: change.flavor })) ?? vcpusOf(deps, owner, row),
  };
};

/** In this order; each throws UserError or Conflict naming the field. */
export const updateGroupChecks = (
  deps: CommandDeps,
  call: Call,
  at: Looking,
  found: Found,
  { change, after }: { change: Change; after: GroupAfter },
): (() => Promise<void>)[] => {
  const { cluster, nodeGroup: row } = found;
  const { spec, kubernetesVersion, vcpus } = after;
  const { minCount, maxCount, count } = spec;
  const owner = ownerOf(found, call);
  return [
    async () => {
      requireChange(change);
      if (row.deleteRequestedAt !== null)
        throw new Conflict('CONFLICT', `Node group ${row.name} is being deleted; it cannot be changed any more.`);
      checkGeneration(call, row);
      checkBounds(minCount, maxCount, [change.minCount === undefined ? 'maxCount' : 'minCount']);
      checkMost(row.spec, minCount, ['minCount']);
      checkMost(row.spec, change.maxCount ?? null, ['maxCount']);
      if (count <= row.spec.count) return;
      const others = (await listLiveNodeGroups(at.db, cluster.id)).filter(({ id }) => id !== row.id);
      const total = others.reduce((sum, group) => sum + group.spec.count, count);
      checkRoom(cluster.spec, total, () => ['minCount']);
    },
    () => checkGroupRoom(deps, at, owner, row, { count, vcpus }, [count > row.spec.count ? 'minCount' : 'flavor']),
    () => checkGrowth(deps, at, owner, row, count, ['minCount']),
    async () => checkStrategy(spec.upgradeStrategy, ['upgradeStrategy']),
    () => checkMachines(deps, call, at, found, { change, after }),
    async () => checkVersion(cluster, row, kubernetesVersion),
  ];
};

/** What its workers are made of, after the change. */
const machinesOf = (spec: NodeGroupSpec, change: Change): NodeGroupSpec => ({
  ...spec,
  flavor: change.flavor ?? spec.flavor,
  image: change.image ?? spec.image,
  keypair: change.keypair === undefined ? spec.keypair : change.keypair,
  labels: change.labels ?? spec.labels,
  taints: change.taints ?? spec.taints,
  metadata: change.metadata ?? spec.metadata,
  cloudInit: change.cloudInit === undefined ? spec.cloudInit : change.cloudInit === null ? null : digestOf(change.cloudInit),
});

/** Fields that name what is in the cloud, which is looked up anew even under the same name: another image may have it by now. */
export const namesOf = (change: Change): string[] =>
  (['flavor', 'image', 'keypair'] as const).filter((field) => change[field] !== undefined);

/** @throws UserError INVALID_INPUT for what no worker could be made of, as far as that is known. */
const checkMachines = async (
  deps: CommandDeps,
  call: Call,
  at: Looking,
  { cluster, nodeGroup: row }: Found,
  { change, after: { spec } }: { change: Change; after: GroupAfter },
): Promise<void> => {
  if (change.labels !== undefined) validateNodeLabels(spec.labels, ['labels']);
  if (change.taints !== undefined) validateTaints(spec.taints, ['taints']);
  if (change.labels !== undefined || change.taints !== undefined || change.cloudInit != null) {
    const kept = change.cloudInit === undefined ? await deps.secrets.find(at.db, row.id, CLOUD_INIT) : undefined;
    checkServerData(deps, { cloudInit: change.cloudInit ?? kept, labels: spec.labels, taints: spec.taints }, []);
  }
  const catalogue = deps.peekCatalogue(cluster.projectId, call.actor.userId);
  if (namesOf(change).length > 0 && catalogue !== null) checkGroup(spec, cluster.spec, catalogue, (field) => [field]);
};

/** @throws UserError UNSUPPORTED_VERSION; INVALID_INPUT for one whose kubelets must not talk to the API servers that run. */
const checkVersion = (cluster: ClusterRow, row: NodeGroupRow, version: string | null): void => {
  if (version === null || version === row.kubernetesVersion) return;
  const field = ['kubernetesVersion'];
  getOfferedRelease(version, field);
  const running = apiServerVersionOf(cluster);
  if (!mayJoin(version, running))
    throw new UserError(
      'INVALID_INPUT',
      `Workers may be at most three minor releases older than the control plane's ${running} and no newer; choose another version, or leave it out (null) and they follow the control plane.`,
      { field },
    );
};

const WORDS: Partial<Record<keyof Change, string>> = {
  keypair: 'key pair',
  cloudInit: 'cloud-init',
  kubernetesVersion: 'version',
  upgradeStrategy: 'upgrade strategy',
  healingProblems: 'list of problems to heal',
};

/** Goes on after the group's name. */
const sentenceOf = (before: NodeGroupSpec, after: NodeGroupSpec, change: Change): string => {
  const { minCount: _min, maxCount: _max, ...others } = change;
  const fields = Object.keys(definedOf(others)) as (keyof Change)[];
  const words = fields.map((field) => WORDS[field] ?? field);
  const changes = words.length === 0 ? [] : [`gets another ${words.join(', ')}`];
  const moved = before.count === after.count ? '' : ` and goes from ${before.count} to ${after.count}`;
  const { minCount, maxCount } = after;
  const bounds = maxCount === null ? `${minCount} nodes or more` : `${minCount} to ${maxCount} nodes`;
  const isBound = change.minCount !== undefined || change.maxCount !== undefined;
  return [...(isBound ? [`may have ${bounds}${moved}`] : []), ...changes].join(' and ');
};
