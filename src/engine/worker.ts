/** The worker: claims due keys, runs one pass for each side by side, and settles them. */
import { randomUUID } from 'node:crypto';
import type { ObjectKind } from '../domain/condition.ts';
import type { Claim, Queue, Settlement } from '../domain/work.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { turn } from '../lib/turn.ts';
import { retryDelayMs } from './backoff.ts';
import { LeaseLost } from './flow.ts';
import { createHands, type Hands, MEASURE_MS } from './hands.ts';

export interface Pass {
  claim: Claim;
  signal: AbortSignal;
  /** Calls back when somebody asks for this object during the pass; returns what ends that. */
  onWake: (listener: () => void) => () => void;
}

/** What a pass leads to: null = the key is finished for good; `failed` raises the count that the back-off grows by. */
export interface PassResult {
  dueInMs: number | null;
  failed: boolean;
}

export type Handler = (pass: Pass) => Promise<PassResult>;

export interface WorkerDeps {
  queue: Queue;
  handlers: Record<ObjectKind, Handler>;
  clock: Clock;
  random: () => number;
  log: Log;
  /** 8 to 48 by default. */
  hands?: Hands;
  leaseMs?: number;
  onPass?: (kind: ObjectKind, ms: number, failed: boolean) => void;
}

export interface Worker {
  start(): void;
  /** Takes no more keys, lets the passes under way end (at most `graceMs`), gives leases back. */
  stop(graceMs: number): Promise<void>;
}

/** Without a hint the table is looked at this often: it covers a hint that was lost, and leases of a dead process. */
const LOOK_MS = 1_000;

const keyOf = ({ kind, id }: Claim): string => `${kind}/${id}`;

export const createWorker = (deps: WorkerDeps): Worker => {
  const { queue, clock } = deps;
  const hands = deps.hands ?? createHands();
  const leaseMs = deps.leaseMs ?? 60_000;
  const owner = randomUUID();
  /** A key may be there twice: a pass that lost its lease may be at work still when the next has begun. */
  const active = new Set<Claim>();
  const wakers = new Map<string, () => void>();
  const abort = new AbortController();
  const settlements: Settlement[] = [];
  let stopped = false;
  let looking = false;
  let lookAgain = false;
  let timer: NodeJS.Timeout | null = null;
  let renewing: NodeJS.Timeout | null = null;
  let settling: Promise<void> | null = null;
  let unhint: (() => void) | null = null;

  const settleAll = async () => {
    while (settlements.length > 0) {
      const batch = settlements.splice(0);
      try {
        await queue.settle(batch);
      } catch (error) {
        // The leases run out by themselves and the passes are repeated; nothing is lost but time.
        deps.log.error({ err: error }, 'settling failed');
      }
    }
    settling = null;
  };

  const run = async (claim: Claim) => {
    const key = keyOf(claim);
    const began = performance.now();
    let result: PassResult | null;
    try {
      result = await deps.handlers[claim.kind]({
        claim,
        signal: abort.signal,
        onWake: (listener) => {
          wakers.set(key, listener);
          return () => wakers.get(key) === listener && wakers.delete(key);
        },
      });
    } catch (error) {
      result = error instanceof LeaseLost ? null : { dueInMs: retryDelayMs(error, claim.attempts + 1, deps.random()), failed: true };
      deps.log.error({ err: error, key }, 'a pass failed');
    }
    active.delete(claim);
    hands.ended();
    deps.onPass?.(claim.kind, performance.now() - began, result?.failed ?? true);
    if (result !== null) {
      settlements.push({
        claim,
        dueAt: result.dueInMs === null ? null : clock.now() + Math.max(0, Math.round(result.dueInMs)),
        attempts: result.failed ? claim.attempts + 1 : 0,
      });
      settling ??= Promise.resolve().then(settleAll);
      await settling;
    }
    void look();
  };

  const look = async (): Promise<void> => {
    lookAgain = true;
    if (looking) return;
    looking = true;
    try {
      while (lookAgain && !stopped) {
        // Counted once: there may be fewer a moment later.
        const limit = hands.count() - active.size;
        if (limit <= 0) break;
        lookAgain = false;
        const claims = await queue.claim({ owner, limit, leaseMs });
        for (const claim of claims) active.add(claim);
        for (const claim of claims) {
          if (stopped) active.delete(claim);
          else void run(claim);
          // A pass computes until it first waits for somebody: one each turn.
          if (claims.length > 1) await turn();
        }
        if (claims.length === limit) lookAgain = true;
      }
      await arm();
    } catch (error) {
      deps.log.error({ err: error }, 'looking for work failed');
      schedule(LOOK_MS);
    } finally {
      looking = false;
    }
  };

  const arm = async () => {
    // With no hand free the end of a pass looks again, and so does who may have more hands by then.
    if (active.size >= hands.most) return;
    if (active.size >= hands.count()) return schedule(MEASURE_MS);
    const next = await queue.nextDueAt();
    schedule(next === null ? LOOK_MS : Math.min(LOOK_MS, Math.max(1, next - clock.now())));
  };

  const schedule = (ms: number) => {
    if (timer !== null) clearTimeout(timer);
    if (!stopped) timer = setTimeout(() => void look(), ms);
  };

  return {
    start: () => {
      unhint = queue.onHint((keys) => {
        for (const { kind, id } of keys) wakers.get(`${kind}/${id}`)?.();
        void look();
      });
      renewing = setInterval(() => {
        queue.renew(owner, [...active], leaseMs).catch((error) => deps.log.error({ err: error }, 'renewing leases failed'));
      }, leaseMs / 3);
      void look();
    },
    stop: async (graceMs) => {
      stopped = true;
      unhint?.();
      if (timer !== null) clearTimeout(timer);
      if (renewing !== null) clearInterval(renewing);
      abort.abort();
      const end = performance.now() + graceMs;
      while ((active.size > 0 || settling !== null) && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
      await queue.release(owner);
    },
  };
};
