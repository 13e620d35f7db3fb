/** The last look at the customer's project before the right to act there ends: what still carries the cluster's marks goes, and what stays is written down. */
import { SeedbedError, Unavailable } from '../../domain/errors.ts';
import type { Leftover, Unverified } from '../../domain/leakReport.ts';
import { type Outcome, waiting } from '../../engine/flow.ts';
import type { Cloud } from '../../openstack/session.ts';
import { listClusterInventory } from '../../store/inventory.ts';
import type { ClusterRow } from '../../store/reconcile.ts';
import { lentCloud } from '../lentCloud.ts';
import { type Found, MARKED, type Marked } from './marked.ts';
import type { ClusterScope } from './scope.ts';

/** So long after the deletion was asked for a service may be away, or hold on to a thing; then the report says so. */
const PATIENCE_MS = 900_000;

/** Null once it is written down what is left, if anything is. */
export const sweep = async (scope: ClusterScope): Promise<Outcome | null> => {
  const { row, clock } = scope;
  if (row.sweep !== null) return null;
  const notes = await listClusterInventory(scope.db, row.id);
  const possible = MARKED.filter((marked) => marked.possible(notes));
  const late = clock.now() - (row.deleteRequestedAt ?? clock.now()) > PATIENCE_MS;
  const leftovers: Leftover[] = [];
  const unverified: Unverified[] = [];
  for (const marked of possible) {
    try {
      const cloud = lentCloud(scope.world, row);
      const reasons = await removeAll(cloud, marked, await marked.list(cloud, row, notes));
      if (reasons.size > 0 && !late) return waiting(`${marked.kind.replaceAll('-', ' ')} ${[...reasons.keys()].join(', ')} to go`, 2_000);
      // A moment later it may be gone after all.
      const left = marked.remove === undefined || reasons.size > 0 ? await marked.list(cloud, row, notes) : [];
      leftovers.push(...left.map((found) => leftoverOf(scope, marked, found, reasons.get(found.id))));
    } catch (error) {
      if (!(error instanceof SeedbedError) || (error instanceof Unavailable && !late)) throw error;
      unverified.push({ service: marked.service, kind: marked.kind, reason: error.message });
    }
  }
  await scope.patch({ sweep: { at: clock.now(), leftovers, unverified } });
  return null;
};

/** What was there, with why it did not go at once. */
const removeAll = async (cloud: Cloud, { remove }: Marked, found: readonly Found[]): Promise<Map<string, string>> => {
  const reasons = new Map<string, string>();
  for (const { id } of remove === undefined ? [] : found) {
    try {
      await remove?.(cloud, id);
      reasons.set(id, 'It was asked to go, and is there still.');
    } catch (error) {
      if (!(error instanceof SeedbedError) || error instanceof Unavailable) throw error;
      reasons.set(id, error.message);
    }
  }
  return reasons;
};

const leftoverOf = ({ row }: ClusterScope, { service, kind, madeBy }: Marked, { id, name }: Found, why: string | undefined): Leftover => {
  const of = { service, kind, madeBy, name, externalId: id };
  if (madeBy === 'CSI') return { ...of, fate: 'KEPT', reason: whyVolumeStays(row) };
  if (kind === 'floating-ip' && madeBy === 'CLOUD_CONTROLLER')
    return { ...of, fate: 'KEPT', reason: row.deletePolicy?.floatingIps === 'KEEP' ? ASKED : 'Its Service said that it is to be kept.' };
  return { ...of, fate: 'REMAINS', reason: why ?? "It was made by the cluster's controllers after they were stopped, or is shared." };
};

const ASKED = 'It was to be kept, as deleteCluster was asked.';

const whyVolumeStays = ({ deletePolicy, seedAbandoned }: ClusterRow): string => {
  if (deletePolicy?.volumes === 'KEEP') return ASKED;
  if (seedAbandoned) return 'The seed was given up, and only the cluster could say whether it may go.';
  return 'Its PersistentVolume is to outlive the cluster (persistentVolumeReclaimPolicy: Retain), or is none of the cluster any more.';
};
