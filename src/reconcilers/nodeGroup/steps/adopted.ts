/** Takes over the group's servers that the database does not know since it was put back to a copy of before: they run on, and none is made a second time. */
import { NotFound } from '../../../domain/errors.ts';
import { awaitsAdoption } from '../../../domain/nodeGroup.ts';
import { nodeVersionOf } from '../../../domain/roll.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import type { Server } from '../../../openstack/server.ts';
import type { Tx } from '../../../store/open.ts';
import { clustersOfNodes } from '../../../store/orphans.ts';
import { appendEvent } from '../../../store/progress.ts';
import {
  changed,
  insertNodes,
  listLiveNodes,
  loadNodeGroup,
  type NodeRow,
  patchNodeGroup,
  requestNodeDeletion,
} from '../../../store/reconcile.ts';
import { enqueue } from '../../../store/workItems.ts';
import { isLent } from '../../lentCloud.ts';
import type { NodeGroupScope } from '../scope.ts';
import { namesResolved } from './namesResolved.ts';

export const adopted: Step<NodeGroupScope> = {
  name: 'ServersAdopted',
  title: 'Take over servers that the database did not know',
  usuallyMs: 10_000,
  needs: [namesResolved],
  wanted: ({ row, cluster }) => awaitsAdoption(row, cluster),
  ensure: async (scope) => {
    if (!isLent(scope.cluster)) return waiting('the right to act in the project', 15_000);
    const servers = await listOwn(scope);
    const known = await clustersOfNodes(scope.db, servers.map(nodeIdOf));
    const unknown = servers.filter((server) => !known.has(nodeIdOf(server)));
    // Each has taken the place of one that was replaced since, if one was: that one's name is all that is left of it.
    const gone = unknown.length === 0 ? [] : (await listGone(scope, servers)).slice(0, unknown.length);
    const rows = await Promise.all(unknown.map((server) => rowOf(scope, server)));
    await scope.write((tx) => takeOver(tx, scope, rows, gone));
    // The steps after it would take what is new for too much, or make another.
    scope.nodes.splice(0, scope.nodes.length, ...(await listLiveNodes(scope.db, scope.row.id)));
    Object.assign(scope.row, await loadNodeGroup(scope.db, scope.row.id));
    return done(rows.length === 0 ? undefined : sentenceOf(rows));
  },
};

const sentenceOf = (rows: readonly { name: string }[]): string =>
  `${rows.map(({ name }) => name).join(', ')}: made after the copy that the database was put back to, and taken over.`;

const nodeIdOf = ({ metadata }: Server): string => metadata['seedbed-node'] ?? '';

/** By their marks, and by a name that only a worker of this group has. */
const listOwn = async ({ cloud, cluster, row }: NodeGroupScope): Promise<Server[]> => {
  const prefix = `${cluster.shortId}-${row.name}-`;
  const servers = await cloud().compute.listServers({ metadata: { 'seedbed-cluster': cluster.id } });
  return servers.filter(
    (server) =>
      server.name.startsWith(prefix) &&
      /^[a-z0-9]{5}$/.test(server.name.slice(prefix.length)) &&
      nodeIdOf(server) !== '' &&
      server.status !== 'DELETED' &&
      server.taskState !== 'deleting',
  );
};

/** Nodes that have no server: none any more, as Nova says of each, for a list may lag; or none yet, as far as the copy knew. */
const listGone = async ({ nodes, cloud }: NodeGroupScope, servers: readonly Server[]): Promise<NodeRow[]> => {
  const listed = new Set(servers.map(nodeIdOf));
  const missing = nodes.filter(({ id, deleteRequestedAt }) => deleteRequestedAt === null && !listed.has(id));
  const looked = await Promise.all(
    missing.map(async (node) => (node.serverId === null || (await isGone(cloud(), node.serverId)) ? [node] : [])),
  );
  return looked.flat();
};

const isGone = async (cloud: ReturnType<NodeGroupScope['cloud']>, serverId: string): Promise<boolean> => {
  try {
    return (await cloud.compute.getServer(serverId)).status === 'DELETED';
  } catch (error) {
    if (error instanceof NotFound) return true;
    throw error;
  }
};

/** Its own flow finds its port, server, volume and address by what they are called, as after a crash. */
const rowOf = async (scope: NodeGroupScope, server: Server) => {
  const { cluster, row, cloud } = scope;
  const { existingPorts } = row.spec;
  const ports = existingPorts.length === 0 ? [] : await cloud().network.listPorts({ deviceId: server.id });
  return {
    id: nodeIdOf(server),
    clusterId: cluster.id,
    nodeGroupId: row.id,
    name: server.name,
    state: 'PENDING' as const,
    // As far as the copy knows all of the group are so; without it no upgrade would ever take it for one that is there.
    kubernetesVersion: nodeVersionOf(row, cluster),
    existingPortId: ports.find(({ id }) => existingPorts.includes(id))?.id ?? null,
    createdAt: server.createdAt,
    updatedAt: server.createdAt,
  };
};

/** The group is as large as what there is: nobody has asked for less since, as far as is known. */
const takeOver = async (
  tx: Tx,
  scope: NodeGroupScope,
  rows: readonly Awaited<ReturnType<typeof rowOf>>[],
  gone: readonly NodeRow[],
): Promise<void> => {
  const { row, cluster, clock } = scope;
  // What was asked for during this pass has a pass of its own to come.
  if ((await loadNodeGroup(tx.db, row.id))?.generation !== row.generation) return;
  const now = clock.now();
  const adoptedAt = cluster.restoredAt;
  // Those that have no server wait for this.
  for (const { id } of scope.nodes) await enqueue(tx, 'NODE', id, now);
  if (rows.length === 0) return patchNodeGroup(tx, row.id, { adoptedAt });
  await insertNodes(tx, [...rows]);
  const leaving = gone.map(({ id }) => id);
  await requestNodeDeletion(tx, leaving, now);
  const staying =
    scope.nodes.filter(({ id, deleteRequestedAt }) => deleteRequestedAt === null && !leaving.includes(id)).length + rows.length;
  const count = Math.max(row.spec.count, staying);
  const { resolved } = row;
  const roomFor = resolved?.roomFor === undefined ? {} : { resolved: { ...resolved, roomFor: Math.max(resolved.roomFor, staying) } };
  await patchNodeGroup(tx, row.id, { adoptedAt, spec: { ...row.spec, count }, ...roomFor });
  for (const { id } of rows) await enqueue(tx, 'NODE', id, now);
  const { id: clusterId, projectId } = cluster;
  const subject = { kind: 'NODE_GROUP' as const, id: row.id, name: row.name, streamId: clusterId, clusterId, projectId };
  const grown = count > row.spec.count ? ` Node group ${row.name} has ${count} workers now.` : '';
  const about = { step: adopted.name, title: adopted.title, state: 'RUNNING', percent: null, problem: null, operationId: null };
  await appendEvent(tx, subject, { at: now, ...about, message: `${sentenceOf(rows)}${grown}`, settled: false });
  tx.changes.push(changed('NODE_GROUP', row, clusterId, projectId));
};
