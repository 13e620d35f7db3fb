/** `seedbed node …`: single workers. */
import type { Command } from 'commander';
import { REPLACE_NODE } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { Operation } from '../client/types.ts';
import { workersText } from './clusterText.ts';
import { getCluster } from './find.ts';
import { action, type ChangeOptions, define, defineChange, given } from './options.ts';
import type { Io, Session } from './session.ts';

export const addNodeCommands = (program: Command, io: Io): void => {
  const node = program.command('node').description('workers of a cluster');
  define(node, 'list <cluster>', "list a cluster's workers").action(action(io, list));
  defineChange(node, 'replace <cluster> <worker>', 'start another worker in the place of one, which is drained and goes').action(
    action(io, replace),
  );
};

const list = async (session: Session, [nameOrId = '']: readonly string[]): Promise<void> => {
  const { nodes } = (await getCluster(session.client, nameOrId)).nodes;
  session.print(nodes, () => workersText(nodes));
};

const replace = async (session: Session, [clusterName = '', workerName = '']: readonly string[], options: ChangeOptions): Promise<void> => {
  const cluster = await getCluster(session.client, clusterName);
  const node = cluster.nodes.nodes.find(({ name, uuid }) => name === workerName || uuid === workerName);
  if (node === undefined) throw new ClientError('NOT_FOUND', `Cluster ${cluster.name} has no worker ${workerName}.`);
  const input = given({ nodeId: node.uuid, idempotencyKey: options.idempotencyKey });
  const { operation } = await session.client.mutate<{ operation: Operation }>(REPLACE_NODE, { input });
  const progress = { id: cluster.uuid, after: cluster.lastEventNumber };
  await session.finish(options, { operation, title: `Replace worker ${node.name}`, cluster: progress });
  const { nodes } = (await getCluster(session.client, cluster.uuid)).nodes;
  session.print(nodes, () => workersText(nodes));
};
