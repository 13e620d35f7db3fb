/** Lists of objects without pages: those that could grow without an end are on their way out. */
import { buildSchema, getNamedType, getNullableType, isCompositeType, isListType, isObjectType } from 'graphql';
import { expect, test } from 'vitest';
import { printedSchema } from '../../src/api/schema.ts';

const schema = buildSchema(printedSchema());

/** Lists of objects without pages, and why each stays short. */
const BOUNDED: Record<string, string> = {
  'Backup.conditions': 'one for each of its steps',
  'BundleChoice.options': 'at most as many as an input may have',
  'Cloud.availabilityZones': "the cloud's own, which are a few rooms",
  'Cloud.quotas': 'one for each thing that OpenStack counts',
  'Cloud.volumeTypes': "the operator's kinds of disks",
  'Cluster.addons': "Seedbed's own",
  'Cluster.bundles': 'at most as many as an input may have',
  'Cluster.certificates': 'one of each kind',
  'Cluster.conditions': 'one for each of its steps',
  'Cluster.deprecatedApis': "Kubernetes' own",
  'Cluster.overrides': 'one for each setting',
  'Cluster.placement': 'one for each seed',
  'Cluster.upgradeTargets': 'the releases of Kubernetes that Seedbed knows',
  'ClusterNode.conditions': 'one for each of its steps',
  'ClusterSpec.bundles': 'at most as many as an input may have',
  'ClusterSpec.ignoredLabels': 'at most as many as an input may have',
  'ClusterSpec.seedSelector': 'at most as many as an input may have',
  'ControlPlane.components': 'a control plane has so many parts',
  'ControlPlaneSpec.issuers': 'at most as many as an input may have',
  'ControlPlaneSpec.keystoneRoles': 'at most as many as an input may have',
  'Etcd.members': 'three or five at the most',
  'Fault.quotas': 'one for each thing that is short',
  'HibernationSchedule.windows': 'at most as many as an input may have',
  'IssuerSpec.requiredClaims': 'at most as many as an input may have',
  'LeakReport.unverified': 'one for each kind of thing that is looked for',
  'MaintenanceSpec.windows': 'at most as many as an input may have',
  'Network.subnets': 'what Neutron lets one network have',
  'NodeGroup.additionalPorts': 'at most as many as an input may have',
  'NodeGroup.conditions': 'one for each of its steps',
  'NodeGroup.labels': 'at most as many as an input may have',
  'NodeGroup.metadata': 'at most as many as an input may have',
  'NodeGroup.schedulerHints': 'at most as many as an input may have',
  'NodeGroup.taints': 'at most as many as an input may have',
  'Operation.steps': 'one for each of its steps',
  'Plan.changes': 'one for each setting',
  'Plan.creates': 'one for each kind of thing, with how many',
  'Plan.deletes': 'one for each kind of thing, with how many',
  'Plan.problems': 'one for each check',
  'Plan.quota': 'one for each thing that is counted',
  'Plan.restarts': 'one for each kind of thing, with how many',
  'Query.kubernetesVersions': 'the releases of Kubernetes that Seedbed knows',
  'Query.nodes': 'as many as were asked for by id',
  'QuotaError.quotas': 'one for each thing that is short',
  'Seed.conditions': 'one for each of its steps',
  'Seed.labels': 'at most as many as an input may have',
  'TemplateMove.changes': 'one for each setting',
  'TemplateMove.nodeGroups': "a cluster's groups, which its quota of workers bounds",
  'UpgradeTarget.addons': "Seedbed's own",
  'UpgradeTarget.components': 'a control plane has so many parts',
  'UpgradeTarget.nodeGroups': "a cluster's groups, which its quota of workers bounds",
  'UpgradeTarget.removedApis': "Kubernetes' own",
};

/** Fields that give a list of objects, but the rows of connections. */
const PLAIN = Object.values(schema.getTypeMap())
  .filter((type) => isObjectType(type) && !type.name.startsWith('__') && !type.name.endsWith('Connection'))
  .flatMap((type) =>
    isObjectType(type) ? Object.values(type.getFields()).map((field) => ({ type, field, name: `${type.name}.${field.name}` })) : [],
  )
  .filter(({ field }) => isListType(getNullableType(field.type)) && isCompositeType(getNamedType(field.type)));

test('each list of objects has pages, is on its way out for one that has, or stays short for a reason that is named', () => {
  const unbounded: string[] = [];
  for (const { type, field, name } of PLAIN) {
    const instead = type.getFields()[`${field.name}Connection`];
    if (instead === undefined) unbounded.push(name);
    else expect([name, field.deprecationReason]).toEqual([name, expect.stringMatching(`^Use ${instead.name} instead; `)]);
  }
  expect(unbounded.sort()).toEqual(Object.keys(BOUNDED).sort());
});
