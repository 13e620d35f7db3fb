/** What the steps share that make a seed: its machines, their names, and the keys under which the inventory knows what is made. */
import { type MadeSeedSpec, machinesOf, type SeedMachine, type SeedPlace } from '../../domain/madeSeed.ts';
import { NotYet } from '../../engine/flow.ts';
import { type InventoryKey, listInventory } from '../../store/inventory.ts';
import { patchSeedPlace, type SeedRow } from '../../store/reconcile.ts';
import { removeResource } from '../resource.ts';
import type { SeedScope } from './scope.ts';

/** Of its id, for its name may change, and theirs may not. */
export const prefixOf = ({ id }: Pick<SeedRow, 'id'>): string => `seedbed-seed-${id.slice(0, 8)}`;

export const descriptionOf = ({ id }: Pick<SeedRow, 'id'>): string => `Made by Seedbed for a seed (${id})`;

export const tagOf = ({ id }: Pick<SeedRow, 'id'>): string => `seedbed-seed-${id}`;

/** What all of it is made with, and found by after a crash. */
export const marksOf = (row: Pick<SeedRow, 'id'>, name = prefixOf(row)) => ({ name, description: descriptionOf(row) });

export const madeOf = ({ row }: SeedScope): MadeSeedSpec => {
  if (row.made === null) throw new Error(`Seed ${row.id} was registered; no machines are made for it.`);
  return row.made;
};

export const placeOf = ({ row }: SeedScope): SeedPlace => {
  if (row.place === null) throw new NotYet('what was named to be looked up', 1_000);
  return row.place;
};

/** Throws NotYet until another step has made it. */
export const settled = <T>(value: T | undefined, what: string): T => {
  if (value === undefined) throw new NotYet(what, 1_000);
  return value;
};

export const patchPlace = async (scope: SeedScope, patch: Parameters<typeof patchSeedPlace>[2]): Promise<void> => {
  await scope.write((tx) => patchSeedPlace(tx, scope.row.id, patch));
  notePlace(scope, patch);
};

/** What was written by another transaction. */
export const notePlace = (scope: SeedScope, patch: Parameters<typeof patchSeedPlace>[2]): void => {
  scope.row.place = { ...placeOf(scope), ...patch } as SeedPlace;
};

export const machinesWanted = (scope: SeedScope): [SeedMachine, ...SeedMachine[]] => machinesOf(prefixOf(scope.row), madeOf(scope));

/** Of those machines, the ones that run etcd and the API server. */
export const controlPlaneOf = (scope: SeedScope): SeedMachine[] => machinesWanted(scope).filter(({ controlPlane }) => controlPlane);

/** Of the control plane's machines, those that are members of etcd as far as was seen. */
export const joinedOf = (scope: SeedScope): number[] => {
  const { joined, answeredAt } = placeOf(scope);
  return joined ?? (answeredAt === undefined ? [] : [0]);
};

export const keyOf = ({ row }: SeedScope, service: InventoryKey['service'], kind: string, name = prefixOf(row)): InventoryKey => ({
  clusterId: row.id,
  ownerId: row.id,
  service,
  kind,
  name,
});

/** Removes what has an id in the cloud and bears `name`; throws NotYet until it is gone. */
export const removeOwn = async (
  scope: SeedScope,
  { key, list, remove }: { key: InventoryKey; list: () => Promise<{ id: string }[]>; remove: (id: string) => Promise<unknown> },
): Promise<void> => {
  const gone = await removeResource(scope, {
    key,
    find: async () => (await list())[0],
    remove: async (id) => (await remove(id)) !== 'UNDER_WAY',
  });
  if (!gone) throw new NotYet(`the ${key.kind.replaceAll('-', ' ')} ${key.name} to go`, 2_000);
};

/** Names of the machines whose server or port there is, or may be. */
const machinesNoted = async ({ db, row }: SeedScope, kind: 'server' | 'port'): Promise<string[]> =>
  (await listInventory(db, row.id)).filter((noted) => noted.kind === kind && noted.state !== 'GONE').map(({ name }) => name);

/** All that a removal looks for. */
export const machinesEver = async (scope: SeedScope, kind: 'server' | 'port'): Promise<Set<string>> =>
  new Set([...machinesWanted(scope).map(({ name }) => name), ...(await machinesNoted(scope, kind))]);

/** Those that are there and not wanted any more. */
export const surplusOf = async (scope: SeedScope, kind: 'server' | 'port'): Promise<string[]> => {
  const wanted = new Set(machinesWanted(scope).map(({ name }) => name));
  return (await machinesNoted(scope, kind)).filter((name) => !wanted.has(name));
};

export const removePort = (scope: SeedScope, name: string): Promise<void> => {
  const { network: api } = scope.cloud();
  return removeOwn(scope, {
    key: keyOf(scope, 'NETWORK', 'port', name),
    list: () => api.listPorts(marksOf(scope.row, name)),
    remove: api.deletePort,
  });
};
