/** `seedbed nodegroup …`: workers of one shape. */
import type { Command } from 'commander';
import { RESIZE_NODE_GROUP } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { Cluster, NodeGroup, Operation } from '../client/types.ts';
import { getCluster } from './find.ts';
import { action, type ChangeOptions, collect, define, defineChange, given, readWhole } from './options.ts';
import type { Io, Session } from './session.ts';
import { table } from './table.ts';

interface ResizeOptions extends ChangeOptions {
  count: number;
  remove?: string[];
}

export const addNodeGroupCommands = (program: Command, io: Io): void => {
  const nodegroup = program.command('nodegroup').description('groups of workers of one shape');
  define(nodegroup, 'list <cluster>', "list a cluster's node groups").action(action(io, list));
  defineChange(nodegroup, 'resize <cluster> <nodegroup>', 'change how many workers a group has')
    .requiredOption('--count <n>', 'workers that are wanted', readWhole)
    .option('--remove <worker>', 'name of a worker that is to go first; may be repeated', collect)
    .action(action(io, resize));
};

const list = async (session: Session, [nameOrId = '']: readonly string[]): Promise<void> => {
  const cluster = await getCluster(session.client, nameOrId);
  session.print(cluster.nodeGroups.nodes, () => groupsText(cluster, cluster.nodeGroups.nodes));
};

const groupsText = (cluster: Cluster, groups: readonly NodeGroup[]): string =>
  table(
    ['NAME', 'STATE', 'READY', 'WANTED', 'MIN', 'MAX', 'FLAVOR', 'IMAGE', 'DEFAULT'],
    groups.map((group) => [
      group.name,
      group.state,
      nodesOf(cluster, group).filter((node) => node.state === 'READY').length,
      group.count,
      group.minCount,
      group.maxCount,
      group.flavor,
      group.image,
      group.isDefault ? 'yes' : 'no',
    ]),
    'No node groups.',
  );

const nodesOf = (cluster: Cluster, group: NodeGroup) => cluster.nodes.nodes.filter((node) => node.nodeGroup?.uuid === group.uuid);

const resize = async (session: Session, [clusterName = '', groupName = '']: readonly string[], options: ResizeOptions): Promise<void> => {
  const cluster = await getCluster(session.client, clusterName);
  const group = cluster.nodeGroups.nodes.find((g) => g.name === groupName || g.uuid === groupName);
  if (group === undefined) throw new ClientError('NOT_FOUND', `Cluster ${cluster.name} has no node group ${groupName}.`);
  const nodesToRemove = options.remove?.map((name) => {
    const node = nodesOf(cluster, group).find((n) => n.name === name || n.uuid === name);
    if (node === undefined) throw new ClientError('NOT_FOUND', `Node group ${group.name} has no worker ${name}.`);
    return node.uuid;
  });
  const input = given({ nodeGroupId: group.uuid, count: options.count, nodesToRemove, idempotencyKey: options.idempotencyKey });
  const { operation } = await session.client.mutate<{ operation: Operation }>(RESIZE_NODE_GROUP, { input });
  const progress = { id: cluster.uuid, after: cluster.lastEventNumber };
  await session.finish(options, { operation, title: `Resize ${cluster.name}/${group.name} to ${options.count}`, cluster: progress });
  const after = await getCluster(session.client, cluster.uuid);
  const resized = after.nodeGroups.nodes.filter((g) => g.uuid === group.uuid);
  session.print(resized[0], () => groupsText(after, resized));
};
