/** The addon bundles that were chosen: each is applied, kept so, and taken away when it is chosen no more; none holds up another. */
import type { BundleChoice, BundleState } from '../../../domain/addonBundle.ts';
import { errorOf, NotFound, problemOf, type WhoMustAct } from '../../../domain/errors.ts';
import { done, LeaseLost, NotYet, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { stableJson } from '../../../lib/json.ts';
import { installBundle, removeBundle } from '../bundle.ts';
import type { ClusterScope } from '../scope.ts';
import { tenantBootstrap } from './tenantBootstrap.ts';

export const bundles: Step<ClusterScope> = {
  name: 'BundlesInstalled',
  title: 'Install the chosen addon bundles',
  usuallyMs: 300_000,
  late: 'CLOUD_ADMIN',
  optional: true,
  needs: [tenantBootstrap],
  wanted: ({ row }) => row.spec.bundles.length > 0,
  ensure: (scope) => carryOut(scope, scope.row.spec.bundles),
  remove: async (scope) => {
    // With its control plane a cluster loses all that is in it.
    if (scope.row.deleteRequestedAt !== null || (scope.row.bundleStates ?? []).length === 0) return done();
    return carryOut(scope, []);
  },
};

interface Result {
  /** null: nothing of it is left. */
  state: BundleState | null;
  retryAfterMs: number;
  whoMustAct: WhoMustAct;
}

const carryOut = async (scope: ClusterScope, chosen: readonly BundleChoice[]): Promise<Outcome> => {
  const { row } = scope;
  const before = row.bundleStates ?? [];
  const leaving = before.filter(({ name }) => !chosen.some((choice) => choice.name === name)).reverse();
  const states = new Map(before.map((state) => [state.name, state]));
  const save = async () => {
    const next = [...states.values()];
    if (stableJson(next) !== stableJson(row.bundleStates ?? [])) await scope.patch({ bundleStates: next });
  };
  const results: Result[] = [];
  const keep = async (name: string, result: Result) => {
    results.push(result);
    if (result.state === null) states.delete(name);
    else states.set(name, result.state);
    await save();
  };
  // What goes may hold a name that another one brings.
  for (const { name, revision } of leaving) {
    const going = { name, revision, state: 'REMOVING' } as const;
    await keep(name, await resultOf(going, () => removeBundle(scope, name)));
  }
  for (const choice of chosen) {
    const { name, revision } = choice;
    const coming = { name, revision, state: 'INSTALLING' } as const;
    // Noted before anything of it is there, so that whatever is there will be taken away again.
    if (!states.has(name)) states.set(name, { ...coming, message: '', problem: null });
    await save();
    await keep(name, await resultOf(coming, () => installBundle(scope, choice)));
  }
  return outcomeOf(results);
};

const resultOf = async (under: Pick<BundleState, 'name' | 'revision' | 'state'>, work: () => Promise<Outcome>): Promise<Result> => {
  const { name, revision, state } = under;
  const inWork = (message: string, retryAfterMs: number, whoMustAct: WhoMustAct): Result => ({
    state: { ...under, message, problem: null },
    retryAfterMs,
    whoMustAct,
  });
  try {
    const outcome = await work();
    if (outcome.kind === 'waiting') return inWork(outcome.reason, outcome.retryAfterMs, outcome.whoMustAct ?? 'NOBODY');
    const ready: BundleState = { name, revision, state: 'READY', message: outcome.detail ?? '', problem: null };
    return { state: state === 'REMOVING' ? null : ready, retryAfterMs: 0, whoMustAct: 'NOBODY' };
  } catch (error) {
    if (error instanceof LeaseLost) throw error;
    if (error instanceof NotYet) return inWork(error.message, error.retryAfterMs, 'NOBODY');
    if (error instanceof NotFound) return inWork(error.message, NOT_SERVED_MS, 'NOBODY');
    const problem = problemOf(error);
    return {
      state: { ...under, state: problem.retryable ? state : 'FAILED', message: problem.message, problem },
      retryAfterMs: 0,
      whoMustAct: problem.whoMustAct,
    };
  }
};

const NOT_SERVED_MS = 2_000;

const outcomeOf = (results: readonly Result[]): Outcome => {
  const open = results.filter(({ state }) => state !== null && state.state !== 'READY' && state.problem === null);
  const soonest = open.length === 0 ? undefined : Math.min(...open.map(({ retryAfterMs }) => retryAfterMs));
  const problems = results.map(({ state }) => state?.problem ?? null).filter((problem) => problem !== null);
  const problem = problems.find(({ retryable }) => !retryable) ?? problems[0];
  if (problem !== undefined) throw errorOf(problem, soonest);
  const [first] = open;
  if (first?.state == null || soonest === undefined) return done();
  return waiting(`${first.state.name}: ${first.state.message}`, soonest, first.whoMustAct);
};
