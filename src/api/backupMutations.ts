/** createBackup, deleteBackup and restoreCluster. */
import type { BackupAnswer } from '../commands/call.ts';
import { BackupRef } from './backup.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { plainId } from './ids.ts';
import { defineMutation, REPLAYED, targetFields } from './mutation.ts';
import { OperationRef } from './operation.ts';

const backupPayload = (name: string, description: string) =>
  builder.objectRef<BackupAnswer>(name).implement({
    description,
    fields: (t) => ({
      backup: t.field({ type: BackupRef, description: 'The backup.', resolve: (answer) => answer.backup }),
      cluster: t.field({ type: ClusterRef, description: 'The cluster that it is of.', resolve: (answer) => answer.cluster }),
      operation: t.field({ type: OperationRef, description: 'What carries it out.', resolve: (answer) => answer.operation }),
      replayed: t.exposeBoolean('replayed', { description: REPLAYED }),
    }),
  });

const CreateBackupInput = builder.inputType('CreateBackupInput', {
  description: "What createBackup is asked; the expected generation is the cluster's.",
  fields: (t) => ({
    ...targetFields(t),
    clusterId: t.id({ required: true, description: 'The cluster, by its global or plain id.' }),
  }),
});

defineMutation({
  name: 'createBackup',
  description:
    "Takes a snapshot of a cluster's etcd, stores it outside the seed with the cluster's keys sealed beside it, and restores it on trial. The cluster serves meanwhile. One at a time: another waits for the one before. Needs the role member.",
  input: CreateBackupInput,
  payload: backupPayload('CreateBackupPayload', 'The backup that is being made.'),
  toCommand: (input) => ({ ...input, clusterId: plainId('Cluster', input.clusterId) }),
  command: (commands) => commands.createBackup,
});

const DeleteBackupInput = builder.inputType('DeleteBackupInput', {
  description: "What deleteBackup is asked; the expected generation is the backup's.",
  fields: (t) => ({
    ...targetFields(t),
    backupId: t.id({ required: true, description: 'The backup, by its global or plain id.' }),
  }),
});

defineMutation({
  name: 'deleteBackup',
  description: 'Deletes a backup, and what is stored of it; one that is being made is given up. Needs the role member.',
  input: DeleteBackupInput,
  payload: backupPayload('DeleteBackupPayload', 'The backup that is being deleted.'),
  toCommand: (input) => ({ ...input, backupId: plainId('Backup', input.backupId) }),
  command: (commands) => commands.deleteBackup,
});

const RestoreClusterInput = builder.inputType('RestoreClusterInput', {
  description: "What restoreCluster is asked; the expected generation is the cluster's.",
  fields: (t) => ({
    ...targetFields(t),
    backupId: t.id({ required: true, description: 'The backup, by its global or plain id; one that is READY.' }),
    confirmClusterName: t.string({
      description:
        'The name of the cluster, which loses all that was written since. Without it nothing is done, and the error says what would be lost.',
    }),
  }),
});

defineMutation({
  name: 'restoreCluster',
  description:
    'Takes a cluster back to a backup of its own: its control plane is stopped, etcd begins anew on new volumes, and what was written since is lost. Address, kubeconfigs, authorities and workers stay. A restore that is under way gives way to it. Needs the role member.',
  input: RestoreClusterInput,
  payload: backupPayload('RestoreClusterPayload', 'The cluster that is being restored.'),
  toCommand: (input) => ({ ...input, backupId: plainId('Backup', input.backupId) }),
  command: (commands) => commands.restoreCluster,
});
