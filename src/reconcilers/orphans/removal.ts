/** Removes an orphan that was chosen, if it still is one at the very moment. */
import { Conflict, NotFound, problemOf, SeedbedError, Unavailable } from '../../domain/errors.ts';
import { type OrphanRow, patchOrphans } from '../../store/orphans.ts';
import type { Write } from '../kind.ts';
import type { World } from '../world.ts';
import { type Place, rankOf } from './places.ts';
import { orphansAmong } from './search.ts';

/** So long a service may hold on to a thing. */
const PATIENCE_MS = 900_000;

/** Rows in an order in which the things let go of each other. */
export const inOrder = (rows: readonly OrphanRow[]): OrphanRow[] => [...rows].sort((a, b) => rankOf(a.kind) - rankOf(b.kind));

export const removeOrphan = async (world: World, write: Write, place: Place, row: OrphanRow): Promise<void> => {
  const settle = (patch: Partial<OrphanRow>) => write((tx) => patchOrphans(tx, [row.id], { ...patch, updatedAt: world.clock.now() }));
  const late = world.clock.now() - row.updatedAt > PATIENCE_MS;
  try {
    const kind = (await place.open()).find((of) => of.kind === row.kind);
    const seen = (await kind?.list())?.filter(({ id }) => id === row.externalId) ?? [];
    const [found] = await orphansAmong(world.store.db, seen);
    // Marked for another cluster is another thing than what was chosen.
    if (kind === undefined || found === undefined || found.orphaned.clusterId !== row.clusterId)
      return await settle({ state: row.askedAt !== null && seen.length === 0 ? 'REMOVED' : 'GONE', problem: null });
    if (late) return await settle({ state: 'FAILED', problem: problemOf(new Conflict('CONFLICT', STAYS)) });
    if (row.askedAt === null) await write((tx) => patchOrphans(tx, [row.id], { askedAt: world.clock.now() }));
    await kind.remove(found.thing);
  } catch (error) {
    if (!(error instanceof SeedbedError)) throw error;
    // What hangs on it may be on its way out, and a service may be away for a while.
    if ((error instanceof Conflict || error instanceof NotFound || error instanceof Unavailable) && !late) return;
    await settle({ state: 'FAILED', problem: problemOf(error) });
  }
};

const STAYS = 'It was asked to go, and is there still; see what uses it, and retry the operation.';
