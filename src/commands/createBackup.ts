/** createBackup: a snapshot of a cluster's etcd is asked for; the backup's own flow takes, stores and verifies it. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { STORE_SETTINGS } from '../domain/backup.ts';
import { Conflict, UserError } from '../domain/errors.ts';
import { writeBackup } from '../store/begun.ts';
import { beginnerOf } from './announce.ts';
import type { BackupAnswer, Call, Command, CommandDeps } from './call.ts';
import { type Recalled, runOnce } from './idempotent.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { checkGeneration, checkNotDeleting, getCluster, recallBackup, recallCluster, recallOperation } from './targets.ts';

const schema = z.strictObject({ clusterId: nameOrId });

export const createBackup =
  (deps: CommandDeps): Command<BackupAnswer> =>
  async (call, raw) => {
    const { clusterId } = parseInput(schema, ownInput(raw));
    return runOnce<BackupAnswer, void>(deps, call, {
      mutation: 'createBackup',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const cluster = await getCluster(tx.db, call, clusterId);
        permit(call.actor, 'createBackup', cluster);
        checkNotDeleting(cluster);
        checkGeneration(call, cluster);
        checkStore(deps);
        if (cluster.etcd === null || cluster.etcd.phase === 'FORMING')
          throw new Conflict('CONFLICT', `Cluster ${cluster.name} has no etcd yet; ask again once it has been READY.`, {
            field: ['clusterId'],
          });
        const { userName } = call.actor;
        const by = beginnerOf(deps, call);
        const { backup, operation } = await writeBackup(tx, by, cluster, { reason: 'ON_DEMAND', said: `as ${userName} asked` });
        return {
          answer: { backup, cluster, operation },
          target: { kind: 'BACKUP', id: backup.id, projectId: backup.projectId },
          recall: { backupId: backup.id, clusterId: cluster.id, operationId: operation.id },
        };
      },
      recall: (ids) => recallBackupAnswer(deps, call, ids),
    });
  };

export const recallBackupAnswer = async (deps: CommandDeps, call: Call, ids: Recalled): Promise<Omit<BackupAnswer, 'replayed'>> => ({
  backup: await recallBackup(deps.store.db, call, ids.backupId),
  cluster: await recallCluster(deps.store.db, call, ids.clusterId),
  operation: await recallOperation(deps.store.db, call, ids.operationId),
});

/** @throws UserError while there is nowhere to put a backup. */
export const checkStore = ({ settings }: CommandDeps): void => {
  if (settings.backupsAreKept) return;
  throw new UserError(
    'SEED_REFUSED',
    `Backups are not kept here: no object store is set up for them. Ask the operator of Seedbed to set ${STORE_SETTINGS}.`,
    { whoMustAct: 'CLOUD_ADMIN' },
  );
};
