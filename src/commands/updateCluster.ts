/** updateCluster: changes settings of a living cluster; its flow carries them out. */
import { z } from 'zod';
import { UserError } from '../domain/errors.ts';
import { mergeChanges, mergeSpec, type SpecPath, settingAt, settingsOf } from '../domain/template.ts';
import { stableJson } from '../lib/json.ts';
import type { Looking, Tx } from '../store/open.ts';
import { supersedeOperations } from '../store/operations.ts';
import { type ClusterRow, listLiveNodeGroups, patchCluster } from '../store/reconcile.ts';
import { wakeNodeGroups, wakeNodes, wakeNow } from '../store/wake.ts';
import { announce, clusterSubject, newOperation } from './announce.ts';
import { chooseBundles } from './bundleChoice.ts';
import type { Call, ClusterAnswer, Command, CommandDeps } from './call.ts';
import { checkAllowedCidrs, checkBackup, checkEgress, checkSpec, checkTunnel, type PathOf } from './checks.ts';
import { checkMayChange, outcomeOf, recallClusterAnswer } from './clusterCommand.ts';
import { runOnce } from './idempotent.ts';
import { definedOf, given, nameOrId, ownInput, parseInput, requireChange } from './parse.ts';
import { checkReplicas } from './quotaChecks.ts';
import { getCluster, recallCluster } from './targets.ts';
import { labelsInput, type ReadSpec, readSpec, specFields } from './templateInput.ts';
import { refreshTrust } from './trust.ts';

const schema = z.strictObject({
  clusterId: nameOrId,
  overrides: given(specFields),
  labels: labelsInput,
  deletionProtection: given(z.boolean()),
});
type Input = z.output<typeof schema>;

export const updateCluster =
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    const input = parseUpdate(raw);
    return runOnce<ClusterAnswer, void>(deps, call, {
      mutation: 'updateCluster',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const row = await getCluster(tx.db, call, input.clusterId);
        checkMayChange(call, 'updateCluster', row);
        const { cluster, operation } = await write(deps, call, tx, row, input);
        return outcomeOf({ cluster, operation });
      },
      recall: recallClusterAnswer(deps, call),
    });
  };

/** @throws UserError INVALID_INPUT for the first fault, and for a change of nothing. */
export const parseUpdate = (raw: unknown): Input => {
  const input = parseInput(schema, ownInput(raw));
  const { clusterId: _about, overrides, ...others } = input;
  requireChange({ ...definedOf(overrides ?? {}), ...others });
  return input;
};

interface ReadUpdate {
  read: ReadSpec;
  pathOf: PathOf;
}

/** What is asked for, its possibility apart. @throws UserError naming the field. */
export const readUpdate = async (deps: CommandDeps, { db }: Looking, row: ClusterRow, input: Input): Promise<ReadUpdate> => {
  const wished = readSpec(input.overrides === undefined ? {} : definedOf(input.overrides), input.labels, row.spec.networkDriver, [
    'overrides',
  ]);
  const pathOf = (path: SpecPath) => wished.pathOf(path) ?? ['overrides', ...path.split('.')];
  return { read: await chooseBundles(deps, db, wished, row.spec, pathOf), pathOf };
};

/** The spec as it is to be. @throws UserError, Conflict for what the cluster cannot take. */
export const checkUpdate = async (
  deps: CommandDeps,
  call: Call,
  at: Looking,
  row: ClusterRow,
  { read, pathOf }: ReadUpdate,
): Promise<ClusterRow['spec']> => {
  const spec = changedSpec(deps, call, row, read, pathOf);
  await checkReached(at, row, spec, pathOf);
  await checkReplicas(deps, at, row, spec, pathOf('controlPlane.replicas'));
  return spec;
};

const write = async (deps: CommandDeps, call: Call, tx: Tx, row: ClusterRow, input: Input) => {
  const now = deps.clock.now();
  const asked = await readUpdate(deps, tx, row, input);
  const { read } = asked;
  const spec = await checkUpdate(deps, call, tx, row, asked);
  const change = {
    spec,
    overrides: mergeChanges(row.overrides, read.fields),
    deletionProtection: input.deletionProtection ?? row.deletionProtection,
    generation: row.generation + 1,
    updatedAt: now,
    ...(row.state === 'READY' && { state: 'UPDATING' as const }),
  };
  await patchCluster(tx, row.id, change);
  const subject = clusterSubject(row);
  const operation = newOperation(deps, call, 'UPDATE_CLUSTER', subject, change.generation);
  await supersedeOperations(tx, operation, { kinds: ['UPDATE_CLUSTER'] }, now);
  await announce(
    tx,
    subject,
    operation,
    change.state ?? row.state,
    `Cluster ${row.name} is being changed, as ${call.actor.userName} asked.`,
    'CHANGED',
  );
  await refreshTrust(tx, deps, call, row);
  await wakeNow(tx, 'CLUSTER', row.id, now);
  if (ofGroups(spec) !== ofGroups(row.spec)) await wakeNodeGroups(tx, row.id, now, false);
  await wakeForProblems(tx, row, spec, now);
  return { cluster: await recallCluster(tx.db, call, row.id), operation };
};

/** Each group heals by itself, and by itself leaves its nodes alone outside the windows. */
const ofGroups = ({ autoHealingEnabled, healing, maintenance }: ClusterRow['spec']): string =>
  stableJson([autoHealingEnabled, healing, maintenance.windows]);

/** Other problems count: what a worker reports is looked at by the worker's own pass. */
export const wakeForProblems = async (tx: Tx, { id, spec }: ClusterRow, wanted: ClusterRow['spec'], now: number): Promise<void> => {
  if (stableJson(wanted.healing.problems) !== stableJson(spec.healing.problems)) await wakeNodes(tx, { clusterId: id }, now, false);
};

const changedSpec = (deps: CommandDeps, call: Call, row: ClusterRow, read: ReadSpec, pathOf: PathOf): ClusterRow['spec'] => {
  for (const [path, value] of settingsOf(read.fields))
    if (stableJson(value) !== stableJson(settingAt(row.spec, path)) && !mayChange(path)) throw fixedSetting(path, pathOf(path));
  const wanted = mergeSpec(row.spec, read.fields);
  // A version that has expired since is no reason to refuse another change.
  const spec =
    stableJson(wanted) === stableJson(row.spec) ? row.spec : checkSpec(wanted, pathOf, (path) => read.pathOf(path) !== undefined);
  checkTunnel(call, spec, row.spec, pathOf);
  checkAllowedCidrs(deps, spec, row.spec, pathOf);
  checkEgress(deps, spec, row.spec, pathOf);
  checkBackup(deps, spec, row.spec.backup.enabled, pathOf);
  return { ...spec, ignoredLabels: { ...row.spec.ignoredLabels, ...read.ignoredLabels } };
};

/** The seed lets an API server without the tunnel into the range of the cluster's own subnet alone. @throws UserError INVALID_INPUT. */
export const checkReached = async ({ db }: Looking, row: ClusterRow, spec: ClusterRow['spec'], pathOf: PathOf): Promise<void> => {
  if (spec.controlPlane.tunnel !== 'NONE' || row.spec.controlPlane.tunnel === 'NONE') return;
  const elsewhere = (await listLiveNodeGroups(db, row.id)).find((group) => group.spec.subnets.length > 0);
  if (elsewhere === undefined) return;
  throw new UserError(
    'INVALID_INPUT',
    `Node group ${elsewhere.name} has subnets of its own, and without the tunnel API servers reach workers in the cluster's own subnet alone; keep the tunnel, or delete the group first.`,
    { field: pathOf('controlPlane.tunnel') },
  );
};

/** Settings that the flow carries out on a living cluster; the beginning of a path stands for all below it. */
const CHANGEABLE: readonly string[] = [
  'controlPlane.replicas',
  'controlPlane.apiServerReplicas',
  'controlPlane.etcd.quotaGiB',
  'controlPlane.etcd.snapshotCount',
  'controlPlane.etcd.heartbeatMs',
  'controlPlane.etcd.electionMs',
  'controlPlane.etcd.autoCompaction',
  'controlPlane.etcd.defragSchedule',
  'controlPlane.resources',
  'addons',
  'bundles',
  'controlPlane.tunnel',
  'controlPlane.allowedCidrs',
  'controlPlane.audit',
  'controlPlane.issuers',
  'controlPlane.keystoneRoles',
  'volumeDriver',
  'keystoneAuthEnabled',
  'autoHealingEnabled',
  'healing',
  'autoScalingEnabled',
  'autoScaling',
  'backup',
  'maintenance',
  'hibernationSchedule',
];

/** Of those, what is carried out once: Calico makes its pool of addresses when it starts for the first time. */
const MADE_ONCE: readonly SpecPath[] = ['addons.calico.blockSize', 'addons.calico.natOutgoing'];

/** A living cluster can take another value of this setting. */
export const mayChange = (path: SpecPath): boolean =>
  !MADE_ONCE.includes(path) && CHANGEABLE.some((known) => path === known || path.startsWith(`${known}.`));

const REMEDIES: Partial<Record<string, string>> = {
  flavor: 'give its node groups the flavor that you want (updateNodeGroup)',
  image: 'give its node groups the image that you want (updateNodeGroup)',
  keypair: 'give its node groups the key pair that you want (updateNodeGroup)',
  kubernetesVersion: 'call upgradeCluster',
};

const fixedSetting = (path: SpecPath, field: string[]): UserError =>
  new UserError(
    'INVALID_INPUT',
    `${field.join('.')} of a living cluster cannot be changed; ${REMEDIES[path] ?? 'leave it out, or make another cluster with it'}.`,
    { field },
  );
