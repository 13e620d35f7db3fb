/** The snapshot and the keys that it needs are in the object store. */
import { z } from 'zod';
import { backupTaskName, buildSaveTask } from '../../../controlPlane/backup.ts';
import { namesOf, type ReachableCluster } from '../../../controlPlane/hostedCluster.ts';
import { isGivenUp, MOST_TRIES, objectNamesOf, retryAt } from '../../../domain/backup.ts';
import { quotaBytesOf } from '../../../domain/controlPlane.ts';
import { SeedbedError, Unavailable, UserError } from '../../../domain/errors.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { fingerprint } from '../../../lib/json.ts';
import { CHECKSUM_BYTES, type ObjectStore } from '../../../objectStore/objectStore.ts';
import { findBackupBefore } from '../../../store/backups.ts';
import { complaintOf, jsonOf } from '../../cluster/etcdSight.ts';
import type { TaskAnswer } from '../../jobAnswer.ts';
import { readyReplicas } from '../../workload.ts';
import { openKeys, sealKeys } from '../keys.ts';
import type { BackupScope } from '../scope.ts';
import { dropTask, noteFailure, runTask, TRANSFER_TTL_MS } from '../task.ts';

const LOOK_MS = 1_000;
/** A snapshot is as large as the file that it is of, which may be somewhat larger than its quota. */
const MAX_OF_QUOTA = 1.25;

export const stored: Step<BackupScope> = {
  name: 'SnapshotStored',
  title: 'Store a snapshot of etcd',
  usuallyMs: 60_000,
  ensure: async (scope) => {
    if (scope.row.snapshot !== null) return done();
    refuseTry(scope);
    const before = await findBackupBefore(scope.world.store.db, scope.row);
    if (before !== undefined) return waiting(`backup ${before.name} of the same cluster, which comes first`, 5 * LOOK_MS);
    const { snapshot, keys } = objectNamesOf(scope.row);
    const hosted = await scope.cluster.reachable();
    // While its cluster wakes no try would come to anything.
    if (scope.cluster.row.hibernation !== null && !(await isEtcdReady(scope, hosted))) return waiting('etcd to run', 5 * LOOK_MS);
    const objects = scope.objects();
    // Before the snapshot, so that they are there with it; whether they still fit is looked at behind it.
    await putKeys(scope, objects, keys);
    const maxBytes = Math.ceil(MAX_OF_QUOTA * quotaBytesOf(hosted.etcd));
    const answer = await runTask(scope, {
      errand: 'save',
      direction: 'upload',
      transfer: () => objects.upload(snapshot, { ttlMs: TRANSFER_TTL_MS, maxBytes }),
      build: async (task) => buildSaveTask(hosted, task, memberOf(scope)),
    });
    if (answer === 'running') return waiting('the snapshot to be taken and stored', LOOK_MS);
    return readAnswer(scope, answer, maxBytes);
  },
  remove: async (scope) => {
    if (!(await dropTask(scope, 'save'))) return waiting('its Job to end', LOOK_MS);
    // Nothing of it was stored, and nothing can be asked: its cluster must not wait for that.
    if (scope.world.objects === null && scope.row.snapshot === null) return done();
    const objects = scope.objects();
    const { snapshot, keys } = objectNamesOf(scope.row);
    await objects.remove(snapshot);
    await objects.remove(keys);
    return done();
  },
};

const isEtcdReady = async ({ cluster }: BackupScope, hosted: ReachableCluster): Promise<boolean> =>
  readyReplicas((await cluster.seed()).statefulSets.get(hosted.namespace, namesOf(hosted).etcd)) > 0;

const readAnswer = async (scope: BackupScope, answer: TaskAnswer, maxBytes: number): Promise<Outcome> => {
  if (!answer.good) return failed(scope, complaintOf(answer));
  const status = statusShape.safeParse(jsonOf(answer.said.status));
  const objects = scope.objects();
  const { snapshot, keys } = objectNamesOf(scope.row);
  const found = await objects.stat(snapshot);
  if (!status.success || found === undefined || found.tail.length < CHECKSUM_BYTES)
    return failed(scope, 'it is not in the object store, though it was sent there');
  if (found.sizeBytes > maxBytes) {
    await objects.remove(snapshot);
    return failed(scope, `it has ${found.sizeBytes} bytes, where etcd's quota leaves room for ${maxBytes}, and was removed again`);
  }
  // Keys may have changed between: one that writes since the snapshot is taken, or one that was forgotten before.
  const sealed = await objects.get(keys);
  const then = sealed === undefined ? undefined : openKeys(scope.world, scope.row.id, sealed.toString());
  if (fingerprint(then?.encryption.keys ?? []) !== fingerprint((await scope.cluster.pki()).encryption.keys)) {
    await objects.remove(keys);
    return waiting("another snapshot, since the cluster's keys changed during this one", LOOK_MS);
  }
  await scope.patch({
    failures: null,
    snapshot: {
      sizeBytes: found.sizeBytes,
      sha256: found.tail.toString('hex'),
      revision: status.data.revision,
      keyCount: null,
      takenAt: scope.world.clock.now(),
      kubernetesVersion: scope.cluster.row.spec.kubernetesVersion,
    },
  });
  return done();
};

const putKeys = async (scope: BackupScope, objects: ObjectStore, keys: string): Promise<void> => {
  try {
    const name = backupTaskName(await scope.cluster.hosted(), scope.row.id, 'save');
    if ((await objects.get(keys)) !== undefined && (await isUnderWay(scope, name))) return;
    await objects.put(keys, Buffer.from(sealKeys(scope.world, scope.row.id, await scope.cluster.pki())));
  } catch (error) {
    if (error instanceof SeedbedError) throw error;
    scope.world.log.warn({ backup: scope.row.id, err: error }, 'the keys of a backup were not stored');
    await failed(scope, 'the object store did not take its keys');
  }
};

const failed = async (scope: BackupScope, message: string): Promise<never> => {
  await noteFailure(scope, message);
  refuseTry(scope);
  throw new Error('A failure that was noted is refused.');
};

/** @throws UserError when it was tried often enough, Unavailable while it is not time for the next try. */
const refuseTry = ({ row, world }: BackupScope): void => {
  const { failures } = row;
  if (failures === null) return;
  const now = world.clock.now();
  if (isGivenUp(failures))
    throw new UserError(
      'SEED_REFUSED',
      `Backup ${row.name} is given up after ${failures.count} tries, and others of its cluster go on without it. No snapshot was stored: ${failures.message}. Retry its operation once that is mended, or delete it and make another.`,
      { whoMustAct: 'CLOUD_ADMIN' },
    );
  if (now < retryAt(failures))
    throw new Unavailable(
      'CLUSTER_UNAVAILABLE',
      `No snapshot was stored in try ${failures.count} of ${MOST_TRIES}: ${failures.message}. It is tried again.`,
      { retryAfterMs: retryAt(failures) - now },
    );
};

const statusShape = z.looseObject({ revision: z.number() });

const isUnderWay = async ({ cluster }: BackupScope, name: string): Promise<boolean> => {
  const { namespace } = await cluster.hosted();
  return (await (await cluster.seed()).kube.get({ apiVersion: 'batch/v1', kind: 'Job', namespace, name })) !== undefined;
};

/** One that follows, where there is one: the leader has enough to do. */
const memberOf = ({ cluster: { row } }: BackupScope): number => {
  const members = row.etcdStatus?.members.filter(({ learner, version }) => !learner && version !== null) ?? [];
  return Math.max(0, (members.find(({ leader }) => !leader) ?? members[0])?.number ?? 0);
};
