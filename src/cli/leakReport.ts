/** What a deleted cluster left in its project, as text. */
import type { LeakReport, Leftover } from '../client/types.ts';
import { table } from './table.ts';

/** A report with all that is left, from however many pages. */
export interface WholeLeakReport extends Omit<LeakReport, 'leftoversConnection'> {
  leftovers: Leftover[];
}

/** Ends with a newline. */
export const leakReportText = ({ verifiedAt, made, deleted, leftovers, unverified }: WholeLeakReport): string =>
  [
    `Looked through at ${verifiedAt}: ${deleted} of ${made} things that were noted in the project are gone.\n`,
    table(
      ['FATE', 'KIND', 'NAME', 'ID', 'MADE BY', 'REASON'],
      leftovers.map(({ fate, kind, name, externalId, madeBy, reason }) => [fate, kind, name, externalId, madeBy, reason]),
      'Nothing is left.',
    ),
    ...unverified.map(({ kind, reason }) => `Not verified: ${kind}. ${reason}\n`),
  ].join('');
