/** The floating IP of a seed with several machines in its control plane leads to one that answers. Nothing is asked for it while all is well. */
import { SEED_API_PORT, type SeedMachine } from '../../domain/madeSeed.ts';
import { chooseHolder } from '../../domain/seedAddress.ts';
import type { Server } from '../../openstack/server.ts';
import { appendEvent } from '../../store/progress.ts';
import { patchSeedPlace } from '../../store/reconcile.ts';
import { listSilences } from '../../store/seeds.ts';
import { presentId } from '../resource.ts';
import { joinedOf, keyOf, notePlace, placeOf } from './made.ts';
import type { SeedScope } from './scope.ts';

/** A machine, and what Nova says of its server in this pass. */
export interface Followed {
  machine: SeedMachine;
  server: Server | 'GONE' | 'NEVER_MADE';
}

/** It is led first and noted then, so a server that dies between leads it to the same machine once more. */
export const leadAddress = async (scope: SeedScope, known: readonly Followed[]): Promise<void> => {
  const { row, clock } = scope;
  const place = placeOf(scope);
  const machines = known.filter(({ machine }) => machine.controlPlane);
  if (machines.length < 2 || place.answeredAt === undefined || place.address === undefined) return;
  const now = clock.now();
  const joined = joinedOf(scope);
  const move = chooseHolder({
    now,
    silentSince: row.silentSince,
    at: place.addressAt ?? 0,
    movedAt: place.addressMovedAt,
    round: place.addressRound,
    machines: machines.map(({ machine: { index }, server }) => ({
      index,
      status: typeof server === 'object' ? server.status : server,
      isMember: joined.includes(index),
    })),
    othersSilentSince: row.silentSince === null ? [] : await listSilences(scope.db, row.id),
  });
  const next = machines.find(({ machine }) => machine.index === move?.index);
  if (move === undefined || next === undefined) return;
  const { name, index } = next.machine;
  const addressId = await presentId(scope.db, keyOf(scope, 'NETWORK', 'floating-ip'));
  const portId = await presentId(scope.db, keyOf(scope, 'NETWORK', 'port', name));
  if (addressId === undefined || portId === undefined) return;
  await scope.cloud().network.updateFloatingIp(addressId, { portId, fixedAddress: null });
  const why =
    move.why === 'DOWN'
      ? 'the machine that it led to does not run'
      : `nothing has answered there for ${Math.round((now - (row.silentSince ?? now)) / 1000)} seconds`;
  const moved = { addressAt: index, addressMovedAt: now, addressRound: move.round };
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
