/** One pass over one object: load, run the flow, store each report as it comes, and settle. The same for all kinds. */
import { pauseOf } from '../domain/pause.ts';
import type { Claim } from '../domain/work.ts';
import { driftDelayMs, soonestRetryMs } from '../engine/backoff.ts';
import { LeaseLost, runFlow, type StepReport } from '../engine/flow.ts';
import { type PassSummary, summarize } from '../engine/progress.ts';
import type { Handler } from '../engine/worker.ts';
import { newId, openstackRequestId } from '../lib/ids.ts';
import { loadRequestId } from '../store/progress.ts';
import { holdsLease } from '../store/workItems.ts';
import { haltAtHold, hibernationHold, pauseHold, silenceHold } from './holds.ts';
import type { Kind, ObjectRow, Write } from './kind.ts';
import { openRecorder } from './recorder.ts';
import { type World, worldOf } from './world.ts';

const OVERDUE_LOOK_MS = 60_000;

/** Who ends it wakes it; this is for a wake that was lost. */
const REST_MS = 600_000;

export const createHandler = <Row extends ObjectRow, Scope>(world: World, kind: Kind<Row, Scope>): Handler => {
  return async ({ claim, signal, onWake }) => {
    const row = await kind.load(world.store.db, claim.id);
    if (row === undefined || row.deletedAt !== null) return { dueInMs: null, failed: false };
    const write = fencedWrite(world, claim);
    const removing = row.deleteRequestedAt !== null;
    const asked = await loadRequestId(world.store.db, row.id, kind.partOf?.(row) ?? []);
    // What nobody asked for is found in OpenStack's logs, too.
    const requestId = asked ?? openstackRequestId(newId());
    const scope = await kind.open(row, write, worldOf(world, requestId));
    const held = await kind.held?.(row, scope);
    if (held === 'REST') return { dueInMs: REST_MS, failed: false };
    const recorder = await openRecorder({ world, kind, row, scope, write, removing, held, requestId });
    const cluster = kind.cluster?.(row, scope);
    const now = world.clock.now();
    const pause = cluster === undefined ? null : pauseOf(cluster, now);
    await recorder.tellHold(pauseHold(pause));
    await recorder.tellHold(hibernationHold(held?.hibernation ?? null));
    await recorder.tellHold(silenceHold(held?.silentSince ?? null));
    // That nobody can see it is told all the same: nothing else is done then either.
    if (pause !== null && held?.tells !== true) return { dueInMs: Math.min(pause.until - now, LONGEST_REST_MS), failed: false };
    const flow = held === undefined ? kind.flow : held.flow;
    if (flow === null) return { dueInMs: REST_MS, failed: false };
    const halt = new AbortController();
    const stop = AbortSignal.any([signal, halt.signal]);
    const onHold = haltAtHold(world, cluster, halt, onWake);
    const reports = await runFlow(flow, scope, { removing, signal: stop, onReport: (report) => recorder.record(report), onWake: onHold });
    if (stop.aborted) return { dueInMs: 0, failed: false };
    const summary = summarize(reports, removing);
    await recorder.settle(summary, held?.stateOf(summary) ?? kind.stateOf(scope, row, summary));
    if (summary.settled && removing) {
      kind.forget?.(row);
      return { dueInMs: null, failed: false };
    }
    const until = removing ? undefined : kind.restsUntil?.(row, summary.settled);
    if (until !== undefined) return { dueInMs: until === null ? null : Math.max(0, until - world.clock.now()), failed: false };
    const lookInMs = (kind.lookAt?.(row) ?? Number.POSITIVE_INFINITY) - world.clock.now();
    // What is due and could not be done yet is no reason to hurry.
    const soonestMs = lookInMs > 0 ? lookInMs : OVERDUE_LOOK_MS;
    return {
      dueInMs: Math.min(
        dueIn(world, summary, reports, (step) => recorder.attempts(step)),
        soonestMs,
      ),
      failed: summary.failure !== null,
    };
  };
};

/** What nobody wakes at a pause's end looks again after so long. */
const LONGEST_REST_MS = 60_000;

const dueIn = (world: World, summary: PassSummary, reports: readonly StepReport[], attempts: (step: string) => number): number => {
  if (summary.settled) return driftDelayMs(world.random()) * world.settings.driftFactor;
  const failed = reports.filter((r) => r.state === 'FAILED').map(({ error, name }) => ({ error, attempts: attempts(name) }));
  return Math.min(soonestRetryMs(failed, world.random), summary.retryAfterMs ?? Number.POSITIVE_INFINITY, 60_000);
};

/** Transactions that are refused once the lease is lost. */
export const fencedWrite =
  (world: World, claim: Claim): Write =>
  (work) =>
    world.store.transaction(async (tx) => {
      if (!(await holdsLease(tx, claim))) throw new LeaseLost(`${claim.kind}/${claim.id}`);
      return work(tx);
    });
