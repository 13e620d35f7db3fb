/** A stage of the deletion runs under the policy's deadline: once that has passed, the deletion goes on without it, and the leak report tells what is left. */
import type { DeletionStage, StageSeen } from '../../domain/deletionStage.ts';
import { SeedbedError } from '../../domain/errors.ts';
import { done, type Outcome } from '../../engine/flow.ts';
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
  const looked = await lookAt(work);
  if ('outcome' in looked && looked.outcome.kind === 'done') return looked.outcome;
  const deadline = deadlineMs(scope.row);
  const { since } = await note(scope, stage, {});
  const left = deadline === null ? Number.POSITIVE_INFINITY : since + deadline - scope.clock.now();
  if (left <= 0) {
    await leave?.();
    const why = 'outcome' in looked ? waitedFor(looked.outcome) : looked.error.message.replace(/\.$/, '');
    await note(scope, stage, { gaveUp: why });
    return done(`Gone on without, as the deadline of ${(deadline ?? 0) / 1_000} s had passed that deleteCluster was given: ${why}.`);
  }
  if ('error' in looked) throw looked.error;
  return looked.outcome.kind === 'waiting'
    ? { ...looked.outcome, retryAfterMs: Math.min(looked.outcome.retryAfterMs, left) }
    : looked.outcome;
};

const waitedFor = (outcome: Outcome): string => (outcome.kind === 'waiting' ? outcome.reason : '');

/**
 * What a service refused or did not answer counts as waiting. Not so a right to act that is lost: without it nothing can be removed or
 * looked at, so going on would leave everything.
 */
const lookAt = async (work: () => Promise<Outcome>): Promise<{ outcome: Outcome } | { error: SeedbedError }> => {
  try {
    return { outcome: await work() };
  } catch (error) {
    if (!(error instanceof SeedbedError) || LASTING.has(error.code)) throw error;
    return { error };
  }
};

const LASTING: ReadonlySet<string> = new Set(['CLOUD_CREDENTIAL', 'SEED_UNAVAILABLE']);

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

/** A load balancer that was given up holds the network, and has been waited for. */
const sinceOf = ({ row }: ClusterScope, stage: DeletionStage): number | undefined =>
  stage === 'NETWORK' && gaveUp(row, 'LOAD_BALANCERS') !== undefined ? row.deletionStages?.LOAD_BALANCERS?.since : undefined;
