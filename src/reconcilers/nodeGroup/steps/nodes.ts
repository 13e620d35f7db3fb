/** As many nodes as are wanted: this step only writes wishes, each node's own flow fulfils them. */
import { errorOf } from '../../../domain/errors.ts';
import { isMassFailure } from '../../../domain/healing.ts';
import { freePortsOf, targetOf } from '../../../domain/nodeGroup.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { newId, randomToken } from '../../../lib/ids.ts';
import type { Tx } from '../../../store/open.ts';
import { changed, insertNodes, loadNodeGroup, type NodeRow, requestNodeDeletion } from '../../../store/reconcile.ts';
import { listNodeTroubles } from '../../../store/troubles.ts';
import { enqueue } from '../../../store/workItems.ts';
import { removalFailure, waitingForParts } from '../../troubles.ts';
import { sortFreePorts } from '../ports.ts';
import type { NodeGroupScope } from '../scope.ts';
import { findRoom } from './quotas.ts';
import { serverGroup } from './serverGroup.ts';

export const nodes: Step<NodeGroupScope> = {
  name: 'NodesReady',
  title: 'Start the nodes',
  usuallyMs: 300_000,
  needs: [serverGroup],
  ensure: async (scope) => {
    const short = await findRoom(scope);
    const outcome = await ensureNodes(scope);
    if (short !== null) throw short;
    return outcome;
  },
  remove: async (scope) => {
    const staying = scope.nodes.filter((node) => node.deleteRequestedAt === null);
    if (staying.length > 0) await dropNodes(scope, staying);
    return scope.nodes.length === 0 ? done() : follow(scope, `${scope.nodes.length} nodes to be removed`);
  },
};

const ensureNodes = async (scope: NodeGroupScope): Promise<Outcome> => {
  const staying = scope.nodes.filter((node) => node.deleteRequestedAt === null);
  const old = staying.filter((node) => node.createdAt < (scope.cluster.nodesSince ?? 0) || node.replaceRequestedAt !== null);
  const leaving = scope.nodes.length - staying.length;
  // One more than wanted while old ones are replaced, and that one is gone before the next begins.
  if (old.length > 0 && leaving > 0) return follow(scope, `${leaving} nodes to go, and ${old.length} to be replaced after them`);
  // One that does not work serves nobody until another is there. When many do not, it is hardly the fault of each: they go as those that work.
  const ill = staying.filter((node) => node.state !== 'READY').length;
  const broken = old.filter((node) => node.replaceRequestedAt !== null && node.state !== 'READY');
  if (broken.length > 0 && !isMassFailure(ill, staying.length, scope.cluster.spec.healing)) {
    await dropNodes(scope, chooseVictims(broken, 1, scope.row.nodesToRemove));
    return waiting(`${broken.length} nodes to be replaced`, 30_000);
  }
  // Where each has a port of the customer's and none is free that serves, an old one goes before its successor comes.
  const wanted = targetOf(scope.row);
  const { free, spare } = await findPorts(scope, old.length > 0 || wanted > staying.length, leaving > 0);
  // A successor that is there already has taken the last spare one, and stays.
  const surge = spare || staying.length > wanted ? Math.min(1, old.length) : 0;
  const missing = wanted + surge - staying.length;
  if (missing > 0 && free?.length === 0) return follow(scope, `one of the group's existingPorts to be free, for ${missing} new nodes`);
  if (missing > 0) await addNodes(scope, Math.min(missing, free?.length ?? missing), free);
  if (missing < 0) await dropNodes(scope, chooseVictims(staying, -missing, scope.row.nodesToRemove));
  if (missing !== 0) return waiting(`${Math.abs(missing)} ${missing > 0 ? 'new' : 'surplus'} nodes`, 30_000);
  // What is wrong with an old one ends with it.
  const problem = staying.find((node) => node.state === 'FAILED' && !old.includes(node))?.fault?.problem;
  if (problem !== undefined) throw errorOf(problem);
  // One that works no more must not keep an old one from its end: its own replacement comes after that. But one that a rotation has made
  // and that fails holds it up: the next would fail as well, until none of the old is left.
  const rolling = old.some((node) => node.replaceRequestedAt === null);
  const isOfRoll = (node: NodeRow) => rolling && node.createdAt >= (scope.cluster.nodesSince ?? 0);
  const lost = (node: NodeRow) => old.length > 0 && node.trouble !== null && node.kubeletVersion !== null && !isOfRoll(node);
  const late = scope.nodes.filter((node) => node.state !== 'READY' && !old.includes(node) && !lost(node));
  if (late.length > 0) return follow(scope, `${late.length} of ${scope.nodes.length} nodes`);
  if (old.length > 0) {
    await dropNodes(scope, chooseVictims(old, 1, scope.row.nodesToRemove));
    return waiting(`${old.length} nodes to be replaced`, 30_000);
  }
  if (scope.row.nodesToRemove.length > 0) await scope.patch({ nodesToRemove: [] });
  return done(`${staying.length} nodes`);
};

interface Ports {
  /** For new workers, the better first; null: they need none. */
  free: string[] | null;
  /** There is one for a worker beside those that are wanted. */
  spare: boolean;
}

/**
 * Ports of the customer's for new workers. One that is gone or in use is given to nobody while another serves, or comes back from a worker
 * that leaves: each successor would fail on it, and hold up the whole group. With no other left a worker has it, and tells what is wrong.
 */
const findPorts = async (scope: NodeGroupScope, needed: boolean, leaving: boolean): Promise<Ports> => {
  const all = freePortsOf(scope.row.spec, scope.nodes);
  if (all === null || !needed) return { free: all, spare: true };
  const { fit, unfit } = await sortFreePorts(scope, all);
  return { free: leaving ? fit : [...fit, ...unfit], spare: fit.length > 0 };
};

const follow = async (scope: NodeGroupScope, what: string): Promise<Outcome> => {
  const troubles = await listNodeTroubles(scope.db, scope.row.id);
  const failure = removalFailure('node', troubles);
  if (failure !== null) throw failure;
  return waitingForParts(what, 'node', troubles);
};

const addNodes = async (scope: NodeGroupScope, count: number, ports: readonly string[] | null): Promise<void> => {
  const now = scope.clock.now();
  const rows = Array.from({ length: count }, (_, i) => ({
    id: newId(),
    clusterId: scope.cluster.id,
    nodeGroupId: scope.row.id,
    name: `${scope.cluster.shortId}-${scope.row.name}-${randomToken(5)}`,
    state: 'PENDING' as const,
    existingPortId: ports?.[i] ?? null,
    createdAt: now,
    updatedAt: now,
  }));
  await scope.write(async (tx) => {
    if (await isOutdated(tx, scope)) return;
    await insertNodes(tx, rows);
    for (const row of rows) {
      await enqueue(tx, 'NODE', row.id, now);
      tx.changes.push(changed('NODE', row, scope.cluster.id, scope.cluster.projectId, 'CREATED'));
    }
  });
};

const dropNodes = async (scope: NodeGroupScope, victims: readonly NodeRow[]): Promise<void> => {
  const now = scope.clock.now();
  await scope.write(async (tx) => {
    if (await isOutdated(tx, scope)) return;
    await requestNodeDeletion(
      tx,
      victims.map((node) => node.id),
      now,
    );
    for (const node of victims) {
      await enqueue(tx, 'NODE', node.id, now);
      tx.changes.push(changed('NODE', node, scope.cluster.id, scope.cluster.projectId));
    }
  });
};

/** What was asked for since this pass began, and what it did to the nodes, has a pass of its own to come. */
const isOutdated = async (tx: Tx, { row }: NodeGroupScope): Promise<boolean> =>
  (await loadNodeGroup(tx.db, row.id))?.generation !== row.generation;

/** First those the customer named, then those that do not work; of the same kind those in the fullest zone, and there the oldest. */
export const chooseVictims = (candidates: readonly NodeRow[], count: number, named: readonly string[]): NodeRow[] => {
  const rank = (node: NodeRow) => (named.includes(node.id) ? 0 : node.state === 'FAILED' ? 1 : node.state !== 'READY' ? 2 : 3);
  const left = new Set(candidates);
  const inZone = new Map<string | null, number>();
  for (const { zone } of candidates) inZone.set(zone, (inZone.get(zone) ?? 0) + 1);
  const fullness = (node: NodeRow) => inZone.get(node.zone) ?? 0;
  const before = (a: NodeRow, b: NodeRow) =>
    rank(a) - rank(b) || fullness(b) - fullness(a) || a.createdAt - b.createdAt || (a.name < b.name ? -1 : 1);
  const victims: NodeRow[] = [];
  for (let i = 0; i < count && left.size > 0; i += 1) {
    const next = [...left].reduce((best, node) => (before(node, best) < 0 ? node : best));
    left.delete(next);
    // Each that goes leaves its zone less full for the choice of the next.
    inZone.set(next.zone, fullness(next) - 1);
    victims.push(next);
  }
  return victims;
};
