/** The frame of every command: an idempotency key answers once, and whatever is written is audited in the same transaction. */
import { UserError } from '../domain/errors.ts';
import { fingerprint } from '../lib/json.ts';
import { appendAudit, isRepetitionNoted } from '../store/auditLog.ts';
import { findIdempotencyKey, type IdempotencyRow, insertIdempotencyKey } from '../store/idempotency.ts';
import type { Tx } from '../store/open.ts';
import { auditEntryOf } from './audited.ts';
import type { Answer, Call, CommandDeps } from './call.ts';
import { ownInput } from './parse.ts';

/** What a repeated call needs to answer again: ids, never content. */
export type Recalled = Record<string, string>;

export interface Applied<Result extends Answer> {
  answer: Omit<Result, 'replayed'>;
  target: { kind: string; id: string; projectId: string | null };
  recall: Recalled;
}

export interface Frame {
  scope: string;
  key: string | null;
}

export interface Effect<Result extends Answer, Plan> {
  mutation: string;
  input: unknown;
  /** Added to the fingerprint where an answer belongs to one person. */
  personal?: boolean;
  /** What can be done before the transaction: reads, checks, slow computation. Not run for a repeated call. */
  prepare(): Promise<Plan>;
  /** All writes; awaits nothing but the database. */
  apply(tx: Tx, plan: Plan, frame: Frame): Promise<Applied<Result>>;
  recall(ids: Recalled, frame: Frame): Promise<Omit<Result, 'replayed'>>;
}

/** Runs a command once for its idempotency key. @throws UserError IDEMPOTENCY_MISMATCH when the key was used for something else. */
export const runOnce = async <Result extends Answer, Plan>(
  deps: CommandDeps,
  call: Call,
  effect: Effect<Result, Plan>,
): Promise<Result> => {
  const { actor } = call;
  const frame: Frame = { scope: actor.projectId ?? actor.userId, key: keyOf(call) };
  const inputHash = fingerprint({
    input: ownInput(effect.input),
    expectedGeneration: call.expectedGeneration ?? null,
    userId: effect.personal === true ? actor.userId : null,
  });
  const replay = async (row: IdempotencyRow): Promise<Result> => {
    if (row.mutation !== effect.mutation || row.inputHash !== inputHash) throw mismatch();
    const recalled = row.result as Recalled;
    const answer = { ...(await effect.recall(recalled, frame)), replayed: true } as Result;
    const entry = auditEntryOf(call, {
      at: deps.clock.now(),
      action: effect.mutation,
      projectId: actor.projectId,
      target: recalledTarget(recalled),
      inputHash,
      outcome: 'REPLAYED',
      operationId: recalled.operationId ?? null,
      errorCode: null,
    });
    // What is personal is handed out once more. Else one entry says it: who repeats a call until it is answered shall not need a write for it.
    if (effect.personal === true || !(await isRepetitionNoted(deps.store.db, entry)))
      await deps.store.transaction((tx) => appendAudit(tx, entry));
    return answer;
  };
  const earlier = frame.key === null ? undefined : await findIdempotencyKey(deps.store.db, frame.scope, frame.key);
  if (earlier !== undefined) return replay(earlier);
  const plan = await effect.prepare();
  const outcome = await deps.store.transaction(async (tx) => {
    // Another call with the same key may have come between; writers go one after the other, so this look is final.
    const meanwhile = frame.key === null ? undefined : await findIdempotencyKey(tx.db, frame.scope, frame.key);
    if (meanwhile !== undefined) return { meanwhile };
    const applied = await effect.apply(tx, plan, frame);
    const now = deps.clock.now();
    if (frame.key !== null) {
      await insertIdempotencyKey(tx, {
        scope: frame.scope,
        key: frame.key,
        mutation: effect.mutation,
        inputHash,
        result: applied.recall,
        createdAt: now,
      });
    }
    await appendAudit(
      tx,
      auditEntryOf(call, {
        at: now,
        action: effect.mutation,
        projectId: applied.target.projectId,
        target: applied.target,
        inputHash,
        outcome: 'ACCEPTED',
        operationId: applied.recall.operationId ?? null,
        errorCode: null,
      }),
    );
    return { applied };
  });
  if (outcome.meanwhile !== undefined) return replay(outcome.meanwhile);
  return { ...outcome.applied.answer, replayed: false } as Result;
};

const RECALLED: readonly (readonly [id: string, kind: string])[] = [
  ['nodeGroupId', 'NODE_GROUP'],
  ['kubeconfigId', 'KUBECONFIG'],
  ['backupId', 'BACKUP'],
  ['clusterId', 'CLUSTER'],
  ['templateId', 'TEMPLATE'],
  ['bundleId', 'ADDON_BUNDLE'],
  ['seedId', 'SEED'],
];

const recalledTarget = (ids: Recalled): { kind: string | null; id: string | null } => {
  const found = RECALLED.find(([id]) => ids[id] !== undefined);
  return found === undefined ? { kind: null, id: null } : { kind: found[1], id: ids[found[0]] ?? null };
};

const keyOf = (call: Call): string | null => {
  const key = call.idempotencyKey ?? null;
  if (key !== null && !/^[\x21-\x7e]{1,128}$/.test(key))
    throw new UserError('INVALID_INPUT', 'An idempotency key must be 1 to 128 visible ASCII characters.', { field: ['idempotencyKey'] });
  return key;
};

const mismatch = (): UserError =>
  new UserError('IDEMPOTENCY_MISMATCH', 'This idempotency key was used before for another call or another input; use a new key.', {
    field: ['idempotencyKey'],
  });
