/** Backups as a kind of object that passes run over. */
import { isGivenUp, nextCheckAt } from '../../domain/backup.ts';
import { defineFlow } from '../../engine/flow.ts';
import { findBackup, patchBackup } from '../../store/backups.ts';
import { loadCluster } from '../../store/reconcile.ts';
import { sleepsWith } from '../holds.ts';
import { restsWith } from '../lostSeed.ts';
import { commonState } from '../outcome.ts';
import { createHandler } from '../pass.ts';
import type { World } from '../world.ts';
import { type BackupScope, openBackupScope } from './scope.ts';
import { kept } from './steps/kept.ts';
import { stored } from './steps/stored.ts';
import { verified } from './steps/verified.ts';

const backupFlow = defineFlow<BackupScope>('backup', [stored, verified, kept]);

export const createBackupHandler = (world: World) =>
  createHandler(world, {
    kind: 'BACKUP',
    flow: backupFlow,
    load: findBackup,
    subject: ({ id, name, clusterId, projectId }) => ({ kind: 'BACKUP', id, name, streamId: clusterId, clusterId, projectId }),
    cluster: (_row, scope) => scope.cluster.row,
    open: async (row, write, world) => {
      const cluster = await loadCluster(world.store.db, row.clusterId);
      if (cluster === undefined) throw new Error(`A backup's cluster ${row.clusterId} is not there.`);
      return openBackupScope(world, row, cluster, write);
    },
    held: async (row, { cluster }) => {
      if (row.deleteRequestedAt !== null) return undefined;
      // What is stored is tried and looked for without the cluster.
      return (await restsWith(world, cluster.row)) ?? (row.snapshot === null ? sleepsWith(cluster.row) : undefined);
    },
    stateOf: (_scope, row, summary) => (row.loss !== null && row.deleteRequestedAt === null ? 'LOST' : commonState(row, summary)),
    restsUntil: (row, settled) => {
      if (isGivenUp(row.failures)) return null;
      if (!settled && row.loss === null) return undefined;
      return world.objects === null ? null : nextCheckAt(row);
    },
    parent: ({ clusterId }) => ({ kind: 'CLUSTER', id: clusterId }),
    save: (tx, row, patch) => patchBackup(tx, row.id, patch as Parameters<typeof patchBackup>[2]),
  });
