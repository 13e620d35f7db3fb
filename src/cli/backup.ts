/** `seedbed backup …`: snapshots of clusters' etcd. */
import type { Command } from 'commander';
import { BACKUP_BY_ID, BACKUPS, CLONE_CLUSTER, CREATE_BACKUP, DELETE_BACKUP, RESTORE_CLUSTER } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { Backup, Operation } from '../client/types.ts';
import { conditionsText } from './conditions.ts';
import { getCluster, listAll } from './find.ts';
import { action, type ChangeOptions, define, defineChange, given, readWhole } from './options.ts';
import type { Io, Session } from './session.ts';
import { ageOf, fields, table } from './table.ts';

export const addBackupCommands = (program: Command, io: Io): void => {
  const backup = program.command('backup').description("backups of clusters' etcd");
  defineChange(backup, 'create <cluster>', 'take a snapshot, store it outside the seed, and restore it on trial').action(
    action(io, create),
  );
  define(backup, 'list [cluster]', 'list backups of a cluster, or of the whole project').action(action(io, list));
  define(backup, 'show <backup>', 'show a backup, by name or id').action(action(io, show));
  defineChange(backup, 'restore <backup>', 'take its cluster back to a backup, by name or id; what was written since is lost')
    .option('--confirm-cluster-name <cluster>', 'the name of the cluster, without which it is said what would be lost')
    .action(action(io, restore));
  defineChange(backup, 'clone <backup> <name>', 'make another cluster that begins as a backup has it')
    .option('--node-count <n>', 'workers of one default group, in the place of the groups of the first cluster', readWhole)
    .action(action(io, clone));
  defineChange(backup, 'delete <backup>', 'delete a backup, by name or id').action(action(io, remove));
};

const find = async (session: Session, nameOrId: string): Promise<Backup> => {
  const all = await listAll<Backup>(session.client, BACKUPS, 'backups');
  const found = all.find(({ uuid, name }) => uuid === nameOrId || name === nameOrId);
  if (found === undefined) throw new ClientError('NOT_FOUND', `Backup ${nameOrId} was not found.`);
  return found;
};

const again = async (session: Session, id: string): Promise<Backup> => {
  const { backup } = await session.client.request<{ backup: Backup | null }>(BACKUP_BY_ID, { id });
  if (backup === null) throw new ClientError('NOT_FOUND', `Backup ${id} is gone.`);
  return backup;
};

interface Changed {
  backup: Backup;
  operation: Operation;
}

const create = async (session: Session, [clusterName = '']: readonly string[], options: ChangeOptions): Promise<void> => {
  const { uuid, name } = await getCluster(session.client, clusterName);
  const input = given({ clusterId: uuid, idempotencyKey: options.idempotencyKey });
  const { backup, operation } = await session.client.mutate<Changed>(CREATE_BACKUP, { input });
  await session.finish(options, { operation, title: `Back up cluster ${name}` });
  const after = await again(session, backup.uuid);
  session.print(after, () => backupText(after));
};

const list = async (session: Session, [clusterName]: readonly string[]): Promise<void> => {
  const cluster = clusterName === undefined ? null : await getCluster(session.client, clusterName);
  const all = await listAll<Backup>(session.client, BACKUPS, 'backups');
  const backups = all.filter((backup) => cluster === null || backup.cluster?.uuid === cluster.uuid);
  session.print(backups, () =>
    table(
      ['BACKUP', 'CLUSTER', 'STATE', 'SIZE', 'REVISION', 'AGE', 'VERIFIED', 'REASON'],
      backups.map((b) => [
        b.name,
        b.cluster?.name ?? null,
        b.state,
        sizeOf(b),
        b.revision,
        ageOf(b.createdAt, session.now()),
        b.verifiedAt === null ? null : `${ageOf(b.verifiedAt, session.now())} ago`,
        b.reason,
      ]),
      'No backups.',
    ),
  );
};

const show = async (session: Session, [nameOrId = '']: readonly string[]): Promise<void> => {
  const backup = await find(session, nameOrId);
  session.print(backup, () => backupText(backup));
};

const restore = async (
  session: Session,
  [nameOrId = '']: readonly string[],
  options: ChangeOptions & { confirmClusterName?: string },
): Promise<void> => {
  const { uuid, name, cluster } = await find(session, nameOrId);
  const { confirmClusterName, idempotencyKey } = options;
  const input = given({ backupId: uuid, confirmClusterName, idempotencyKey });
  const { operation } = await session.client.mutate<Changed>(RESTORE_CLUSTER, { input });
  await session.finish(options, { operation, title: `Restore backup ${name}` });
  session.print({ uuid, name, operation: operation.uuid }, () =>
    options.wait === false ? '' : `Cluster ${cluster?.name ?? ''} is back at backup ${name}.\n`,
  );
};

const clone = async (
  session: Session,
  [nameOrId = '', clusterName = '']: readonly string[],
  options: ChangeOptions & { nodeCount?: number },
): Promise<void> => {
  const { uuid, name } = await find(session, nameOrId);
  const { nodeCount, idempotencyKey } = options;
  const input = given({ backupId: uuid, name: clusterName, nodeCount, idempotencyKey });
  const { cluster, operation } = await session.client.mutate<{ cluster: { uuid: string; name: string }; operation: Operation }>(
    CLONE_CLUSTER,
    { input },
  );
  await session.finish(options, { operation, title: `Clone backup ${name}` });
  const after = options.wait === false ? cluster : await getCluster(session.client, cluster.uuid);
  session.print(after, () => (options.wait === false ? '' : `Cluster ${cluster.name} has what backup ${name} has.\n`));
};

const remove = async (session: Session, [nameOrId = '']: readonly string[], options: ChangeOptions): Promise<void> => {
  const { uuid, name } = await find(session, nameOrId);
  const input = given({ backupId: uuid, idempotencyKey: options.idempotencyKey });
  const { operation } = await session.client.mutate<Changed>(DELETE_BACKUP, { input });
  await session.finish(options, { operation, title: `Delete backup ${name}` });
  session.print({ uuid, name, deleted: options.wait !== false }, () => (options.wait === false ? '' : `Backup ${name} is deleted.\n`));
};

const sizeOf = ({ sizeBytes }: Backup): string | null => (sizeBytes === null ? null : `${(sizeBytes / 1024 ** 2).toFixed(1)} MiB`);

const backupText = (backup: Backup): string =>
  fields([
    ['Backup', backup.name],
    ['Id', backup.uuid],
    ['Cluster', backup.cluster?.name ?? null],
    ['State', backup.state],
    ['Reason', backup.reason],
    ['Taken', backup.takenAt],
    ['Verified', backup.verifiedAt],
    ['Size', sizeOf(backup)],
    ['Revision', backup.revision],
    ['Keys', backup.keyCount],
    ['Kubernetes', backup.kubernetesVersion],
    ['SHA-256', backup.sha256],
    ['Asked for by', backup.createdBy],
  ]) + conditionsText(backup.conditions);
