/** What a part's trouble means for the whole that waits for it. */
import { errorOf, type Problem, type SeedbedError, type WhoMustAct } from '../domain/errors.ts';
import { type Outcome, waiting } from '../engine/flow.ts';
import type { Trouble } from '../store/troubles.ts';

/** A failure to remove a part that lasts until somebody acts. One that passes by itself is only told in `waitingForParts`. */
export const removalFailure = (noun: 'node' | 'node group', troubles: readonly Trouble[]): SeedbedError | null => {
  for (const { name, removing, condition } of troubles) {
    const { problem } = condition;
    if (removing && problem !== null && problem.whoMustAct !== 'NOBODY') return errorOf(named(problem, noun, name));
  }
  return null;
};

/** Waits for parts, and names the one that has been in trouble for the longest, with who must act. */
export const waitingForParts = (what: string, noun: 'node' | 'node group', troubles: readonly Trouble[]): Outcome => {
  const [first] = troubles;
  if (first === undefined) return waiting(what, LOOK_MS);
  const { waitingFor, problem, message } = first.condition;
  const whoMustAct: WhoMustAct = problem?.whoMustAct ?? waitingFor?.whoMustAct ?? 'NOBODY';
  // Once is enough, however many wholes wait for one another.
  const late = first.condition.reason === 'WaitingLongerThanUsual' && !message.endsWith(LATE) ? LATE : '';
  const trouble = waitingFor === null ? message : `waits for ${message}${late}`;
  return waiting(`${what}; ${noun} ${first.name}: ${trouble}`, LOOK_MS, whoMustAct);
};

const LATE = ', for longer than usual';
const LOOK_MS = 30_000;

/** On its way up a problem is told with the name of the node that has it, once. */
const named = (problem: Problem, noun: string, name: string): Problem =>
  noun === 'node' ? { ...problem, message: `Node ${name} could not be removed: ${problem.message}` } : problem;
