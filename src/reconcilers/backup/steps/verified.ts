/** The snapshot can be restored: an etcd has run on it, and had what it was to have. */
import { z } from 'zod';
import { buildVerifyTask } from '../../../controlPlane/backup.ts';
import { objectNamesOf, type SnapshotFacts } from '../../../domain/backup.ts';
import { UserError } from '../../../domain/errors.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { complaintOf, jsonOf } from '../../cluster/etcdSight.ts';
import type { TaskAnswer } from '../../cluster/etcdTask.ts';
import type { BackupScope } from '../scope.ts';
import { dropTask, runTask, TRANSFER_TTL_MS } from '../task.ts';
import { stored } from './stored.ts';

const LOOK_MS = 1_000;

export const verified: Step<BackupScope> = {
  name: 'SnapshotVerified',
  title: 'Restore it on trial',
  usuallyMs: 60_000,
  needs: [stored],
  ensure: async (scope) => {
    const facts = scope.row.snapshot;
    if (scope.row.verifiedAt !== null || facts === null) return done();
    if (scope.cluster.row.deletedAt !== null)
      throw new UserError(
        'CONFLICT',
        `Backup ${scope.row.name} was kept when its cluster was deleted, and had not been restored on trial by then; nobody can any more.`,
        { whoMustAct: 'CUSTOMER' },
      );
    const answer = await runTask(scope, {
      errand: 'verify',
      direction: 'download',
      transfer: () => scope.objects().download(objectNamesOf(scope.row).snapshot, { ttlMs: TRANSFER_TTL_MS }),
      build: async (name) => buildVerifyTask(await scope.cluster.hosted(), name),
    });
    if (answer === 'running') return waiting('an etcd to run on it', LOOK_MS);
    const keyCount = readCount(scope, facts, answer);
    await scope.patch({ verifiedAt: scope.world.clock.now(), snapshot: { ...facts, keyCount } });
    return done();
  },
  remove: async (scope) => ((await dropTask(scope, 'verify')) ? done() : waiting('its Job to end', LOOK_MS)),
};

/** @throws UserError when the snapshot is none that a cluster could be restored from. */
const readCount = ({ row }: BackupScope, { revision }: SnapshotFacts, answer: TaskAnswer): number => {
  const refuse = (why: string): never => {
    throw new UserError(
      'SEED_REFUSED',
      `Backup ${row.name} could not be restored on trial: ${why}. It is tried again now and then; make another backup, and delete this one.`,
      { whoMustAct: 'CUSTOMER' },
    );
  };
  if (!answer.good) return refuse(complaintOf(answer));
  const status = statusShape.safeParse(jsonOf(answer.said.status));
  const [, count] = /^"Count" : (\d+)$/m.exec(answer.said.count ?? '') ?? [];
  if (!status.success || count === undefined) return refuse('the etcd that ran on it did not say what it had');
  const found = status.data[0].Status.header.revision;
  if (found !== revision) return refuse(`it was taken at revision ${revision}, and etcd came up with ${found}`);
  if (count === '0') return refuse('it is empty');
  return Number(count);
};

const statusShape = z.tuple([z.looseObject({ Status: z.looseObject({ header: z.looseObject({ revision: z.number() }) }) })]);
