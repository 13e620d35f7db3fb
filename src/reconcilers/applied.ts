/** Applies a group of Kubernetes objects and keeps the ledger of what was applied in the inventory. */
import type { InventoryService } from '../domain/inventory.ts';
import { type AppliedRecord, type EnsureOptions, ensureObjects, type Ledger } from '../seeds/apply.ts';
import type { Kubernetes } from '../seeds/connection.ts';
import type { KubernetesObject } from '../seeds/kinds.ts';
import type { Versions } from '../seeds/versions.ts';
import { loadLedger, saveLedger } from '../store/inventory.ts';
import type { ResourceScope } from './resource.ts';

export interface AppliedGroup {
  clusterId: string;
  ownerId: string;
  service: Extract<InventoryService, 'SEED' | 'CLUSTER'>;
  /** Names the group in the inventory, such as 'etcd'. */
  group: string;
  /** 'trust': an unchanged wish needs no look; 'full': compare with what is live. */
  look: 'trust' | 'full';
  versions?: Versions;
  blame?: EnsureOptions['blame'];
}

/** Writes only what differs from the last time or from what is live, and prunes what is no longer wished. Returns what was written. */
export const applyGroup = async (
  scope: ResourceScope,
  kube: Kubernetes,
  group: AppliedGroup,
  objects: KubernetesObject[],
): Promise<string[]> => {
  const { look, versions, blame } = group;
  const key = { clusterId: group.clusterId, ownerId: group.ownerId, service: group.service, kind: group.group };
  const before: Ledger = await loadLedger(scope.db, key);
  const sent: Ledger = {};
  const onWritten = (name: string, record: AppliedRecord) => {
    sent[name] = record;
  };
  const options = { look, onWritten, ...(versions !== undefined && { versions }), ...(blame !== undefined && { blame }) };
  const { ledger, written } = await ensureObjects(kube, objects, before, options).catch(async (error: unknown) => {
    // What was written is not written again: many objects and an API that fails now and then would never come to an end.
    if (Object.keys(sent).length > 0) await scope.write((tx) => saveLedger(tx, key, sent, [], scope.clock.now()));
    throw error;
  });
  const changed = Object.fromEntries(
    Object.entries(ledger).filter(
      ([name, now]) => before[name]?.fingerprint !== now.fingerprint || before[name]?.observed !== now.observed,
    ),
  );
  const dropped = Object.keys(before).filter((name) => ledger[name] === undefined);
  if (Object.keys(changed).length > 0 || dropped.length > 0) {
    await scope.write((tx) => saveLedger(tx, key, changed, dropped, scope.clock.now()));
  }
  return written;
};
