/** The last look at the customer's project before the right to act there ends: what still carries the cluster's marks goes, and what stays is written down. */
import { SeedbedError, Unavailable } from '../../domain/errors.ts';
import { type Leftover, type Unverified, wholeOf } from '../../domain/leakReport.ts';
import { NotYet, type Outcome, waiting } from '../../engine/flow.ts';
import type { Cloud } from '../../openstack/session.ts';
import { type InventoryRow, listClusterInventory, noteState } from '../../store/inventory.ts';
import type { ClusterRow } from '../../store/reconcile.ts';
import { lentCloud } from '../lentCloud.ts';
import { deadlineMs, gaveUp } from './deletionStage.ts';
import { type Found, MARKED, type Marked } from './marked.ts';
import type { ClusterScope } from './scope.ts';
import { servesServers, standingServers } from './standingServers.ts';

/** So long a service may be away, or hold on to a thing, if no deadline says otherwise; then the report says so. */
const PATIENCE_MS = 900_000;

/** Null once it is written down what is left, if anything is. */
export const sweep = async (scope: ClusterScope): Promise<Outcome | null> => {
  const { row, clock } = scope;
  if (row.sweep !== null && row.sweep.at !== null) return null;
  const since = row.sweep?.since ?? clock.now();
  const late = clock.now() - since > (deadlineMs(row) ?? PATIENCE_MS);
  const notes = await listClusterInventory(scope.db, row.id);
  const leftovers: Leftover[] = [];
  const unverified: Unverified[] = [];
  const verified: Marked[] = [];
  let standing: string[] = [];
  for (const marked of MARKED.filter(({ possible }) => possible(notes))) {
    const seen = await look(scope, marked, notes, standing);
    if ('held' in seen && !late) {
      // A deletion may have waited for days before it came here: its patience begins now.
      if (row.sweep === null) await scope.patch({ sweep: { since, at: null, leftovers: [], unverified: [] } });
      if (seen.held instanceof Unavailable) throw seen.held;
      return waiting(seen.held, 2_000);
    }
    if ('unverified' in seen) unverified.push(seen.unverified);
    else {
      leftovers.push(...seen.leftovers);
      verified.push(marked);
    }
    if (marked.kind === 'server')
      standing = 'unverified' in seen ? standingServers(notes) : seen.leftovers.map(({ externalId }) => externalId);
  }
  await noteVerified(scope, notes, verified, leftovers);
  await scope.patch({ sweep: { since, at: clock.now(), leftovers, unverified } });
  return null;
};

/** Of a thing whose removal was given up nobody noted that it is gone after all. */
const noteVerified = async (
  scope: ClusterScope,
  notes: readonly InventoryRow[],
  verified: readonly Marked[],
  leftovers: readonly Leftover[],
): Promise<void> => {
  const isGone = ({ service, kind, madeBy, externalId, state }: InventoryRow): boolean => {
    const whole = wholeOf(kind);
    const seen = verified.some((marked) => marked.service === service && marked.kind === whole && marked.madeBy === madeBy);
    const left = leftovers.filter((other) => other.service === service && other.kind === whole && other.madeBy === madeBy);
    return state !== 'GONE' && externalId !== null && seen && !left.some((other) => whole !== kind || other.externalId === externalId);
  };
  const gone = notes.filter(isGone);
  if (gone.length === 0) return;
  await scope.write(async (tx) => {
    for (const { clusterId, ownerId, service, kind, name } of gone)
      await noteState(tx, { clusterId, ownerId, service, kind, name }, 'GONE', scope.clock.now());
  });
};

/** `held`: what to wait for, for a while. */
type Seen = ({ leftovers: Leftover[] } | { unverified: Unverified }) & { held?: string | Unavailable };

/** `standing`: servers that are there, or may be: what they are reached by is not taken from under them. */
const look = async (scope: ClusterScope, marked: Marked, notes: readonly InventoryRow[], standing: readonly string[]): Promise<Seen> => {
  const { row } = scope;
  try {
    const cloud = lentCloud(scope.world, row);
    const found = await marked.list(cloud, row, notes);
    if (standing.length > 0 && marked.service === 'NETWORK' && marked.madeBy === 'SEEDBED')
      return { leftovers: found.map((thing) => leftoverOf(scope, marked, thing, notes, servesServers(standing))) };
    const removable = marked.doomed?.(row) === false ? [] : found.filter((thing) => marked.removable?.(thing, notes) !== false);
    const kept = removable.length === 0 ? undefined : await marked.kept?.(cloud, row, removable);
    const doomed = removable.filter(({ id }) => kept?.has(id) !== true);
    const reasons = await removeAll(cloud, marked, doomed, row);
    if (reasons.size === 0)
      return { leftovers: found.map((thing) => leftoverOf(scope, marked, thing, notes, undefined, kept?.get(thing.id))) };
    // A moment later it may be gone after all.
    const stays = new Set(found.map(({ id }) => id).filter((id) => !doomed.some((thing) => thing.id === id)));
    const seen = (await marked.list(cloud, row, notes)).filter(({ id }) => reasons.has(id) || stays.has(id));
    const left = seen.filter(({ id }) => reasons.has(id));
    const leftovers: Leftover[] = [];
    for (const thing of seen) {
      const why = reasons.has(thing.id)
        ? [reasons.get(thing.id), await marked.heldBy?.(cloud, thing.id)].filter(Boolean).join(' ')
        : undefined;
      leftovers.push(leftoverOf(scope, marked, thing, notes, why, kept?.get(thing.id)));
    }
    if (left.length === 0) return { leftovers };
    return { leftovers, held: `${marked.kind.replaceAll('-', ' ')} ${left.map(({ id }) => id).join(', ')} to go` };
  } catch (error) {
    if (error instanceof NotYet)
      return { unverified: { service: marked.service, kind: marked.kind, reason: sentence(error.message) }, held: error.message };
    if (!(error instanceof SeedbedError)) throw error;
    const unverified = { service: marked.service, kind: marked.kind, reason: error.message };
    return error instanceof Unavailable ? { unverified, held: error } : { unverified };
  }
};

/** Of what was there, why each did not go at once. */
const removeAll = async (cloud: Cloud, { remove }: Marked, found: readonly Found[], row: ClusterRow): Promise<Map<string, string>> => {
  const reasons = new Map<string, string>();
  for (const { id } of remove === undefined ? [] : found) {
    try {
      await remove?.(cloud, id, row);
      reasons.set(id, 'It was asked to go, and is there still.');
    } catch (error) {
      if (!(error instanceof SeedbedError) || error instanceof Unavailable) throw error;
      reasons.set(id, error.message);
    }
  }
  return reasons;
};

const leftoverOf = (
  { row }: ClusterScope,
  { service, kind, madeBy }: Marked,
  { id, name }: Found,
  notes: readonly InventoryRow[],
  why: string | undefined,
  keptFor?: string,
): Leftover => {
  const of = { service, kind, madeBy, name, externalId: id };
  if (keptFor !== undefined) return { ...of, fate: 'KEPT', reason: keptFor };
  if (madeBy === 'CSI' && row.deletePolicy?.volumes !== 'KEEP' && gaveUp(row, 'VOLUMES') !== undefined) {
    const going = notes.some((note) => note.madeBy === madeBy && note.externalId === id);
    return { ...of, fate: 'REMAINS', reason: going ? LATE : UNSAID };
  }
  if (madeBy === 'CSI') return { ...of, fate: 'KEPT', reason: whyVolumeStays(row) };
  if (madeBy === 'CLOUD_CONTROLLER' && why === undefined && row.deletePolicy?.loadBalancers === 'KEEP')
    return { ...of, fate: 'KEPT', reason: ASKED };
  if (kind === 'volume') return { ...of, fate: 'REMAINS', reason: why ?? COPY };
  const late = madeBy === 'CLOUD_CONTROLLER' && gaveUp(row, 'LOAD_BALANCERS') !== undefined;
  if (kind === 'floating-ip' && madeBy === 'CLOUD_CONTROLLER' && why === undefined) {
    if (row.deletePolicy?.floatingIps === 'KEEP') return { ...of, fate: 'KEPT', reason: ASKED };
    return late ? { ...of, fate: 'REMAINS', reason: LATE } : { ...of, fate: 'KEPT', reason: 'Its Service said that it is to be kept.' };
  }
  if (late && why === undefined) return { ...of, fate: 'REMAINS', reason: LATE };
  return { ...of, fate: 'REMAINS', reason: why ?? "It was made by the cluster's controllers after they were stopped, or is shared." };
};

const sentence = (waitedFor: string): string => `The deletion waited in vain for ${waitedFor}.`;

const COPY =
  'It carries the mark of the cluster and was not made by it, as far as is noted, such as a copy restored from a backup: delete it, if nobody needs it.';

const ASKED = 'It was to be kept, as deleteCluster was asked.';

const LATE = 'It could not be removed before the deadline that deleteCluster was given.';

const UNSAID = 'It may be meant to stay: before the deadline that deleteCluster was given nobody said that it may go.';

const whyVolumeStays = ({ deletePolicy, seedAbandoned }: ClusterRow): string => {
  if (deletePolicy?.volumes === 'KEEP') return ASKED;
  if (seedAbandoned) return 'The seed was given up, and only the cluster could say whether it may go.';
  if (deletePolicy?.snapshots === 'KEEP')
    return 'It has a snapshot that was to be kept, as deleteCluster was asked, or its PersistentVolume is to outlive the cluster.';
  return 'Its PersistentVolume is to outlive the cluster (persistentVolumeReclaimPolicy: Retain), or is none of the cluster any more.';
};
