/** Looks through a place for orphans, and writes them down. */
import { judge, type Orphaned } from '../../domain/orphan.ts';
import { newId } from '../../lib/ids.ts';
import type { Db } from '../../store/open.ts';
import { clustersOfNodes, listKnownClusters, noteOrphan, noteOthersGone } from '../../store/orphans.ts';
import type { Write } from '../kind.ts';
import type { World } from '../world.ts';
import type { Marked } from './kinds.ts';
import type { Place } from './places.ts';

/** Those of `things` that belong to no living cluster, as the database knows it now. */
export const orphansAmong = async (db: Db, things: readonly Marked[]): Promise<{ thing: Marked; orphaned: Orphaned }[]> => {
  const known = await listKnownClusters(db);
  const byNode = await clustersOfNodes(
    db,
    things.flatMap(({ mark }) => mark.nodeId ?? []),
  );
  return things.flatMap((thing) => {
    const orphaned = judge(thing.mark, known, byNode.get(thing.mark.nodeId ?? '') ?? null);
    return orphaned === null ? [] : [{ thing, orphaned }];
  });
};

/** How many there are. */
export const searchPlace = async (world: World, write: Write, { projectId, seedId, open }: Place): Promise<number> => {
  let count = 0;
  for (const { service, kind, list } of await open()) {
    const things = await list();
    // The cloud first: a cluster is written down before anything is made for it, so what is found of a living one is known to be that.
    await write(async (tx) => {
      const now = world.clock.now();
      const found = await orphansAmong(tx.db, things);
      for (const { thing, orphaned } of found) {
        const where = { projectId: projectId ?? thing.projectId ?? null, seedId };
        await noteOrphan(tx, { ...where, service, kind, externalId: thing.id, name: thing.name, ...orphaned }, newId(), now);
      }
      await noteOthersGone(
        tx,
        { projectId, seedId, kind },
        found.map(({ thing }) => thing.id),
        now,
      );
      count += found.length;
    });
  }
  return count;
};
