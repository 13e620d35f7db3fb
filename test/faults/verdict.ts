/** What is wrong with a phase that something went wrong in, compared with a calm one; sentences, none when all is well. */
import type { RecordedCall } from '../../src/sandbox/counters.ts';
import type { Case } from './cases.ts';
import type { Course } from './life.ts';

/** What a service means for good: nobody can expect that another try helps, so a person may have to ask for it. What comes twice may be refused, too. */
const MEANT: ReadonlySet<string> = new Set(['400', '401', '403', '404', '409', '413', 'duplicate']);
/** Beside half as many again: what looks at things once more after a failure. */
const MORE_CALLS = 20;
/** A read that comes so long after the last of its kind is a poll: how many there are hangs on how long a phase takes, and on nothing else. */
const POLL_MS = 900;
/** A second, but for what a busy machine adds to the first call's way. */
const PACE_MS = 700;

export const verdict = (met: Case | null, course: Course, calm: Course): string[] => [
  ...difference(course.shape, calm.shape),
  ...stopsOf(met, course),
  ...tooMany(course, calm),
  ...tooSoon(course.calls),
];

/** A thing of the cloud's that is there once more than it should be, or what is noted to be ended. */
export const isDouble = (sentence: string): boolean => {
  const [, there, due] = /there are (\d+), and not (\d+)$/.exec(sentence) ?? [];
  return /^((compute|network|volume|identity) |inventory .* DELETING:)/.test(sentence) && Number(there) > Number(due);
};

/** What there is, and how often: a leak or a double is one line more. */
const difference = (shape: readonly string[], calm: readonly string[]): string[] => {
  const count = (lines: readonly string[], line: string) => lines.filter((other) => other === line).length;
  return [...new Set([...shape, ...calm])].flatMap((line) => {
    const [there, due] = [count(shape, line), count(calm, line)];
    return there === due ? [] : [`${line}: there are ${there}, and not ${due}`];
  });
};

const stopsOf = (met: Case | null, { stops }: Course): string[] =>
  stops
    .filter((stop) => !MEANT.has(met?.kind ?? '') || /NO CODE|NO MESSAGE|INTERNAL/.test(stop))
    .map((stop) => `it waited for somebody: ${stop}`);

const tooMany = ({ calls, stops }: Course, calm: Course): string[] => {
  const [made, due] = [withoutPolls(calls).length, withoutPolls(calm.calls).length];
  const most = 1.5 * due + MORE_CALLS * (1 + stops.length);
  return made <= most ? [] : [`${made} calls beside polls, where a calm one takes ${due}`];
};

const withoutPolls = (calls: readonly RecordedCall[]): RecordedCall[] => {
  const last = new Map<string, number>();
  return calls.filter(({ service, method, template, write, at }) => {
    const kind = `${service} ${method} ${template}`;
    const before = last.get(kind);
    last.set(kind, at);
    return write || before === undefined || at - before < POLL_MS;
  });
};

/** A write that was made again within a second. */
export const tooSoon = (calls: readonly RecordedCall[]): string[] => {
  const last = new Map<string, number>();
  return calls
    .filter(({ write }) => write)
    .flatMap(({ service, method, path, name, digest, at }) => {
      const key = `${service} ${method} ${path} ${digest}`;
      const before = last.get(key);
      last.set(key, at);
      return before === undefined || at - before >= PACE_MS ? [] : [`${service} ${method} ${path} ${name}: again after ${at - before} ms`];
    });
};
