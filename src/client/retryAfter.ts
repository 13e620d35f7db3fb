/** A server that is asked too often says when to come again, and is obeyed: what it refused so was not done. */
import { setTimeout as pause } from 'node:timers/promises';
import { ClientError } from './errors.ts';
import { type PostAnswer, type PostOptions, postJson } from './post.ts';

const MOST_TRIES = 5;
/** Who has to wait for longer is told, and decides. */
const LONGEST_S = 60;
/** Those that were refused together do not come back together. */
const SPREAD_MS = 500;

/** As `postJson`, at most five times as long as the answer is 429 and says in how many seconds to try again. */
export const postPatiently = async (options: PostOptions): Promise<PostAnswer> => {
  for (let tries = 1; ; tries += 1) {
    const answer = await postJson(options);
    const seconds = answer.status === 429 ? secondsIn(answer.headers['retry-after']) : null;
    if (seconds === null || seconds > LONGEST_S || tries === MOST_TRIES) return answer;
    const { signal } = options;
    await pause(seconds * 1000 + Math.random() * SPREAD_MS, undefined, signal === undefined ? {} : { signal }).catch((cause: unknown) => {
      throw new ClientError('INTERRUPTED', 'Interrupted.', { cause });
    });
  }
};

/** Null: none, or a date, which Seedbed does not send. */
const secondsIn = (header: string | undefined): number | null => (/^\d{1,5}$/.test(header ?? '') ? Number(header) : null);
