/** What could not be built is made again, on another host or in the next zone, a few times before somebody must act. */
import { errorOf, type Problem } from '../../domain/errors.ts';
import { type BuildFailures, MOST_BUILDS } from '../../domain/node.ts';
import { type Outcome, waiting } from '../../engine/flow.ts';
import { findInventory, type InventoryKey, noteState } from '../../store/inventory.ts';
import { patchNode } from '../../store/reconcile.ts';
import type { NodeScope } from './scope.ts';

const FIRST_PAUSE_MS = 2_000;
const PAUSE_GROWS = 4;
/** Once it is reported: what wakes the node meanwhile must not make another each time. */
const LATER_PAUSE_MS = 25_000;

/** Remembers, in one write, that it failed and that it is to go. */
export const noteBuildFailure = async (scope: NodeScope, key: InventoryKey, problem: Problem): Promise<void> => {
  const { row, clock } = scope;
  const known = row.buildFailures;
  const tries = triesOf(scope);
  const now = clock.now();
  const notBefore = now + (tries >= MOST_BUILDS ? LATER_PAUSE_MS : FIRST_PAUSE_MS * PAUSE_GROWS ** (tries - 1));
  const buildFailures: BuildFailures = { tries, moves: (known?.moves ?? 0) + 1, notBefore, problem };
  await scope.write(async (tx) => {
    await patchNode(tx, row.id, { buildFailures });
    await noteState(tx, key, 'DELETING', now);
  });
  Object.assign(row, { buildFailures });
};

/** The one that has just failed among them. */
export const triesOf = ({ row }: NodeScope): number => Math.min((row.buildFailures?.tries ?? 0) + 1, MOST_BUILDS);

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
