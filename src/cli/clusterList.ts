/** `seedbed cluster list`: the project's clusters once, or each time they are others. */
import type { Command } from 'commander';
import { CLUSTERS } from '../client/documents.ts';
import { followClusters } from '../client/list.ts';
import type { ClusterSummary } from '../client/types.ts';
import { listAll } from './find.ts';
import { action, define } from './options.ts';
import { BACK, LOST } from './progress.ts';
import type { CommonOptions, Io, Session } from './session.ts';
import { ageOf, table } from './table.ts';

interface ListOptions extends CommonOptions {
  follow?: boolean;
}

export const addList = (cluster: Command, io: Io): void => {
  define(cluster, 'list', 'list clusters')
    .option('--follow', 'print the list again after each change, until interrupted; with --json, a line for each')
    .action(action(io, list));
};

const list = async (session: Session, _args: readonly string[], { follow, json }: ListOptions): Promise<void> => {
  if (follow !== true) {
    const clusters = await listAll<ClusterSummary>(session.client, CLUSTERS, 'clusters');
    return session.print(clusters, () => tableOf(clusters, session.now()));
  }
  const { signal, screen, out } = session.io;
  const onConnection = (lost: boolean) => screen.write(`${lost ? LOST : BACK}\n`);
  for await (const clusters of followClusters(session.client, { signal, onConnection }))
    out(json === true ? `${JSON.stringify(clusters)}\n` : `${tableOf(clusters, session.now())}\n`);
};

const tableOf = (clusters: readonly ClusterSummary[], now: number): string =>
  table(
    ['NAME', 'STATE', 'VERSION', 'NODES', 'ENDPOINT', 'AGE', 'ID'],
    clusters.map((cluster) => [
      cluster.name,
      cluster.state,
      cluster.version,
      cluster.nodeGroups.nodes.reduce((sum, group) => sum + group.count, 0),
      cluster.endpoint,
      ageOf(cluster.createdAt, now),
      cluster.uuid,
    ]),
    'No clusters in this project.',
  );
