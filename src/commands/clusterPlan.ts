/** What a new cluster will be: template, overrides and labels as one checked spec, and its node groups. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import type { ProjectCatalogue } from '../domain/cloud.ts';
import { UserError } from '../domain/errors.ts';
import { faultOfLabel, MAX_CLUSTER_NAME } from '../domain/names.ts';
import { CLOUD_INIT } from '../domain/nodeGroup.ts';
import { mergeChanges, mergeSpec, type SpecChange, type TemplateSpec } from '../domain/template.ts';
import { getOfferedRelease } from '../domain/version.ts';
import { type ClusterRow, listLiveNodeGroups } from '../store/reconcile.ts';
import { listSeedRanges } from '../store/seeds.ts';
import { chooseBundles } from './bundleChoice.ts';
import type { Call, CommandDeps } from './call.ts';
import {
  checkAllowedCidrs,
  checkBackup,
  checkEgress,
  checkRangesV6,
  checkRoom,
  checkSeedExposure,
  checkSeedRanges,
  checkSpec,
  checkTunnel,
  type PathOf,
} from './checks.ts';
import { checkGroup, checkNetworks, isPortField } from './cloudChecks.ts';
import { credentialInput } from './cloudCredential.ts';
import { replicasInput } from './controlPlaneInput.ts';
import {
  checkServerData,
  DEFAULT_GROUP,
  groupSpecOf,
  type NewGroup,
  type NodeGroupInput,
  nodeGroupFields,
  refuseSharedPorts,
} from './nodeGroupInput.ts';
import { definedOf, given, nameBy, nameOrId, wholeNumber } from './parse.ts';
import { checkClusterQuotas } from './quotaChecks.ts';
import { getSeed, getTemplate } from './targets.ts';
import { labelsInput, type ReadSpec, readSpec, specFields } from './templateInput.ts';

export const clusterInput = z.strictObject({
  name: nameBy(faultOfLabel, MAX_CLUSTER_NAME),
  clusterTemplate: nameOrId,
  seed: given(nameOrId),
  overrides: given(specFields),
  labels: labelsInput,
  masterCount: replicasInput,
  nodeCount: given(wholeNumber(0, 1000)),
  nodeGroups: given(z.array(nodeGroupFields).max(20, 'must be at most 20 groups')),
  deletionProtection: given(z.boolean()),
  credential: given(credentialInput),
});
export type ClusterInput = z.output<typeof clusterInput>;

export const cloneInput = z
  .strictObject({ backupId: nameOrId })
  .extend(
    clusterInput.pick({ name: true, seed: true, nodeCount: true, nodeGroups: true, deletionProtection: true, credential: true }).shape,
  );
export type CloneInput = z.output<typeof cloneInput>;

/** What both say of where it is to be and of its workers. */
type WorkerInput = Pick<ClusterInput, 'seed' | 'nodeCount' | 'nodeGroups'>;

export interface ClusterPlan {
  projectId: string;
  template: { id: string; revision: number };
  requestedSeedId: string | null;
  /** Where it differs from its template. */
  fields: ReadSpec['fields'];
  spec: TemplateSpec;
  groups: NewGroup[];
}

/** Reads the template, the seeds and what is known of the cloud; writes nothing. @throws UserError, NotFound, Conflict naming the field. */
export const planCluster = async (deps: CommandDeps, call: Call, input: ClusterInput, projectId: string): Promise<ClusterPlan> => {
  const drawn = await drawCluster(deps, call, input, projectId);
  const requestedSeedId = await checkPlan(deps, call, drawn);
  const { template, fields, spec, groups } = drawn;
  return { projectId, template, requestedSeedId, fields, spec, groups };
};

/** The same before anything but the input itself and the template is looked at. */
export const drawCluster = async (deps: CommandDeps, call: Call, input: ClusterInput, projectId: string): Promise<DrawnCluster> => {
  const { db } = deps.store;
  const template = await getTemplate(db, call, input.clusterTemplate, 'clusterTemplate');
  const base = template.revision.spec;
  const wished = readSpec(overridesOf(input), input.labels, base.networkDriver, ['overrides']);
  // What the customer did not give comes from the template, and an override is the remedy.
  const pathOf: PathOf = (field) => wished.pathOf(field) ?? ['overrides', ...field.split('.')];
  const read = await chooseBundles(deps, db, wished, base, pathOf);
  const spec = checkSpec(
    { ...mergeSpec(base, read.fields), ignoredLabels: { ...base.ignoredLabels, ...read.ignoredLabels } },
    pathOf,
    (field) => read.pathOf(field) !== undefined,
  );
  checkTunnel(call, spec, base, pathOf);
  checkAllowedCidrs(deps, spec, base, pathOf);
  checkEgress(deps, spec, null, pathOf);
  checkBackup(deps, spec, false, pathOf);
  return {
    projectId,
    template: { id: template.template.id, revision: template.revision.revision },
    fields: read.fields,
    spec,
    groups: groupsOf(deps, input, spec),
    input,
    pathOf,
  };
};

interface Drawn extends Pick<ClusterPlan, 'projectId' | 'spec' | 'groups'> {
  input: WorkerInput;
  pathOf: PathOf;
}

type DrawnCluster = Drawn & Pick<ClusterPlan, 'template' | 'fields'>;

/** Against the cloud and the seeds, as far as they are known; the seed that was asked for, by its id. */
export const checkPlan = async (
  deps: CommandDeps,
  call: Call,
  { input, projectId, spec, groups, pathOf }: Drawn,
): Promise<string | null> => {
  checkRoom(
    spec,
    groups.reduce((sum, group) => sum + group.spec.count, 0),
    pathOf,
  );
  const nodeCidr = checkCloud(deps.peekCatalogue(projectId, call.actor.userId), input, spec, groups, pathOf);
  checkClusterQuotas(deps, { projectId, userId: call.actor.userId }, spec, groups);
  const requestedSeedId = await chooseSeed(deps, call, input);
  const candidates = await listSeedRanges(deps.store.db);
  const eligible = requestedSeedId === null ? candidates : candidates.filter((seed) => seed.id === requestedSeedId);
  checkSeedRanges(spec, nodeCidr, eligible, pathOf);
  checkSeedExposure(spec, eligible, pathOf);
  return requestedSeedId;
};

/** What a cluster's copy will be: as that is or was, at the version that its backup is of, with workers of its own. */
export const planClone = async (
  deps: CommandDeps,
  call: Call,
  input: CloneInput,
  of: { source: ClusterRow; version: string },
): Promise<ClusterPlan> => {
  const { source, version } = of;
  const spec: TemplateSpec = { ...source.spec, kubernetesVersion: getOfferedRelease(version, ['backupId']).version };
  // All of it is the first cluster's, and another backup is the remedy.
  const pathOf: PathOf = () => ['backupId'];
  const asBefore = input.nodeGroups === undefined && input.nodeCount === undefined ? await groupsAsOf(deps, source) : [];
  const groups = asBefore.length > 0 ? asBefore : groupsOf(deps, input, spec);
  const requestedSeedId = await checkPlan(deps, call, { input, projectId: source.projectId, spec, groups, pathOf });
  const template = { id: source.templateId, revision: source.templateRevision };
  return {
    projectId: source.projectId,
    template,
    requestedSeedId,
    fields: { ...source.overrides, kubernetesVersion: version },
    spec,
    groups,
  };
};

/** None when the cluster is gone. */
const groupsAsOf = async ({ store, secrets }: CommandDeps, { id }: ClusterRow): Promise<NewGroup[]> => {
  const rows = (await listLiveNodeGroups(store.db, id)).filter(({ deleteRequestedAt }) => deleteRequestedAt === null);
  const bound = rows.find(({ spec }) => spec.existingPorts.length > 0);
  if (bound !== undefined)
    throw new UserError(
      'INVALID_INPUT',
      `Node group ${bound.name} has ports of its own, which cannot be in two clusters; say by nodeGroups what workers the copy is to have.`,
      {
        field: ['nodeGroups'],
      },
    );
  return Promise.all(
    rows.map(async ({ id: groupId, name, isDefault, spec }) => ({
      name,
      isDefault,
      spec,
      cloudInit: await secrets.find(store.db, groupId, CLOUD_INIT),
    })),
  );
};

/** Magnum's word for the replicas of the control plane stands beside the setting itself. */
const overridesOf = ({ masterCount, overrides }: ClusterInput): SpecChange => {
  const given: SpecChange = overrides === undefined ? {} : definedOf(overrides);
  if (masterCount === undefined) return given;
  const replicas = given.controlPlane?.replicas ?? masterCount;
  if (replicas !== masterCount)
    throw new UserError('INVALID_INPUT', 'masterCount and overrides.controlPlane.replicas say different things; leave one of them out.', {
      field: ['masterCount'],
    });
  return mergeChanges(given, { controlPlane: { replicas } });
};

const chooseSeed = async (deps: CommandDeps, call: Call, input: WorkerInput): Promise<string | null> => {
  if (input.seed === undefined) return null;
  permit(call.actor, 'chooseSeed', undefined, { field: ['seed'] });
  return (await getSeed(deps.store.db, input.seed, 'seed')).id;
};

/** The given groups, or one default group. The one with the default's name, else the first, is the default group. */
const groupsOf = (deps: CommandDeps, input: WorkerInput, spec: TemplateSpec): NewGroup[] => {
  const given = input.nodeGroups ?? [];
  if (given.length > 0 && input.nodeCount !== undefined)
    throw new UserError('INVALID_INPUT', 'Give nodeCount for one default group, or nodeGroups with a count each, not both.', {
      field: ['nodeCount'],
    });
  if (given.length === 0) {
    const only = { name: DEFAULT_GROUP, count: input.nodeCount } as NodeGroupInput;
    const groupSpec = withBlame(
      () => groupSpecOf(only, spec, true, []),
      input.nodeCount === undefined ? ['overrides', 'minNodeCount'] : ['nodeCount'],
    );
    return [{ name: DEFAULT_GROUP, isDefault: true, spec: groupSpec, cloudInit: undefined }];
  }
  const names = given.map((group) => group.name);
  const twice = names.findIndex((name, i) => names.indexOf(name) !== i);
  if (twice >= 0)
    throw new UserError('INVALID_INPUT', `Two node groups are named ${names[twice]}; names must differ.`, {
      field: ['nodeGroups', String(twice), 'name'],
    });
  for (const [i, group] of given.entries()) checkServerData(deps, group, ['nodeGroups', String(i)]);
  const first = Math.max(0, names.indexOf(DEFAULT_GROUP));
  const groups = given.map((group, i) => ({
    name: group.name,
    isDefault: i === first,
    spec: groupSpecOf(group, spec, i === first, ['nodeGroups', String(i)]),
    cloudInit: group.cloudInit,
  }));
  for (const [i, group] of groups.entries()) refuseSharedPorts(group.spec, groups.slice(0, i), ['nodeGroups', String(i)]);
  return groups;
};

/** The lone group has no path of its own in the input. */
const withBlame = <T>(work: () => T, field: string[]): T => {
  try {
    return work();
  } catch (error) {
    throw error instanceof UserError ? new UserError(error.code, error.message, { field }) : error;
  }
};

/** Returns the range of the nodes' subnet when it is known; null when only the cloud can tell. */
const checkCloud = (
  catalogue: ProjectCatalogue | null,
  input: WorkerInput,
  spec: TemplateSpec,
  groups: readonly NewGroup[],
  pathOf: PathOf,
): string | null => {
  if (catalogue === null) return spec.fixedNetwork === null ? spec.nodeCidr : null;
  const subnets = checkNetworks(
    spec,
    groups.some((group) => group.spec.floatingIpEnabled),
    catalogue,
    pathOf,
  );
  for (const [i, group] of groups.entries()) {
    const given = input.nodeGroups?.[i];
    checkGroup(group.spec, spec, catalogue, (field) => {
      if (isPortField(field) || given?.[field] !== undefined) return ['nodeGroups', String(i), field];
      return pathOf(field === 'availabilityZones' ? 'availabilityZone' : field);
    });
  }
  if (spec.fixedNetwork === null) return spec.nodeCidr;
  // The real subnet's range counts, and the spec's own is not used.
  if (subnets === null) return null;
  const blame: PathOf = (field) => pathOf(field === 'nodeCidr' || field === 'nodeCidrV6' ? 'fixedNetwork' : field);
  checkSpec({ ...spec, fixedNetwork: null, fixedSubnet: null, fixedSubnetV6: null, nodeCidr: subnets.v4.cidr, nodeCidrV6: null }, blame);
  if (subnets.v6 !== null) checkRangesV6(spec, subnets.v6.cidr, blame);
  return subnets.v4.cidr;
};
