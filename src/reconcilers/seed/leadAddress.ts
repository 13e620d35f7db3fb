/** The floating IP of a seed with several machines in its control plane leads to one that answers. Nothing is asked for it while all is well. */
import { SEED_API_PORT, type SeedMachine } from '../../domain/madeSeed.ts';
import type { Server } from '../../openstack/server.ts';
import { appendEvent } from '../../store/progress.ts';
import { patchSeedPlace } from '../../store/reconcile.ts';
import { presentId } from '../resource.ts';
import { joinedOf, keyOf, notePlace, placeOf } from './made.ts';
import type { SeedScope } from './scope.ts';

/** A machine, and what Nova says of its server in this pass. */
export interface Followed {
  machine: SeedMachine;
  server: Server | 'GONE' | 'NEVER_MADE';
}

/** Silent for longer than an API server takes to be started again. */
const SILENT_MS = 20_000;
/** Nor is it led on sooner: who dials it has to find out. */
const PAUSE_MS = 20_000;
/** After so long a silence each machine has had its turn, several times, and nothing hurries any more. */
const LONG_MS = 180_000;
const LONG_PAUSE_MS = 300_000;

/**
 * Leads the address on when Nova says that the machine which it leads to does not run, or the seed has been silent for a while: to the next machine
 * of the control plane that runs. It is led first and noted then, so a server that dies between leads it to the same machine once more.
 */
export const leadAddress = async (scope: SeedScope, known: readonly Followed[]): Promise<void> => {
  const { row, clock } = scope;
  const place = placeOf(scope);
  const machines = known.filter(({ machine }) => machine.controlPlane);
  if (machines.length < 2 || place.answeredAt === undefined || place.address === undefined) return;
  const now = clock.now();
  const silentMs = row.silentSince === null ? 0 : now - row.silentSince;
  const movedMs = now - (place.addressMovedAt ?? 0);
  const at = place.addressAt ?? 0;
  const isHolderGone = !isActive(machines.find(({ machine }) => machine.index === at));
  if (!isHolderGone && silentMs <= SILENT_MS) return;
  if (movedMs <= (silentMs > LONG_MS ? LONG_PAUSE_MS : PAUSE_MS)) return;
  const next = [...machines.slice(at + 1), ...machines.slice(0, at)].find((other) => isActive(other) && isMember(scope, other));
  if (next === undefined) return;
  const { name, index } = next.machine;
  const addressId = await presentId(scope.db, keyOf(scope, 'NETWORK', 'floating-ip'));
  const portId = await presentId(scope.db, keyOf(scope, 'NETWORK', 'port', name));
  if (addressId === undefined || portId === undefined) return;
  await scope.cloud().network.updateFloatingIp(addressId, { portId, fixedAddress: null });
  const why = isHolderGone
    ? 'the machine that it led to does not run'
    : `nothing has answered there for ${Math.round(silentMs / 1000)} seconds`;
  const moved = { addressAt: index, addressMovedAt: now };
  await scope.write(async (tx) => {
    await patchSeedPlace(tx, row.id, moved);
    await appendEvent(
      tx,
      { kind: 'SEED', id: row.id, name: row.name, streamId: row.id, clusterId: null, projectId: null },
      {
        at: now,
        step: 'ApiAddressReady',
        title: 'Lead the address to another machine',
        state: row.state,
        percent: 100,
        message: `${place.address}:${SEED_API_PORT} leads to machine ${name} now, for ${why}.`,
        problem: null,
        operationId: null,
        settled: false,
      },
    );
  });
  notePlace(scope, moved);
  // Connections that were open to the other machine would hang.
  scope.world.seeds.close(row.id);
};

const isActive = (followed: Followed | undefined): boolean => typeof followed?.server === 'object' && followed.server.status === 'ACTIVE';

/** One that has not joined yet has nothing to answer with. */
const isMember = (scope: SeedScope, { machine }: Followed): boolean => joinedOf(scope).includes(machine.index);
