/** A stage of the deletion runs under the policy's deadline: once that has passed, the deletion goes on without it, and the leak report tells what is left. */
import type { DeletionStage, StageSeen } from '../../domain/deletionStage.ts';
import { SeedbedError } from '../../domain/errors.ts';
import { done, NotYet, type Outcome, waiting } from '../../engine/flow.ts';
import { type ClusterRow, patchCluster } from '../../store/reconcile.ts';
import type { ClusterScope } from './scope.ts';

/** Null: none was given. */
export const deadlineMs = ({ deletePolicy }: Pick<ClusterRow, 'deletePolicy'>): number | null => {
  // Deletions that began before there was one have stored none.
  const seconds = deletePolicy?.deadlineSeconds ?? null;
  return seconds === null ? null : seconds * 1_000;
};

/** What it waited for in vain; undefined: it was not given up. */
export const gaveUp = ({ deletionStages }: Pick<ClusterRow, 'deletionStages'>, stage: DeletionStage): string | undefined =>
  deletionStages?.[stage]?.gaveUp ?? undefined;

export interface Stage {
  stage: DeletionStage;
  work: () => Promise<Outcome>;
  /** Before it is gone on without; what this throws holds the deletion all the same. */
  leave?: () => Promise<unknown>;
}

export const untilDeadline = async (scope: ClusterScope, { stage, work, leave }: Stage): Promise<Outcome> => {
  const looked = await lookAt(work, stage === 'CREDENTIAL' ? NOTHING_LEFT_TO_LOSE : LASTING);
  if ('outcome' in looked && looked.outcome.kind === 'done') return looked.outcome;
  const deadline = deadlineMs(scope.row);
  const { since } = await note(scope, stage, {});
  const left = deadline === null ? Number.POSITIVE_INFINITY : since + deadline - scope.clock.now();
  if (left <= 0) {
    await leave?.();
    const why = waitedFor(looked);
    await note(scope, stage, { gaveUp: why });
    return done(`Gone on without, as the deadline of ${(deadline ?? 0) / 1_000} s had passed that deleteCluster was given: ${why}.`);
  }
  if ('error' in looked) throw looked.error;
  return looked.outcome.kind === 'waiting'
    ? { ...looked.outcome, retryAfterMs: Math.min(looked.outcome.retryAfterMs, left) }
    : looked.outcome;
};

/** Of a part of a cluster whose nodes' time is up: what does not go at once is left, and the last look at the project tries once more. */
export const orLeft = async (cluster: ClusterRow, work: () => Promise<Outcome>): Promise<Outcome> => {
  if (gaveUp(cluster, 'NODES') === undefined) return work();
  const looked = await lookAt(work, LASTING);
  if ('outcome' in looked && looked.outcome.kind === 'done') return looked.outcome;
  return done(`Left for now, as the deadline had passed that deleteCluster was given: ${waitedFor(looked)}.`);
};

type Looked = { outcome: Outcome } | { error: SeedbedError };

const waitedFor = (looked: Looked): string => {
  if ('error' in looked) return looked.error.message.replace(/\.$/, '');
  return looked.outcome.kind === 'waiting' ? looked.outcome.reason : '';
};

/**
 * What a service refused or did not answer counts as waiting. Not so a right to act that is lost: without it nothing can be removed or
 * looked at, so going on would leave everything.
 */
const lookAt = async (work: () => Promise<Outcome>, lasting: ReadonlySet<string>): Promise<Looked> => {
  try {
    return { outcome: await work() };
  } catch (error) {
    if (error instanceof NotYet) return { outcome: waiting(error.message, error.retryAfterMs) };
    if (!(error instanceof SeedbedError) || lasting.has(error.code)) throw error;
    return { error };
  }
};

const LASTING: ReadonlySet<string> = new Set(['CLOUD_CREDENTIAL', 'SEED_UNAVAILABLE']);
/** The right itself is what is removed, and all that it was for is gone or written down. */
const NOTHING_LEFT_TO_LOSE: ReadonlySet<string> = new Set();

/** Steps of one pass do this side by side: each writes what all have noted so far. */
const note = async (scope: ClusterScope, stage: DeletionStage, seen: Partial<StageSeen>): Promise<StageSeen> => {
  const { row, clock } = scope;
  const before = row.deletionStages?.[stage];
  const now: StageSeen = { since: sinceOf(scope, stage) ?? clock.now(), gaveUp: null, ...before, ...seen };
  if (before?.gaveUp === now.gaveUp) return now;
  row.deletionStages = { ...row.deletionStages, [stage]: now };
  await scope.write((tx) => patchCluster(tx, row.id, { deletionStages: row.deletionStages }));
  return now;
};

/**
 * What holds it, or is away as well, has been waited for. Not so for the right's end: while the sweep waited nobody had tried that yet, and one call
 * that fails must not leave the right for ever.
 */
const sinceOf = ({ row }: ClusterScope, stage: DeletionStage): number | undefined => {
  const before = (['NODES', 'LOAD_BALANCERS'] as const).find((held) => gaveUp(row, held) !== undefined);
  return stage === 'NETWORK' && before !== undefined ? row.deletionStages?.[before]?.since : undefined;
};
