/** What was stored is still there, as it was: looked for once a day, by its size, etcd's checksum at its end, and the keys beside it. */
import { nextCheckAt, objectNamesOf } from '../../../domain/backup.ts';
import { UserError } from '../../../domain/errors.ts';
import { done, type Step } from '../../../engine/flow.ts';
import type { ObjectStore } from '../../../objectStore/objectStore.ts';
import type { BackupRow } from '../../../store/backups.ts';
import type { BackupScope } from '../scope.ts';
import { verified } from './verified.ts';

export const kept: Step<BackupScope> = {
  name: 'SnapshotKept',
  title: 'Find it in the object store',
  needs: [verified],
  ensure: async (scope) => {
    const { row, world } = scope;
    const now = world.clock.now();
    if (world.objects !== null && now >= nextCheckAt(row)) {
      const what = await missingOf(world.objects, row);
      await scope.patch({ checkedAt: now, loss: what === null ? null : { since: row.loss?.since ?? now, what } });
    }
    if (row.loss === null) return done();
    throw new UserError(
      'SEED_REFUSED',
      `Backup ${row.name} ${row.loss.what}; put it back, and it is found within a day, or delete the backup and make another.`,
      { whoMustAct: 'CLOUD_ADMIN' },
    );
  },
};

/** The whole snapshot is read only when it is restored, and etcd looks at its checksum then. */
const missingOf = async (objects: ObjectStore, row: BackupRow): Promise<string | null> => {
  const { snapshot, keys } = objectNamesOf(row);
  const found = await objects.stat(snapshot);
  if (found === undefined) return 'is not in the object store any more';
  if (found.sizeBytes !== row.snapshot?.sizeBytes || found.tail.toString('hex') !== row.snapshot.sha256)
    return 'is not in the object store as it was stored';
  return (await objects.get(keys)) === undefined ? 'has no keys in the object store any more, without which nobody can read it' : null;
};
