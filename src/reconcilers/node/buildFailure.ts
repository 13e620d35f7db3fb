/** What could not be built is made again, on another host or in the next zone, a few times before somebody must act. */
import { errorOf, type Problem } from '../../domain/errors.ts';
import { type BuildFailures, buildPauseMs, MOST_BUILDS } from '../../domain/node.ts';
import { type Outcome, waiting } from '../../engine/flow.ts';
import { findInventory, type InventoryKey, noteState } from '../../store/inventory.ts';
import { patchNode } from '../../store/reconcile.ts';
import type { NodeScope } from './scope.ts';

/** Words for the problem of a failure. */
export interface Failed {
  /** Which of how many it was. */
  which: string;
  /** When the next is. */
  next: string;
}

/** Remembers, in one write, that it failed and that it is to go. */
export const noteBuildFailure = async (scope: NodeScope, key: InventoryKey, describe: (failed: Failed) => Problem): Promise<void> => {
  const { row, clock } = scope;
  const known = row.buildFailures;
  const tries = (known?.tries ?? 0) + 1;
  const now = clock.now();
  const notBefore = now + buildPauseMs(tries);
  const which = tries > MOST_BUILDS ? `try ${tries}` : `try ${tries} of ${MOST_BUILDS}`;
  const next = tries < MOST_BUILDS ? 'it goes on trying by itself' : `the next try by itself comes after ${minuteOf(notBefore)}`;
  const buildFailures: BuildFailures = { tries, moves: (known?.moves ?? 0) + 1, notBefore, problem: describe({ which, next }) };
  await scope.write(async (tx) => {
    await patchNode(tx, row.id, { buildFailures });
    await noteState(tx, key, 'DELETING', now);
  });
  Object.assign(row, { buildFailures });
};

/** A time and no duration: the sentence is kept, and read later. */
const minuteOf = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

export interface Rebuilt {
  key: InventoryKey;
  /** For the sentence. */
  what: string;
  /** Asks for the removal of what failed. True: it is gone, and the row knows no more of it. */
  clear: () => Promise<boolean>;
}

/** What comes before it is asked for once more; undefined: nothing, or it is there. Throws once it has failed too often. */
export const afterBuildFailure = async (scope: NodeScope, { key, what, clear }: Rebuilt): Promise<Outcome | undefined> => {
  const failures = scope.row.buildFailures;
  if (failures === null) return undefined;
  const noted = await findInventory(scope.db, key);
  if (noted?.state === 'DELETING' && !(await clear())) {
    if (failures.tries >= MOST_BUILDS) throw errorOf(failures.problem);
    scope.seen = 'CREATING';
    return waiting(`${what} that could not be built to be gone, before another is made`, 2_000);
  }
  const left = failures.notBefore - scope.clock.now();
  if (left <= 0 || noted?.state === 'PRESENT' || noted?.state === 'CREATING') return undefined;
  if (failures.tries >= MOST_BUILDS) throw errorOf(failures.problem);
  scope.seen = 'CREATING';
  return waiting(`try ${failures.tries + 1} of ${MOST_BUILDS}: ${failures.problem.message}`, left, 'NOBODY', 'BuildingAgain');
};
