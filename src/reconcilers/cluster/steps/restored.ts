/**
 * A backup takes the place of what etcd has: the control plane goes down, each member gets a new volume with the backup on it, and what
 * starts a cluster anyway starts it again. Workers are left alone: the authorities that they trust stay, and so does the address.
 */
import {
  buildBackupPolicies,
  buildClaim,
  buildRestoreTask,
  buildTransferSecret,
  isOfEarlierRestore,
  RESTORE_ANNOTATION,
  restoreTaskName,
} from '../../../controlPlane/backup.ts';
import { etcdMembersOf, type ReachableCluster } from '../../../controlPlane/hostedCluster.ts';
import { labelsOf } from '../../../controlPlane/object.ts';
import { AUTO_RESTORE } from '../../../domain/autoRestore.ts';
import { type ClusterRestore, objectNamesOf } from '../../../domain/backup.ts';
import { problemOf, UserError } from '../../../domain/errors.ts';
import { formingOf } from '../../../domain/etcd.ts';
import { done, NotYet, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import type { ObjectStore } from '../../../objectStore/objectStore.ts';
import { type Encryption, readingAlso, takingOver } from '../../../pki/encryption.ts';
import { type BackupRow, findBackup, patchBackup } from '../../../store/backups.ts';
import { doubtApplied } from '../../../store/inventory.ts';
import type { Tx } from '../../../store/open.ts';
import { callOffOperations } from '../../../store/operations.ts';
import { type ClusterRow, loadCluster, patchCluster } from '../../../store/reconcile.ts';
import { openKeys } from '../../backup/keys.ts';
import { TRANSFER_TTL_MS } from '../../backup/task.ts';
import { createOnce, selectorText } from '../../workload.ts';
import { stopControlPlane } from '../atZero.ts';
import { complaintOf } from '../etcdSight.ts';
import { takeJobAnswer } from '../etcdTask.ts';
import type { ClusterScope } from '../scope.ts';
import { certificates } from './certificates.ts';
import { networkPolicies } from './networkPolicies.ts';
import { seedTurn } from './seedTurn.ts';

const LOOK_MS = 1_000;
const MOST_MEMBERS = 3;

export const restored: Step<ClusterScope> = {
  name: 'BackupRestored',
  title: 'Restore the backup',
  usuallyMs: 120_000,
  needs: [networkPolicies, certificates, seedTurn],
  wanted: ({ row }) => row.restore !== null,
  ensure: async (scope) => {
    const { restore } = scope.row;
    if (restore === null || restore.phase === 'DONE') return done();
    const opened = await open(scope, restore);
    if (opened === 'CALLED_OFF') return done('The last one asked for was called off, and nothing was changed.');
    const { backup, objects } = opened;
    if (restore.phase === 'STOP') {
      await dropEarlier(scope, restore);
      const going = await stopControlPlane(scope);
      if (going !== undefined) return waiting(`step 1 of 3: ${going} to stop`, LOOK_MS);
      await note(scope, { ...restore, phase: 'FILL' });
      return waiting('step 2 of 3: new volumes with the backup', 100);
    }
    const left = await fill(scope, restore, backup, objects);
    if (left !== undefined) return waiting(`step 2 of 3: ${left}`, LOOK_MS);
    return start(scope, backup, objects);
  },
};

/** Unless another was asked for since the pass began. */
const note = async (
  scope: ClusterScope,
  restore: ClusterRestore,
  more: Partial<ClusterRow> = {},
  also: (tx: Tx) => Promise<void> = async () => {},
): Promise<void> => {
  await scope.write(async (tx) => {
    const now = await loadCluster(tx.db, scope.row.id);
    if (now?.restore?.number !== restore.number) throw new NotYet('the restore that was asked for last', 100);
    await patchCluster(tx, scope.row.id, { restore, ...more });
    await also(tx);
  });
  Object.assign(scope.row, { restore, ...more });
};

/**
 * Before anything is stopped, one that cannot be restored is called off, and the cluster goes on as it is.
 * @throws UserError when the cluster is down already.
 */
const open = async (scope: ClusterScope, restore: ClusterRestore): Promise<{ backup: BackupRow; objects: ObjectStore } | 'CALLED_OFF'> => {
  const { objects } = scope.world;
  const backup = await findBackup(scope.db, restore.backupId);
  if (backup !== undefined && objects !== null && (await isWhole(scope, restore, backup, objects))) return { backup, objects };
  const untouched = restore.phase === 'STOP' && restore.intact === true;
  const refusal = new UserError(
    'SEED_REFUSED',
    `Backup ${backup?.name ?? restore.backupId} is not in the object store as it was stored${untouched ? ', and nothing was changed' : ''}; ${remedyOf(scope)}.`,
    { field: ['backupId'], whoMustAct: 'CUSTOMER' },
  );
  if (!untouched) throw refusal;
  const now = scope.clock.now();
  const { asked, ...calledOff } = restore;
  // One that was begun by itself, and was none, keeps nobody from the next.
  const more = asked?.requestedBy === AUTO_RESTORE ? { autoRestoredAt: null } : {};
  await note(scope, { ...calledOff, phase: 'DONE' }, more, async (tx) => {
    if (backup !== undefined)
      await patchBackup(tx, backup.id, { loss: { since: now, what: 'is not in the object store as it was stored' } });
    await callOffOperations(tx, scope.row.id, 'RESTORE_CLUSTER', problemOf(refusal), now);
  });
  return 'CALLED_OFF';
};

/** One that is being made has no backup of its own. */
const remedyOf = ({ row: { clone } }: ClusterScope): string =>
  clone === null || clone.separated ? 'restore another one' : 'delete this cluster, and clone another backup';

/** The keys are tried while there still is a way back. */
const isWhole = async (scope: ClusterScope, { phase }: ClusterRestore, backup: BackupRow, objects: ObjectStore): Promise<boolean> => {
  const { snapshot, keys } = objectNamesOf(backup);
  const stored = await objects.stat(snapshot);
  if (stored?.tail.toString('hex') !== backup.snapshot?.sha256) return false;
  if (phase !== 'STOP') return true;
  const sealed = await objects.get(keys);
  try {
    return sealed !== undefined && openKeys(scope.world, backup.id, sealed.toString()).encryption !== undefined;
  } catch (error) {
    scope.world.log.warn({ backup: backup.id, err: error }, 'the keys of a backup do not open');
    return false;
  }
};

/** What restores before this one were at when they gave way: a Job of the first may outlive the second. */
const dropEarlier = async (scope: ClusterScope, { number }: ClusterRestore): Promise<void> => {
  if (number === 1) return;
  const hosted = await scope.reachable();
  const { kube } = await scope.seed();
  const labelSelector = selectorText(labelsOf(hosted, 'etcd-backup'));
  for (const [apiVersion, kind] of [
    ['batch/v1', 'Job'],
    ['v1', 'Secret'],
  ] as const)
    for (const { metadata } of (await kube.list({ apiVersion, kind, namespace: hosted.namespace, labelSelector })).items)
      if (isOfEarlierRestore(hosted, metadata.name, number))
        await kube.remove({ apiVersion, kind, namespace: hosted.namespace, name: metadata.name });
};

/** As many members as are asked for, whatever there were. */
const restoredCluster = async (scope: ClusterScope): Promise<ReachableCluster> => {
  const hosted = await scope.reachable();
  return { ...hosted, etcd: { ...hosted.etcd, members: scope.row.spec.controlPlane.replicas } };
};

/** What is waited for; undefined when each member's volume has the backup. */
const fill = async (scope: ClusterScope, restore: ClusterRestore, backup: BackupRow, objects: ObjectStore): Promise<string | undefined> => {
  const hosted = await restoredCluster(scope);
  const missing: number[] = [];
  // Those that are not to be any more go, too: who comes later by the number begins empty.
  for (const [member] of etcdMembersOf(hosted, MOST_MEMBERS).entries())
    if (!(await fillMember(scope, hosted, { restore, backup, objects, member }))) missing.push(member);
  return missing.length === 0 ? undefined : `the backup on the volume of member ${missing.join(', ')} of etcd`;
};

interface Filling {
  restore: ClusterRestore;
  backup: BackupRow;
  objects: ObjectStore;
  member: number;
}

const fillMember = async (scope: ClusterScope, hosted: ReachableCluster, filling: Filling): Promise<boolean> => {
  const { backup, objects, member } = filling;
  const { number } = filling.restore;
  if (scope.row.restore?.filled.includes(member)) return true;
  const { kube } = await scope.seed();
  const claim = buildClaim(hosted, member, number);
  const ref = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: hosted.namespace, name: claim.metadata.name };
  const there = await kube.get(ref);
  if (there !== undefined && there.metadata.annotations?.[RESTORE_ANNOTATION] !== String(number)) {
    await kube.remove(ref);
    return false;
  }
  if (member >= hosted.etcd.members) return there === undefined;
  const name = restoreTaskName(hosted, number, member);
  const answer = await takeJobAnswer(scope, name);
  if (answer === 'running') return false;
  if (answer !== undefined) {
    await kube.remove({ apiVersion: 'v1', kind: 'Secret', namespace: hosted.namespace, name });
    if (answer.good) {
      const now = scope.row.restore;
      if (now !== null) await note(scope, { ...now, filled: [...now.filled, member] });
      return true;
    }
    scope.world.log.warn({ cluster: scope.row.id, member }, `a backup was not restored: ${complaintOf(answer)}`);
    // What is on the volume by now may be a part of it.
    await kube.remove(ref);
    return false;
  }
  if (there === undefined) await createOnce(kube, claim);
  const transfer = await objects.download(objectNamesOf(backup).snapshot, { ttlMs: TRANSFER_TTL_MS });
  await scope.applyToSeed('etcd-backup', buildBackupPolicies(hosted, await objects.end()));
  await kube.apply(buildTransferSecret(hosted, name, 'download', transfer));
  await createOnce(kube, buildRestoreTask(hosted, name, member));
  return false;
};

/** A crash may have come after they were taken over. */
const ofClone = (own: Encryption, theirs: Encryption): Encryption => {
  const known = new Set(own.keys.map(({ secret }) => secret));
  return theirs.keys.every(({ secret }) => known.has(secret)) ? own : takingOver(own, theirs);
};

/** The keys that the data needs, and no trust in what was applied to the cluster since; the steps after this one do the rest. */
const start = async (scope: ClusterScope, backup: BackupRow, objects: ObjectStore): Promise<Outcome> => {
  const sealed = await objects.get(objectNamesOf(backup).keys);
  if (sealed === undefined)
    throw new UserError('SEED_REFUSED', `The keys of backup ${backup.name} are not in the object store any more; ${remedyOf(scope)}.`, {
      field: ['backupId'],
      whoMustAct: 'CUSTOMER',
    });
  const then = openKeys(scope.world, backup.id, sealed.toString());
  const { encryption } = await scope.pki();
  const next =
    scope.row.clone === null || scope.row.clone.separated ? readingAlso(encryption, then.encryption) : ofClone(encryption, then.encryption);
  if (next !== encryption) await scope.changePki({ encryption: next });
  await scope.write((tx) => doubtApplied(tx, scope.row.id, 'CLUSTER'));
  scope.world.tenants.close(scope.row.id);
  const { restore } = scope.row;
  const { replicas } = scope.row.spec.controlPlane;
  const etcd = { ...formingOf(replicas), phase: 'SETTLED' as const };
  if (restore !== null) await note(scope, { ...restore, phase: 'DONE' }, { etcd, etcdStatus: null, etcdDisk: null, quorum: null });
  return done();
};
