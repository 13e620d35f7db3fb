/** The snapshot can be restored: an etcd has run on it, and had what it was to have. */
import { z } from 'zod';
import { buildVerifyTask } from '../../../controlPlane/backup.ts';
import { isGivenUp, objectNamesOf, retryAt, type SnapshotFacts } from '../../../domain/backup.ts';
import { UserError } from '../../../domain/errors.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import type { BackupRow } from '../../../store/backups.ts';
import { complaintOf, jsonOf } from '../../cluster/etcdSight.ts';
import type { TaskAnswer } from '../../jobAnswer.ts';
import type { BackupScope } from '../scope.ts';
import { dropTask, noteFailure, runTask, TRANSFER_TTL_MS } from '../task.ts';
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
    refuseTry(scope);
    const answer = await runTask(scope, {
      errand: 'verify',
      direction: 'download',
      transfer: () => scope.objects().download(objectNamesOf(scope.row).snapshot, { ttlMs: TRANSFER_TTL_MS }),
      build: async (name) => buildVerifyTask(await scope.cluster.hosted(), name),
    });
    if (answer === 'running') return waiting('an etcd to run on it', LOOK_MS);
    const keyCount = readCount(facts, answer);
    if (typeof keyCount === 'string') {
      await noteFailure(scope, keyCount);
      throw refusal(scope.row, keyCount, scope.world.clock.now());
    }
    await scope.patch({ verifiedAt: scope.world.clock.now(), failures: null, snapshot: { ...facts, keyCount } });
    return done();
  },
  remove: async (scope) => ((await dropTask(scope, 'verify')) ? done() : waiting('its Job to end', LOOK_MS)),
};

/** @throws UserError when it was tried often enough, and while it is not time for the next try. */
const refuseTry = ({ row, world }: BackupScope): void => {
  const now = world.clock.now();
  if (row.failures !== null && (isGivenUp(row.failures) || now < retryAt(row.failures))) throw refusal(row, row.failures.message, now);
};

const refusal = ({ name, failures }: BackupRow, why: string, now: number): UserError => {
  const next = isGivenUp(failures) ? 'It is not tried again until you retry its operation' : 'It is tried again';
  return new UserError(
    'SEED_REFUSED',
    `Backup ${name} could not be restored on trial: ${why}. ${next}; make another backup, and delete this one.`,
    {
      whoMustAct: 'CUSTOMER',
      ...(failures !== null && { lookAgainMs: Math.max(0, retryAt(failures) - now) }),
    },
  );
};

/** Why the snapshot is none that a cluster could be restored from, or how many keys it has. */
const readCount = ({ revision }: SnapshotFacts, answer: TaskAnswer): number | string => {
  if (!answer.good) return complaintOf(answer);
  const status = statusShape.safeParse(jsonOf(answer.said.status));
  const [, count] = /^"Count" : (\d+)$/m.exec(answer.said.count ?? '') ?? [];
  if (!status.success || count === undefined) return 'the etcd that ran on it did not say what it had';
  const found = status.data[0].Status.header.revision;
  if (found !== revision) return `it was taken at revision ${revision}, and etcd came up with ${found}`;
  return count === '0' ? 'it is empty' : Number(count);
};

const statusShape = z.tuple([z.looseObject({ Status: z.looseObject({ header: z.looseObject({ revision: z.number() }) }) })]);
