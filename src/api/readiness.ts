/** Whether the server is ready, looked at once for all who ask: anybody who finds the port may ask, and a look is a call to Keystone. */
import type { Clock } from '../lib/clock.ts';
import type { ApiDeps } from './settings.ts';

/** Load balancers and kubelets ask each few seconds, and believe no single answer: what went bad is told soon enough. */
const GOOD_MS = 5_000;
/** What is good again shall not be kept from its callers. */
const BAD_MS = 1_000;

type Look = ApiDeps['ready'];

/** One look at a time, and its answer for so long from its end; one that fails without an answer is not remembered. */
export const sharedReadiness = (look: Look, clock: Clock): Look => {
  let known: { answer: Awaited<ReturnType<Look>>; at: number } | null = null;
  let looking: ReturnType<Look> | null = null;
  const isFresh = ({ answer, at }: NonNullable<typeof known>): boolean => {
    const age = clock.now() - at;
    // A clock that was put back makes nothing young again.
    return age >= 0 && age < (answer.ok ? GOOD_MS : BAD_MS);
  };
  const lookAnew = async () => {
    const answer = await look();
    known = { answer, at: clock.now() };
    return answer;
  };
  return async () => {
    if (known !== null && isFresh(known)) return known.answer;
    looking ??= lookAnew().finally(() => {
      looking = null;
    });
    return looking;
  };
};
