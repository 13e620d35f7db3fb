/** `--plan` of a change: what it would do with this input, shown in place of done. */
import type { Command } from 'commander';
import { errorOfProblem, type ProblemFields } from '../client/errors.ts';
import type { ExpectedDuration, Plan, PlannedObject } from '../client/types.ts';
import type { ChangeOptions } from './options.ts';
import type { Session } from './session.ts';
import { fields, plain, table } from './table.ts';

export interface PlanOptions extends ChangeOptions {
  plan?: boolean;
}

export const withPlan = (command: Command): Command =>
  command.option('--plan', 'show what it would do, and do nothing; it fails where the change would be refused');

/**
 * `document`: a query of PLANS, which takes the mutation's own input. What would be refused is shown all the same, and then thrown as the
 * mutation would be: a script that asks before it acts stops there.
 */
export const showPlan = async (session: Session, document: string, input: Record<string, unknown>): Promise<void> => {
  const { plan } = await session.client.request<{ plan: Plan }>(document, { input });
  session.print(plan, () => planText(plan));
  failAs(plan.problems[0] ?? null);
};

/** Throws ClientError for what a change that was only looked at would be refused for. */
export const failAs = (problem: ProblemFields | null): void => {
  if (problem !== null) throw errorOfProblem(problem);
};

const planText = (plan: Plan): string => {
  const objects = [...rowsOf('create', plan.creates), ...rowsOf('restart', plan.restarts), ...rowsOf('delete', plan.deletes)];
  return [
    ...(plan.changes.length === 0 ? [] : [table(['SETTING', 'FROM', 'TO', ''], plan.changes.map(changeRow), '')]),
    table(['WHAT', 'COUNT', 'KIND', 'OF', 'NAMES'], objects, 'Nothing is made, restarted or taken away.'),
    ...(plan.quota.length === 0 ? [] : [table(['QUOTA', 'NEEDED', 'IN USE', 'LIMIT', 'WHOSE', ''], plan.quota.map(quotaRow), '')]),
    fields([['usually takes', durationText(plan.expectedDuration)]]),
    ...plan.warnings.map((text) => `Warning: ${plain(text)}\n`),
    ...plan.problems.map(({ message }) => `Not now: ${plain(message)}\n`),
  ].join('');
};

const rowsOf = (what: string, objects: readonly PlannedObject[]) =>
  objects.map(({ count, kind, of, names }) => [what, count, kind, of, names.join(', ')]);

const changeRow = ({ field, from, to, possible }: Plan['changes'][number]) => [field, from, to, possible ? '' : 'not on a living cluster'];

const quotaRow = ({ resource, needed, inUse, limit, source, temporary }: Plan['quota'][number]) => [
  resource,
  needed,
  inUse,
  limit,
  source,
  temporary ? 'while nodes are replaced' : '',
];

const durationText = ({ medianSeconds, p90Seconds, reason, samples }: ExpectedDuration): string =>
  medianSeconds === null || p90Seconds === null
    ? `not known: ${reason ?? ''}`
    : `${Math.round(medianSeconds)} s, nine of ten no longer than ${Math.round(p90Seconds)} s (of ${samples})`;
