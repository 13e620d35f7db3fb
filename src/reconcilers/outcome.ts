/** What a pass comes to: for the object's state, and for the operations that asked for it. */
import type { PassSummary } from '../engine/progress.ts';
import type { ObjectRow } from './kind.ts';

/** For the first time; what is missing is not what was to be made. */
export const isMade = (row: ObjectRow, summary: PassSummary): boolean => row.observedGeneration === 0 && summary.made;

/** An optional step's failure is no failure of the making. */
const isBlocked = (row: ObjectRow, { failure }: PassSummary): boolean =>
  failure?.problem?.retryable === false && !(row.observedGeneration === 0 && failure.optional === true);

/** Done, or stopped until somebody acts; null while it goes on by itself. */
export const closingOf = (row: ObjectRow, summary: PassSummary): 'SUCCEEDED' | 'FAILED' | null => {
  if (summary.settled || isMade(row, summary)) return 'SUCCEEDED';
  return isBlocked(row, summary) ? 'FAILED' : null;
};

/** The state most kinds share: what is wanted against what has been seen. `updating`: a change below the object is under way. */
export const commonState = (row: ObjectRow, summary: PassSummary, updating = false): string => {
  if (row.deleteRequestedAt !== null) return summary.settled ? 'DELETED' : 'DELETING';
  if (summary.settled) return 'READY';
  const blocked = isBlocked(row, summary);
  if (isMade(row, summary)) return 'DEGRADED';
  if (row.observedGeneration === 0) return blocked ? 'FAILED' : 'CREATING';
  if (blocked || summary.failure !== null) return 'DEGRADED';
  return updating || row.generation > row.observedGeneration ? 'UPDATING' : 'DEGRADED';
};
