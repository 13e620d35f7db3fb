/** moveControlPlane: a cluster's control plane goes to another seed, or back to the one that it is being moved from. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { type ControlPlaneMove, hindranceOf, isMoving } from '../domain/controlPlaneMove.ts';
import { Conflict, Unavailable, UserError } from '../domain/errors.ts';
import type { Beginner } from '../store/begun.ts';
import { doubtApplied } from '../store/inventory.ts';
import { dropBackups, newMove, switchSeed, turnedBack, turnedOut, writeMove } from '../store/moves.ts';
import type { Tx } from '../store/open.ts';
import { type ClusterRow, loadSeed, type SeedRow } from '../store/reconcile.ts';
import { checkSeedFits } from '../store/seeds.ts';
import { beginnerOf } from './announce.ts';
import type { ClusterAnswer, Command, CommandDeps } from './call.ts';
import { changeCluster } from './clusterCommand.ts';
import { checkStore } from './createBackup.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { getSeed, recallCluster } from './targets.ts';

const schema = z.strictObject({ clusterId: nameOrId, seedId: nameOrId });

export const moveControlPlane =
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    permit(call.actor, 'moveControlPlane');
    const input = parseInput(schema, ownInput(raw));
    return changeCluster(deps, call, {
      mutation: 'moveControlPlane',
      raw,
      clusterId: input.clusterId,
      write: async (tx, row) => {
        const seed = await getSeed(tx.db, input.seedId, 'seedId');
        const by = beginnerOf(deps, call);
        const move = isMoving(row.move) ? await turn(deps, tx, row, row.move, seed) : await begin(deps, tx, by, row, seed);
        const operation = await writeMove(tx, by, row, move);
        return { cluster: await recallCluster(tx.db, call, row.id), operation };
      },
    });
  };

const begin = async (deps: CommandDeps, tx: Tx, by: Beginner, row: ClusterRow, seed: SeedRow): Promise<ControlPlaneMove> => {
  const hindrance = hindranceOf(row);
  if (hindrance !== undefined)
    throw new Conflict('CONFLICT', `Cluster ${row.name} ${hindrance}; its control plane can be moved once it is READY.`, {
      field: ['clusterId'],
    });
  if (row.seedId === seed.id || row.seedId === null)
    throw new Conflict('CONFLICT', `The control plane of cluster ${row.name} is in seed ${seed.name} already.`, { field: ['seedId'] });
  checkStore(deps);
  await checkAddressStays(tx, row.seedId, seed);
  await checkSeedFits(tx.db, row, seed.id);
  return newMove(tx, by, row, { fromSeedId: row.seedId, toSeedId: seed.id });
};

/** Nothing is stopped that could not go on elsewhere. Workers, kubeconfigs and certificates know the API by its address, and a seed's nodes have addresses of their own. */
const checkAddressStays = async (tx: Tx, fromSeedId: string, to: SeedRow): Promise<void> => {
  const from = await loadSeed(tx.db, fromSeedId);
  const field = ['seedId'];
  if (from?.lostAt != null)
    throw new Unavailable(
      'SEED_UNAVAILABLE',
      'The seed that the control plane is in does not answer, so that nothing of it can be stopped or backed up; ask again once it does, or clone the cluster from its newest backup (cloneCluster with seed).',
      { whoMustAct: 'CLOUD_ADMIN' },
    );
  if (from?.exposure === 'LOAD_BALANCER' && to.exposure === 'LOAD_BALANCER') return;
  if (from?.exposure !== to.exposure)
    throw new UserError(
      'INVALID_INPUT',
      `Seed ${to.name} shows APIs by ${to.exposure}, and the cluster's seed by ${from?.exposure}: the address that workers and kubeconfigs know could not stay. Choose a seed of the same exposure.`,
      { field },
    );
  throw new UserError(
    'INVALID_INPUT',
    `Both seeds show APIs on ports of their own nodes, so that the address which workers and kubeconfigs know could not stay. Control planes are moved between seeds with load balancers; clone the cluster from a backup instead (cloneCluster with seed).`,
    { field },
  );
};

/** What becomes of a move that is under way. */
const turn = async (deps: CommandDeps, tx: Tx, row: ClusterRow, move: ControlPlaneMove, seed: SeedRow): Promise<ControlPlaneMove> => {
  const field = ['seedId'];
  const number = move.number + 1;
  if (seed.id === move.toSeedId)
    throw new Conflict('CONFLICT', `The control plane of cluster ${row.name} is on its way to seed ${seed.name} already.`, { field });
  if (move.phase === 'CLEAN_UP')
    throw new Conflict(
      'CONFLICT',
      `The control plane of cluster ${row.name} has just been moved, and what is left of it in the other seed is on its way out; move it again once that is over.`,
      { field },
    );
  if (seed.id !== move.fromSeedId)
    throw new Conflict(
      'CONFLICT',
      `The control plane of cluster ${row.name} is being moved; call that off first, by moveControlPlane to the seed that it comes from, or wait until it is over.`,
      { field },
    );
  if (move.phase === 'START' && (move.back || move.startedAt !== null))
    throw new Conflict(
      'CONFLICT',
      `The control plane of cluster ${row.name} has begun to serve where it is now, and what was written there since would be lost; move it again once that is over.`,
      { field },
    );
  const now = deps.clock.now();
  const here = { ...move, number, toSeedId: seed.id, back: true, leaves: null };
  if (move.phase === 'BACK_UP') {
    await dropBackups(tx, [move.backupId], now);
    return { ...here, phase: 'DONE' };
  }
  await doubtApplied(tx, row.id, 'SEED');
  // Nothing of it has left the seed that it had come to: on it goes there.
  if (move.back) return turnedOut(move, now);
  // Its Service may be gone by now, and another one asks for the address.
  if (move.phase !== 'START') return { ...here, phase: 'START', ...(move.phase === 'HAND_OVER' && { askedAt: now }) };
  const back = turnedBack(move);
  const current = row.seedId === null ? undefined : await loadSeed(tx.db, row.seedId);
  // Nobody can stop anything there, nor have the address let go; what is there goes when it is heard again.
  if (current?.lostAt == null) return back;
  return (await switchSeed(tx, row, back, now)).move ?? back;
};
