/** A cluster in full, for people. */
import type { Cluster } from '../client/types.ts';
import { conditionsText } from './conditions.ts';
import { ageOf, fields, table } from './table.ts';

export const clusterText = (cluster: Cluster, now: number): string =>
  [
    fields([
      ['name', cluster.name],
      ['id', cluster.uuid],
      ['state', cluster.state],
      ['Kubernetes', cluster.version],
      ['endpoint', cluster.endpoint],
      ['template', cluster.template === null ? null : `${cluster.template.name}, revision ${cluster.templateRevision.revision}`],
      ['project', cluster.projectId],
      ['created', `${ageOf(cluster.createdAt, now)} ago by ${cluster.createdBy}`],
      ['generation', `${cluster.generation}, carried out: ${cluster.observedGeneration}`],
      ['protected', cluster.deletionProtection ? 'yes' : 'no'],
    ]),
    table(
      ['NODE GROUP', 'STATE', 'NODES', 'FLAVOR', 'IMAGE'],
      cluster.nodeGroups.nodes.map((group) => [group.name, group.state, group.count, group.flavor, group.image]),
      'No node groups.',
    ),
    table(
      ['WORKER', 'STATE', 'ADDRESS', 'KUBELET', 'ZONE', 'FAULT'],
      cluster.nodes.nodes.map((node) => [
        node.name,
        node.state,
        node.address,
        node.kubeletVersion,
        node.zone,
        node.fault?.problem.message ?? null,
      ]),
      'No workers.',
    ),
    table(
      ['ADDON', 'STATE', 'VERSION', 'MESSAGE'],
      // What is neither there nor wanted is no news.
      cluster.addons.filter(({ state }) => state !== 'DISABLED').map((addon) => [addon.name, addon.state, addon.version, addon.message]),
      'No addons.',
    ),
  ].join('\n') + conditionsText(cluster.conditions);
